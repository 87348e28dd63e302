from __future__ import annotations

import numpy as np

from cointrader.domain.ports import Settlement
from cointrader.market.frame import join_on_time, last_settled
from tests.unit.market.made import BAR_MS, START_MS, a_frame, some_columns, some_times


def test_join_on_time_gives_nan_where_the_other_has_no_candle():
    joined = join_on_time(some_times(4), some_times(4)[[0, 3]], some_columns(2))

    np.testing.assert_array_equal(joined.open, [100.0, np.nan, np.nan, 101.0])
    np.testing.assert_array_equal(joined.volume, [10.0, np.nan, np.nan, 11.0])


def test_join_on_time_with_nothing_is_all_missing():
    joined = join_on_time(some_times(2), some_times(0), some_columns(0))

    assert len(joined) == 2
    assert np.isnan(joined.close).all()


def test_join_on_time_of_no_times_is_empty():
    assert len(join_on_time(some_times(0), some_times(3), some_columns(3))) == 0


def test_join_on_time_within_one_piece_copies_nothing():
    other = some_columns(10)

    assert np.shares_memory(
        join_on_time(some_times(3, first=2), some_times(10), other).low, other.low
    )


def test_rows_cut_everything_alike():
    frame = a_frame(6, BTCUSDT=some_columns(6)).rows(2, 5)

    assert len(frame) == len(frame.candles) == len(frame.correlated["BTCUSDT"]) == 3
    assert len(frame.funding_rate) == len(frame.oi_change) == 3
    assert frame.correlated["BTCUSDT"].open[0] == 102.0


def test_between_includes_its_start_and_excludes_its_end():
    frame = a_frame(6).between(START_MS + BAR_MS, START_MS + 3 * BAR_MS)

    assert frame.open_time_ms.tolist() == [START_MS + BAR_MS, START_MS + 2 * BAR_MS]


def test_a_rate_settled_at_the_open_is_known_to_that_bar():
    times = some_times(4)
    settlements = [Settlement(int(times[1]), 0.001), Settlement(int(times[2]) + 1, 0.0)]

    np.testing.assert_array_equal(last_settled(times, settlements), [np.nan, 0.001, 0.001, 0.0])
