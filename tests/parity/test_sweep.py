"""Every cell of the usual grid is its own backtest, on made-up candles and on real ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cointrader.app.backtest import market_of, settings_of
from cointrader.app.config import Config
from cointrader.app.paper.market import SYNTHETIC_START_MS, instruments_of, synthetic_market
from cointrader.backtest.run import run
from cointrader.backtest.signals import signals_of
from cointrader.backtest.sweep.cells import Sheet
from cointrader.backtest.sweep.shared import share
from cointrader.market.source import FolderSource
from cointrader.signals.indicators import DEFAULT_PERIODS
from cointrader.signals.score import ScoreRule, ScoreSettings
from cointrader.strategy.plan import ExitSettings
from tests.markets import DAY_MS
from tests.parity.playing import SHARED

FOLDER = SHARED / "combined"
RULES = [
    ScoreRule(ScoreSettings(threshold, multiplier, adx))
    for threshold in (3, 4, 5)
    for adx in (0.0, 20.0, 25.0, 30.0)
    for multiplier in (1.5, 2.0, 2.5)
]
EXITS = [
    ExitSettings(atr_sl_mult=stop, atr_tp_mult=target)
    for stop in (1.0, 1.5, 2.0)
    for target in (2.0, 3.0, 4.0)
]


def configured(profile, symbols):
    given = {"profile": profile, "symbols": symbols, "correlation_symbols": []}
    return Config(overrides=given | {"sizing": "fixed:1000"}, environ={}, folder="/nonexistent")


def assert_every_cell_is_its_backtest(config, source):
    """To the last bit of every column of every trade; how many trades there were."""
    market = market_of(config, source)
    settings = settings_of(config, instruments_of(config, source, config.symbols))
    shared = {
        symbol: share(RULES, frame, DEFAULT_PERIODS) for symbol, frame in market.frames.items()
    }
    sheet, count = Sheet(market, shared), 0
    for variant, rule in enumerate(RULES):
        signals = {symbol: signals_of(rule, frame) for symbol, frame in market.frames.items()}
        for exits in EXITS:
            how = replace(settings, exits=dict.fromkeys(market.symbols, exits))
            alone = run(market, signals, how, with_equity=False).trades
            mine = sheet.trades(how, variant)
            for name in alone.dtype.names or ():
                assert mine[name].tobytes() == alone[name].tobytes(), (rule, exits, name)
            played = sheet.play(how, np.array([variant]))
            assert played.figures["trades"][0, 0] == len(alone)
            assert played.figures["net"][0, 0] == pytest.approx(alone["net"].sum(), abs=1e-6)
            count += len(alone)
    return count


@pytest.mark.slow
@pytest.mark.parametrize("symbols", [["XRPUSDT"], ["XRPUSDT", "TRXUSDT"]])
def test_on_made_up_candles(symbols):
    config = configured("default", symbols)
    market = synthetic_market(config, 4, SYNTHETIC_START_MS, SYNTHETIC_START_MS + 120 * DAY_MS)

    assert assert_every_cell_is_its_backtest(config, market.source) > 5000


@pytest.mark.slow
@pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared real candles are not here")
@pytest.mark.parametrize("profile", ["founding", "default"])
@pytest.mark.parametrize("symbols", [["DOGEUSDT"], ["XRPUSDT", "TRXUSDT", "DOGEUSDT"]])
def test_on_a_year_of_real_candles(profile, symbols):
    source = FolderSource(FOLDER, symbols)

    assert assert_every_cell_is_its_backtest(configured(profile, symbols), source) > 24_000
