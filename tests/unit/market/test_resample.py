from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cointrader.domain.errors import DataError
from cointrader.market.frame import Columns, Frame
from cointrader.market.resample import resample_columns, resample_frame, whole_bars
from tests.unit.market.made import rows_of

M15, H1, H4 = 900_000, 3_600_000, 14_400_000
DAY = 1_741_219_200_000  # 2025-03-06 00:00 UTC


def columns(*rows):
    return Columns(*(np.array(values, np.float64) for values in zip(*rows, strict=True)))


def a_frame(n, start_ms=DAY, **changed):
    price = 100.0 + np.arange(n)
    values: dict[str, Any] = {
        "candles": Columns(price, price + 2, price - 2, price + 1, np.ones(n)),
        "correlated": {},
        "funding_rate": np.full(n, np.nan),
        "oi_change": np.full(n, np.nan),
    } | changed
    return Frame("XRPUSDT", M15, start_ms + M15 * np.arange(n, dtype=np.int64), **values)


def test_a_bar_has_the_first_open_the_extremes_the_last_close_and_the_sum():
    quarter_hours = columns(
        (10.0, 12.0, 9.0, 11.0, 1.0),
        (11.0, 15.0, 10.0, 14.0, 2.0),
        (14.0, 14.0, 7.0, 8.0, 3.0),
        (8.0, 9.0, 8.0, 9.0, 4.0),
    )

    made = resample_columns(quarter_hours, np.array([0]), 4)

    assert rows_of(made) == [(10.0, 15.0, 7.0, 9.0, 10.0)]


def test_a_candle_without_a_trade_adds_nothing_to_a_bar_with_trades():
    filler = (10.0, 10.0, 10.0, 10.0, 0.0)
    quarter_hours = columns(filler, (11.0, 12.0, 11.0, 11.5, 5.0), (11.4, 11.4, 11.2, 11.3, 1.0),
                            (9.0, 9.0, 9.0, 9.0, 0.0))  # fmt: skip

    made = resample_columns(quarter_hours, np.array([0]), 4)

    assert rows_of(made) == [(11.0, 12.0, 11.0, 11.3, 6.0)]


def test_a_bar_of_nothing_but_fillers_is_a_filler():
    made = resample_columns(columns(*[(10.0, 10.0, 10.0, 10.0, 0.0)] * 4), np.array([0]), 4)

    assert rows_of(made) == [(10.0, 10.0, 10.0, 10.0, 0.0)]


def test_only_bars_that_are_whole_and_aligned_to_utc_come_out():
    times = DAY + M15 * np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18])

    starts = whole_bars(times, M15, H1)

    # 01:00 is whole; 02:00 lacks 02:45; 03:00 is whole; 04:00 has not ended.
    assert (times[starts] - DAY).tolist() == [H1, 3 * H1]


def test_a_missing_candle_of_a_correlation_symbol_is_a_missing_bar():
    btc = columns(*[(1.0, 2.0, 0.5, 1.5, 3.0)] * 8)
    for array in btc.arrays():
        array[5] = np.nan

    made = resample_frame(a_frame(8, correlated={"BTCUSDT": btc}), H1)

    assert rows_of(made.correlated["BTCUSDT"])[0] == (1.0, 2.0, 0.5, 1.5, 12.0)
    assert np.isnan(rows_of(made.correlated["BTCUSDT"])[1]).all()


def test_open_interest_changes_from_close_to_close():
    changes = np.array([0.1, 0.0, -0.5, 1.0, 0.1, np.nan, 0.1, 0.1])

    made = resample_frame(a_frame(8, oi_change=changes), H1)

    assert made.oi_change[0] == pytest.approx(1.1 * 1.0 * 0.5 * 2.0 - 1.0)
    assert np.isnan(made.oi_change[1])


def test_a_bar_knows_the_rate_that_was_settled_at_its_open_but_none_that_falls_into_it():
    # From midnight to 09:00. As such columns are stored: the new rate stands one bar late.
    n = 36
    rate = np.where(np.arange(n) <= 32, 0.0001, 0.0003)

    made = resample_frame(a_frame(n, funding_rate=rate), H4)
    hourly = resample_frame(a_frame(n, funding_rate=rate), H1)

    assert made.funding_rate.tolist() == [0.0001, 0.0001]
    assert hourly.funding_rate.tolist() == [0.0001] * 8 + [0.0003]


@pytest.mark.parametrize("to_ms", [300_000, 1_000_000])
def test_intervals_that_do_not_fit_are_refused(to_ms):
    with pytest.raises(DataError, match=r"interval|longer ones"):
        resample_frame(a_frame(8), to_ms)


def test_a_later_candle_changes_no_bar_that_was_whole():
    rng = np.random.default_rng(3)
    frame = a_frame(97, oi_change=rng.normal(0, 0.01, 97), funding_rate=rng.normal(0, 1e-4, 97))
    whole = resample_frame(frame, H1)

    for n in range(5, 97):
        made = resample_frame(frame.rows(0, n), H1)
        count = len(made)
        assert count == n // 4
        # The rate of a settlement is only known one candle into the bar that opens with it.
        np.testing.assert_array_equal(made.funding_rate, whole.funding_rate[:count])
        np.testing.assert_array_equal(made.oi_change, whole.oi_change[:count])
        for one, other in zip(made.candles.arrays(), whole.candles.arrays(), strict=True):
            np.testing.assert_array_equal(one, other[:count])
