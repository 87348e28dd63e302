"""Candles of many symbols on one timeline."""

import numpy as np
import pytest

from cointrader.backtest.market import Market
from cointrader.domain.candle import Candle
from cointrader.domain.errors import MissingCandles
from cointrader.domain.ports import Settlement
from tests.markets import BAR_MS, DAY_MS, START_MS, TableSource


def flat(count, price=1.0):
    return [(price,) * 4] * count


def a_market(**changes):
    source = TableSource(
        rows={"AAAUSDT": flat(10), "BBBUSDT": flat(4, 2.0)},
        starts={"BBBUSDT": START_MS + 8 * BAR_MS},
        **changes,
    )
    return Market.of(source, ["AAAUSDT", "BBBUSDT"])


def test_symbols_that_start_and_end_apart_share_one_timeline():
    candles = a_market().between(None, None).candles

    assert candles.time_ms.tolist() == [START_MS + bar * BAR_MS for bar in range(12)]
    assert candles.first.tolist() == [0, 8]
    assert candles.last.tolist() == [9, 11]
    assert candles.open[1, 8:].tolist() == [2.0] * 4
    assert np.isnan(candles.open[1, :8]).all()
    assert np.isnan(candles.open[0, 10:]).all()


def test_a_stretch_begins_and_ends_where_it_is_told_and_knows_its_rows():
    stretch = a_market().between(START_MS + 5 * BAR_MS, START_MS + 10 * BAR_MS)

    assert (stretch.from_ms, stretch.to_ms) == (START_MS + 5 * BAR_MS, START_MS + 10 * BAR_MS)
    assert stretch.rows == (5, 0)
    assert stretch.candles.last.tolist() == [4, 4]


def test_a_symbol_without_candles_in_the_stretch_is_not_played():
    candles = a_market().between(None, START_MS + 3 * BAR_MS).candles

    assert candles.last.tolist() == [2, -1]


def test_a_stretch_is_made_once():
    market = a_market()

    assert market.between(None, None) is market.between(None, None)


def test_where_nothing_is_to_be_played_it_says_so():
    with pytest.raises(MissingCandles, match="no candle to trade on"):
        a_market().between(START_MS + DAY_MS, None)


def test_a_hole_is_refused_and_told():
    class Holed(TableSource):
        def candles(self, symbol):
            candles = super().candles(symbol)
            return [c for c in candles if c.open_time_ms != START_MS + 5 * BAR_MS]

    market = Market.of(Holed({"AAAUSDT": flat(10)}), ["AAAUSDT"])

    with pytest.raises(MissingCandles, match="2025-01-01 01:00"):
        market.between(None, None)


def test_settlements_are_paid_in_the_bar_they_fall_into():
    settled = [
        Settlement(START_MS - 1, 0.1),  # before the first candle
        Settlement(START_MS + BAR_MS, 0.2),
        Settlement(START_MS + 2 * BAR_MS - 1, 0.3, 1.5),
        Settlement(START_MS + 10 * BAR_MS, 0.4),  # its symbol has ended
    ]

    payments = a_market(funding={"AAAUSDT": settled}).between(None, None).payments

    assert payments.start.tolist() == [0, 2, 2]
    assert payments.bar.tolist() == [1, 1]
    assert payments.rate.tolist() == [0.2, 0.3]
    assert np.isnan(payments.mark[0])
    assert payments.mark[1] == 1.5


def test_every_bar_knows_the_first_bar_of_the_next_day():
    source = TableSource({"AAAUSDT": flat(200)}, starts={"AAAUSDT": START_MS + 90 * BAR_MS})

    next_day = Market.of(source, ["AAAUSDT"]).between(None, None).candles.next_day

    assert next_day.tolist() == [6] * 6 + [102] * 96 + [198] * 96 + [200] * 2


def test_candles_may_be_plain_ones_or_columns():
    market = a_market()

    assert isinstance(TableSource({"AAAUSDT": flat(1)}).candles("AAAUSDT")[0], Candle)
    assert market.frames["AAAUSDT"].candles.close.tolist() == [1.0] * 10
    assert market.recent_closes("BBBUSDT") == [2.0] * 4
