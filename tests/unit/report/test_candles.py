"""Candles survive being written as small whole numbers, and trades stand on their bars."""

from typing import Any

import numpy as np
import pytest

from cointrader.backtest.market import Market
from cointrader.backtest.report.candles import (
    decimals_of,
    drawn_interval,
    plain_trades,
    symbol_candles,
)
from tests.markets import BAR_MS, START_MS, TableSource
from tests.unit.report.making import played_inputs


def read_back(told):
    """As the page's script reads them: rows of open, high, low, close."""
    close, rows = 0, []
    for o, up, down, move in told.steps.reshape(-1, 4).tolist():
        first = close + o
        close = first + move
        rows.append((first, max(first, close) + up, min(first, close) - down, close))
    return np.array(rows) / 10**told.decimals


def a_stretch(*symbols, **starts):
    rows = {symbol: [(1.0, 1.2, 0.9, 1.1), (1.1, 1.1, 1.0, 1.05)] * 12 for symbol in symbols}
    return Market.of(TableSource(rows, starts=starts), list(symbols)).between(None, None)


def test_every_candle_is_read_back_as_it_was_played():
    stretch = played_inputs().stretch

    told = symbol_candles(stretch, stretch.market.interval_ms)

    for place, each in enumerate(told):
        rows = slice(int(stretch.candles.first[place]), int(stretch.candles.last[place]) + 1)
        prices = (stretch.candles.open, stretch.candles.high, stretch.candles.low)
        found = read_back(each)
        for column, expected in enumerate((*prices, stretch.candles.close)):
            assert found[:, column] == pytest.approx(expected[place, rows], rel=1e-5)
        assert each.start_ms == stretch.candles.time_ms[rows.start]


def test_longer_candles_span_those_they_are_made_of():
    (told,) = symbol_candles(a_stretch("XUSDT"), 4 * BAR_MS)

    assert len(told) == 6
    assert read_back(told) == pytest.approx(np.array([[1.0, 1.2, 0.9, 1.05]] * 6))


def test_longer_candles_begin_on_their_own_grid():
    (told,) = symbol_candles(a_stretch("XUSDT", XUSDT=START_MS + 2 * BAR_MS), 4 * BAR_MS)

    assert told.start_ms == START_MS
    assert len(told) == 7
    assert read_back(told)[0].tolist() == pytest.approx([1.0, 1.2, 0.9, 1.05])


def test_as_many_candles_are_drawn_as_fit():
    stretch = a_stretch("XUSDT", "YUSDT")  # 48 candles

    assert drawn_interval(stretch) == BAR_MS
    assert drawn_interval(stretch, most=48) == BAR_MS
    assert drawn_interval(stretch, most=47) == 2 * BAR_MS
    assert drawn_interval(stretch, most=12) == 4 * BAR_MS


def test_a_symbol_that_begins_later_starts_there():
    told = symbol_candles(a_stretch("XUSDT", "YUSDT", YUSDT=START_MS + 5 * BAR_MS), BAR_MS)

    assert [each.start_ms for each in told] == [START_MS, START_MS + 5 * BAR_MS]


def test_trades_stand_on_the_bars_they_began_and_ended_on():
    inputs = played_inputs()
    candles = symbol_candles(inputs.stretch, inputs.stretch.market.interval_ms)

    found: dict[str, list[Any]] = dict(plain_trades(inputs.account, candles))

    assert sum(map(len, found.values())) == len(inputs.account.trades)
    for each in candles:
        prices = read_back(each)
        for entered, left, side, at, out, net, r, _reason, stop, entry_s, exit_s in found[
            each.symbol
        ]:
            assert entry_s * 1_000 == each.start_ms + entered * each.interval_ms
            assert exit_s * 1_000 == each.start_ms + left * each.interval_ms
            assert prices[entered][2] * 0.999 <= at <= prices[entered][1] * 1.001
            assert prices[left][2] * 0.999 <= out <= prices[left][1] * 1.001
            assert (at - stop) * side > 0
            assert np.sign(net) == np.sign(r)


@pytest.mark.parametrize(
    ("prices", "decimals"),
    [([2.0, 3.0], 0), ([95_000.1, 95_000.5], 1), ([0.20059, 0.08385], 5), ([1 / 3, 2 / 3], 6)],
)
def test_prices_are_told_with_as_many_decimals_as_they_have(prices, decimals):
    assert decimals_of(np.array(prices)) == decimals
