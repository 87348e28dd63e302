"""Funding and open interest are the same columns, whoever asks for them."""

from __future__ import annotations

import asyncio
import math

import numpy as np
import pytest

from cointrader.backtest.market import Market
from cointrader.domain.clock import DAY_MS
from cointrader.domain.errors import Unreachable
from cointrader.domain.ports import Settlement
from cointrader.market.context import Recorded, Told
from cointrader.market.synthetic import SyntheticSource
from tests.markets import BAR_MS, START_MS, TableSource

FIVE_MS = 300_000
BARS = 1200


def a_source(seed=4, bars=BARS):
    return SyntheticSource(
        ["XRPUSDT"], seed=seed, start_ms=START_MS, bars=bars, interval_ms=BAR_MS,
        correlation_symbols=["BTCUSDT"],
    )  # fmt: skip


class Exchange:
    """Tells what a source has recorded, as far as it is known at `now_ms`; may be away."""

    def __init__(self, source, now_ms):
        self.source = source
        self.now_ms = now_ms
        self.is_away = False
        self.asked = []

    async def funding_rates(self, symbol, from_ms, to_ms):
        self._ask("funding", from_ms)
        known = self.source.settlements(symbol)
        return [s for s in known if from_ms <= s.at_ms < min(to_ms, self.now_ms + 1)]

    async def open_interest(self, symbol, from_ms, to_ms):
        self._ask("interest", from_ms)
        known = self.source.open_interest(symbol)
        return [row for row in known if from_ms <= row[0] < min(to_ms, self.now_ms + 1)]

    def _ask(self, what, from_ms):
        if self.is_away:
            raise Unreachable("the exchange does not answer")
        self.asked.append((what, from_ms))


def equal(one, other):
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True))


def test_recorded_columns_are_those_of_the_source_s_frame():
    source = a_source()
    frame = source.frame("XRPUSDT")

    rate, change = Recorded(source, "XRPUSDT").columns(frame.open_time_ms)

    assert np.array_equal(rate, frame.funding_rate, equal_nan=True)
    np.testing.assert_allclose(change, frame.oi_change, rtol=0, atol=1e-15)
    assert not np.isnan(change[2:]).any()


def test_a_market_for_backtests_has_them():
    source = a_source()

    frame = Market.of(source, ["XRPUSDT"], ["BTCUSDT"]).frames["XRPUSDT"]

    recorded = Recorded(source, "XRPUSDT").columns(frame.open_time_ms)
    assert equal((frame.funding_rate, frame.oi_change), recorded)


def test_a_window_has_the_columns_of_the_whole_history():
    source = a_source()
    times = source.frame("XRPUSDT").open_time_ms
    recorded = Recorded(source, "XRPUSDT")
    whole = recorded.columns(times)

    for start in (1, 100, 777):
        part = recorded.columns(times[start : start + 300])
        assert equal(part, [column[start : start + 300] for column in whole])


@pytest.mark.parametrize("seed", [1, 2])
def test_what_an_exchange_tells_bar_by_bar_is_what_was_recorded(seed):
    source = a_source(seed)
    times = source.frame("XRPUSDT").open_time_ms
    recorded = Recorded(source, "XRPUSDT")
    told = Told(BAR_MS, keep_ms=400 * BAR_MS)
    exchange = Exchange(source, 0)

    for bar in range(400, BARS, 7):
        exchange.now_ms = int(times[bar]) + BAR_MS
        window = times[bar - 299 : bar + 1]
        problem = asyncio.run(
            told.catch_up(exchange, "XRPUSDT", from_ms=int(window[0]), now_ms=exchange.now_ms)
        )
        assert problem is None
        assert equal(told.columns(window), recorded.columns(window))


def test_nothing_is_asked_for_twice():
    exchange, told = (
        Exchange(a_source(), START_MS + 500 * BAR_MS),
        Told(BAR_MS, keep_ms=DAY_MS * 20),
    )

    for _ in range(2):
        asyncio.run(told.catch_up(exchange, "XRPUSDT", from_ms=START_MS, now_ms=exchange.now_ms))

    assert exchange.asked == [("funding", START_MS - DAY_MS), ("interest", START_MS - DAY_MS)]


def test_news_are_asked_for_when_there_may_be_some():
    source, told = a_source(), Told(BAR_MS, keep_ms=DAY_MS * 20)
    exchange = Exchange(source, 0)
    hour_ms = 3_600_000

    def asked_at(now_ms):
        exchange.now_ms = now_ms
        exchange.asked.clear()
        asyncio.run(told.catch_up(exchange, "XRPUSDT", from_ms=START_MS, now_ms=now_ms))
        return [(what, (now_ms - from_ms) // 60_000) for what, from_ms in exchange.asked]

    now_ms = START_MS + 40 * hour_ms
    asked_at(now_ms - 30_000)
    # A settlement comes on the hour; an amount every five minutes.
    assert asked_at(now_ms) == [("funding", 8 * 60 - 1), ("interest", 14)]
    assert asked_at(now_ms + 60_000) == []
    assert asked_at(now_ms + FIVE_MS) == [("funding", 4), ("interest", 4)]


def test_a_window_without_bars_has_no_values():
    nothing = np.empty(0, np.int64)

    for context in (Recorded(a_source(), "XRPUSDT"), Told(BAR_MS, keep_ms=DAY_MS)):
        assert [len(column) for column in context.columns(nothing)] == [0, 0]


def test_an_exchange_that_is_away_leaves_values_missing_and_is_caught_up_with_later():
    source = a_source()
    times = source.frame("XRPUSDT").open_time_ms[:400]
    exchange = Exchange(source, int(times[-1]) + BAR_MS)
    told = Told(BAR_MS, keep_ms=20 * DAY_MS)

    def catch_up():
        return asyncio.run(
            told.catch_up(exchange, "XRPUSDT", from_ms=START_MS, now_ms=exchange.now_ms)
        )

    exchange.is_away = True
    assert isinstance(catch_up(), Unreachable)
    assert all(np.isnan(column).all() for column in told.columns(times))
    exchange.is_away = False
    assert catch_up() is None
    assert equal(told.columns(times), Recorded(source, "XRPUSDT").columns(times))


def test_nothing_is_known_that_is_told_after_the_close():
    """A bot that heard everything until the close knows what a backtest knows of the bar."""
    source = a_source()
    times = source.frame("XRPUSDT").open_time_ms
    told, exchange = Told(BAR_MS, keep_ms=20 * DAY_MS), Exchange(source, 0)

    for bar in range(300, 400):
        exchange.now_ms = int(times[bar]) + BAR_MS - 60_000  # a minute before
        asyncio.run(told.catch_up(exchange, "XRPUSDT", from_ms=START_MS, now_ms=exchange.now_ms))
        window = times[: bar + 1]
        assert equal(told.columns(window), Recorded(source, "XRPUSDT").columns(window))


def test_what_is_old_is_forgotten():
    told = Told(BAR_MS, keep_ms=DAY_MS)
    told.take(amounts=[(START_MS + k * FIVE_MS, 100.0 + k) for k in range(5000)])

    times = START_MS + np.arange(5000 // 3) * BAR_MS
    change = told.columns(times)[1]

    assert np.isnan(change[:-97]).all()
    assert not np.isnan(change[-90:-1]).any()


def test_a_settlement_on_a_bar_s_close_is_not_known_to_it():
    told = Told(BAR_MS, keep_ms=DAY_MS)
    told.take([Settlement(START_MS, 1e-4), Settlement(START_MS + 8 * 3_600_000 + 6, 3e-4)])

    rate, _ = told.columns(START_MS + np.array([0, 31, 32]) * BAR_MS)

    assert rate.tolist() == [1e-4, 1e-4, 3e-4]


def test_an_amount_that_is_missing_is_nan_and_not_0():
    told = Told(BAR_MS, keep_ms=DAY_MS)
    told.take(amounts=[(START_MS + k * BAR_MS, 100.0 * 1.1**k) for k in range(10) if k != 5])

    _, change = told.columns(START_MS + np.arange(-1, 9) * BAR_MS)

    assert [math.isnan(x) for x in change] == [True] * 2 + [False] * 4 + [True] * 2 + [False] * 2
    assert change[2] == pytest.approx(0.1)


def test_a_source_without_either_has_neither():
    source = TableSource({"XRPUSDT": [(1.0, 1.0, 1.0, 1.0)] * 5})

    columns = Recorded(source, "XRPUSDT").columns(START_MS + np.arange(5) * BAR_MS)

    assert all(np.isnan(column).all() for column in columns)
