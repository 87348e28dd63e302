"""Funding and open interest as a bot is told them over the wire are those of a backtest."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from cointrader.app.config import Config
from cointrader.app.paper.live_plan import live_market_plan
from cointrader.app.paper.market import synthetic_market
from cointrader.app.virtual_time import VirtualLoop
from cointrader.backtest.market import Market
from cointrader.domain.clock import HOUR_MS
from cointrader.journal.reader import JournalReader
from cointrader.signals.features import feature_names, feature_row, features
from cointrader.signals.indicators import Indicators
from cointrader.signals.rules import WARM_UP_BARS, Signal, Signals
from tests.full import some
from tests.served_market import served_market

XRP = "XRPUSDT"
START_MS = 1_767_225_600_000  # 2026-01-01
TOLD = ("oi_change", "funding_rate", "oi_change_ma5", "oi_price_spread")
PLACES = [feature_names(()).index(name) for name in TOLD]


class Listener:
    """Never trades; remembers what the features of each bar would have been when it closed."""

    name = "listener"
    warm_up = WARM_UP_BARS

    def __init__(self) -> None:
        self.heard: dict[int, np.ndarray] = {}

    def evaluate(self, frame, indicators):
        del indicators
        nothing = Signal(side=None, strength=0, reasons=())
        row = feature_row(frame, Indicators(frame), nothing)
        self.heard.setdefault(int(frame.open_time_ms[-1]), row[PLACES])
        nobody = np.zeros(len(frame), np.int8)
        return Signals(side=nobody, strength=nobody, parts={})


def heard_over_the_wire(config, market, journal):
    listener = Listener()

    async def course():
        async with served_market(
            config, market.source, start_ms=market.start_ms, end_ms=market.end_ms
        ) as served:
            plan = live_market_plan(
                config, balance=Decimal(1000), journal_path=journal, url=served.url
            )
            async with served.traded(replace(plan, rules={XRP: listener})):
                await served.over.wait()
                await served.clock.sleep_ms(1_000)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(course())
    return listener.heard


@pytest.mark.parametrize("interval", some(["15m", "5m"], 2))
def test_what_is_told_over_the_wire_is_what_a_backtest_knows_on_every_bar(tmp_path, interval):
    config = Config(
        overrides={"symbols": [XRP], "correlation_symbols": [], "interval": interval},
        environ={},
        folder="/nonexistent",
    )
    # A settlement in the middle.
    start_ms, end_ms = START_MS + 7 * HOUR_MS, START_MS + 9 * HOUR_MS
    market = synthetic_market(config, 7, start_ms, end_ms)

    heard = heard_over_the_wire(config, market, tmp_path / "j.db")

    frame = Market.of(market.source, [XRP], []).frames[XRP]
    nothing = np.zeros(len(frame), np.int8)
    known = features(frame, Indicators(frame), nothing, nothing)[:, PLACES]
    bars = dict(zip(frame.open_time_ms.tolist(), known, strict=True))
    decided = [at_ms for at_ms in sorted(heard) if at_ms >= start_ms]
    assert len(decided) == len(range(start_ms, end_ms, market.source.interval_ms))
    for at_ms in decided:
        assert not np.isnan(heard[at_ms]).any(), at_ms
        np.testing.assert_allclose(heard[at_ms], bars[at_ms], rtol=1e-9, atol=1e-9)
    with JournalReader(tmp_path / "j.db") as reader:
        assert not list(reader.alerts())
