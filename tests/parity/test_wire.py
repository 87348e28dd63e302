"""The same bots through the real adapter, HTTP and WebSockets: the same trades, digit for digit."""

import os
from collections import Counter

import numpy as np
import pytest

from cointrader.app.config import Config
from cointrader.domain.clock import DAY_MS
from cointrader.exchange.simulated.wire.faults import FaultPlan
from cointrader.market.source import FolderSource
from tests.full import IS_FULL, some
from tests.markets import Scripted
from tests.parity.playing import SHARED, as_history, founding, play
from tests.parity.test_paper_on_random_markets import a_market, random_settings, random_signals

FOLDER = SHARED / "combined"
SYMBOLS = ["XRPUSDT", "TRXUSDT", "DOGEUSDT"]
JUNE_2025_MS = 1_748_736_000_000
DAYS = int(os.environ.get("COINTRADER_WIRE_DAYS", "2" if IS_FULL else "1"))
LATE_SEEDS = int(os.environ.get("COINTRADER_WIRE_SEEDS", "1"))

real_candles = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the shared real candles are not here"
)


def both_ways(config, source, tmp_path, faults=None, **plan):
    """Played in process, and over the wire."""
    return [
        play(config, source, tmp_path / "in_process.db", **plan),
        play(config, source, tmp_path / "wired.db", wire=True, faults=faults, **plan),
    ]


def assert_same(one, other):
    """Over the wire nobody says that a candle is the last one: it is decided too, and refused."""
    (outcome, summary), (outcome_wired, summary_wired) = one, other
    assert summary.trades == summary_wired.trades
    only_wired = Counter(summary_wired.refusals) - Counter(summary.refusals)
    assert Counter(summary.refusals) <= Counter(summary_wired.refusals)
    assert only_wired.total() <= len(summary.symbols)
    assert outcome.final_wallet == outcome_wired.final_wallet
    assert outcome.halted_days == outcome_wired.halted_days
    assert outcome_wired.quarantined == ()


@pytest.mark.parametrize("seed", some(range(3), 3))
def test_random_markets_trade_the_same_over_the_wire(seed, tmp_path):
    rng = np.random.default_rng(seed)
    source = a_market(rng, bars=60, symbols=3)
    chance = 0.3
    rules = {}
    for symbol in source.symbols():
        history = as_history(source, symbol)
        signals = random_signals(rng, history, chance)
        rules[symbol] = Scripted(dict(zip(history.open_time_ms.tolist(), signals, strict=True)))
    config = founding(source.symbols(), **random_settings(rng))

    in_process, wired = both_ways(config, source, tmp_path, rules=rules)

    assert_same(in_process, wired)
    assert in_process[1].trades


@real_candles
@pytest.mark.parametrize("profile", some(["default", "founding"], 2))
def test_days_of_real_candles_trade_the_same_over_the_wire(profile, tmp_path):
    config = Config(
        overrides={"symbols": SYMBOLS, "profile": profile}, environ={}, folder="/nonexistent"
    )
    end_ms = JUNE_2025_MS + DAYS * DAY_MS

    in_process, wired = both_ways(
        config, FolderSource(FOLDER, SYMBOLS), tmp_path, start_ms=JUNE_2025_MS, end_ms=end_ms
    )

    assert_same(in_process, wired)
    assert in_process[1].trades


@real_candles
@pytest.mark.parametrize("seed", range(1, LATE_SEEDS + 1))
def test_final_klines_up_to_two_seconds_late_change_no_trade(seed, tmp_path):
    config = Config(overrides={"symbols": SYMBOLS}, environ={}, folder="/nonexistent")
    end_ms = JUNE_2025_MS + DAYS * DAY_MS

    in_process, wired = both_ways(
        config,
        FolderSource(FOLDER, SYMBOLS),
        tmp_path,
        faults=FaultPlan.parse("kline-late(0..2)", seed),
        start_ms=JUNE_2025_MS,
        end_ms=end_ms,
    )

    assert_same(in_process, wired)
    assert in_process[1].trades
