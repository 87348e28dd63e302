"""Funding and open interest of running bots: asked for between bars, waited for by nobody."""

from __future__ import annotations

import asyncio

import numpy as np

from cointrader.app.live.told_context import ToldContext
from cointrader.app.virtual_time import LoopClock, VirtualLoop
from cointrader.domain.errors import DataError, Unreachable
from cointrader.domain.ports import Settlement
from cointrader.domain.records import Alert
from tests.markets import BAR_MS, START_MS

XRP, TRX = "XRPUSDT", "TRXUSDT"
MINUTE_MS, HOUR_MS = 60_000, 3_600_000


class Exchange:
    """Tells an amount every five minutes and a settlement every eight hours, or fails."""

    def __init__(self, clock):
        self.clock = clock
        self.error = None
        self.asked_ms = []

    async def funding_rates(self, symbol, from_ms, to_ms):
        self._ask()
        times = range(-(-from_ms // (8 * HOUR_MS)) * 8 * HOUR_MS, self._until(to_ms), 8 * HOUR_MS)
        return [Settlement(at_ms, 1e-4) for at_ms in times]

    async def open_interest(self, symbol, from_ms, to_ms):
        self._ask()
        step_ms = 5 * MINUTE_MS
        times = range(-(-from_ms // step_ms) * step_ms, self._until(to_ms), step_ms)
        return [(at_ms, 1000.0 + at_ms / step_ms % 97) for at_ms in times]

    def _until(self, to_ms):
        return min(to_ms, self.clock.now_ms() + 1)

    def _ask(self):
        self.asked_ms.append(self.clock.now_ms() - START_MS)
        if self.error is not None:
            raise self.error


def in_virtual_time(course):
    async def whole():
        clock = LoopClock(0)
        clock.start_at(START_MS)
        exchange, alerts = Exchange(clock), list[Alert]()
        told = ToldContext(exchange, clock, [XRP, TRX], BAR_MS, tell=alerts.append)
        running = asyncio.create_task(told.run())
        await course(clock, exchange, told, alerts)
        running.cancel()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(whole())


def test_it_asks_at_once_then_after_each_close_and_before_the_next():
    async def course(clock, exchange, told, alerts):
        await clock.sleep_until_ms(START_MS + 2 * BAR_MS - 1)
        assert sorted(set(exchange.asked_ms)) == [
            0, 14 * MINUTE_MS, BAR_MS + 5_000, 2 * BAR_MS - MINUTE_MS
        ]  # fmt: skip
        assert not alerts

    in_virtual_time(course)


def test_at_every_close_the_features_of_the_bar_are_known():
    async def course(clock, exchange, told, alerts):
        for bar in range(1, 40):
            await clock.sleep_until_ms(START_MS + bar * BAR_MS)
            times = START_MS + BAR_MS * np.arange(bar - 900, bar)
            for symbol in (XRP, TRX):
                rate, change = told.of(symbol).columns(times)
                assert not np.isnan(rate).any()
                assert not np.isnan(change).any()

    in_virtual_time(course)


def test_what_cannot_be_had_is_missing_and_a_person_hears_once():
    async def course(clock, exchange, told, alerts):
        exchange.error = Unreachable("the exchange does not answer")
        await clock.sleep_until_ms(START_MS + 4 * BAR_MS)
        times = START_MS + BAR_MS * np.arange(3)
        assert all(np.isnan(column).all() for column in told.of(XRP).columns(times))
        assert [(alert.level, alert.symbol) for alert in alerts] == [
            ("warning", XRP), ("warning", TRX)
        ]  # fmt: skip

        exchange.error = None
        await clock.sleep_until_ms(START_MS + 5 * BAR_MS)
        assert not any(np.isnan(column).any() for column in told.of(XRP).columns(times))
        assert [alert.level for alert in alerts] == ["warning"] * 2 + ["info"] * 2

    in_virtual_time(course)


def test_an_answer_that_makes_no_sense_ends_nothing():
    async def course(clock, exchange, told, alerts):
        exchange.error = DataError("no such field")
        await clock.sleep_until_ms(START_MS + BAR_MS)
        exchange.error = None
        await clock.sleep_until_ms(START_MS + 2 * BAR_MS)
        times = START_MS + BAR_MS * np.arange(2)
        assert not any(np.isnan(column).any() for column in told.of(XRP).columns(times))

    in_virtual_time(course)
