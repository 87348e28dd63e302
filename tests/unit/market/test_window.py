from __future__ import annotations

import numpy as np
import pytest

from cointrader.domain.errors import DataError, MissingCandles
from cointrader.market.window import CandleWindow, frame_of
from tests.unit.market.made import BAR_MS, START_MS, a_candle, rows_of


def a_window(bars: range = range(0), symbol: str = "XRPUSDT", capacity: int = 1000) -> CandleWindow:
    window = CandleWindow(symbol, BAR_MS, capacity)
    window.extend(a_candle(bar, symbol) for bar in bars)
    return window


def test_a_new_window_is_empty():
    window = a_window()

    assert len(window) == 0
    assert window.last_open_time_ms is None
    assert len(window.columns()) == 0


def test_append_tells_whether_the_candle_was_new():
    window = a_window(range(3))

    assert window.append(a_candle(3))
    assert not window.append(a_candle(3))
    assert not window.append(a_candle(1))
    assert len(window) == 4
    assert window.last_open_time_ms == START_MS + 3 * BAR_MS


def test_extend_counts_the_new_candles_only():
    assert a_window(range(3)).extend(a_candle(bar) for bar in range(1, 6)) == 3


def test_a_full_window_forgets_the_oldest():
    window = a_window(range(17), capacity=5)

    assert window.open_time_ms.tolist() == [START_MS + bar * BAR_MS for bar in range(12, 17)]
    assert rows_of(window.columns())[0] == (112.0, 114.0, 110.0, 113.0, 22.0)


def test_a_cleared_window_begins_with_whatever_comes_next_and_its_readers_keep_what_they_saw():
    window = a_window(range(5))
    seen = window.close
    before = seen.copy()

    window.clear()
    window.extend(a_candle(bar) for bar in range(2, 4))

    assert window.open_time_ms.tolist() == [START_MS + bar * BAR_MS for bar in (2, 3)]
    assert seen.tolist() == before.tolist()


def test_a_gap_is_refused_with_both_times():
    with pytest.raises(MissingCandles) as caught:
        a_window(range(2)).append(a_candle(3))

    assert "2025-03-05 15:15 UTC, then 2025-03-05 15:45 UTC" in str(caught.value)


@pytest.mark.parametrize(
    ("candle", "fault"),
    [
        (a_candle(2, high=50.0), "high 50.0 is below"),
        (a_candle(2, low=102.5), "low 102.5 is above"),
        (a_candle(2, low=0.0), "low is 0.0"),
        (a_candle(2, open=-1.0), "open is -1.0"),
        (a_candle(2, close=float("nan")), "close is nan"),
        (a_candle(2, high=float("inf")), "high is inf"),
        (a_candle(2, volume=-1.0), "volume is -1.0"),
        (a_candle(2, volume=float("nan")), "volume is nan"),
        (a_candle(2, symbol="TRXUSDT"), "belongs to TRXUSDT"),
        (a_candle(2, close_time_ms=START_MS + 3 * BAR_MS - 1), "ms long"),
        (a_candle(2, open_time_ms=START_MS + 2 * BAR_MS + 1), "not a multiple"),
        (a_candle(1, close=101.5), "two different candles"),
        (a_candle(-1), "older than the window"),
    ],
)
def test_a_candle_that_cannot_be_the_next_is_refused_and_changes_nothing(candle, fault):
    window = a_window(range(2))

    with pytest.raises(DataError, match=fault):
        window.append(candle)
    assert len(window) == 2
    assert window.append(a_candle(2))


def test_a_candle_without_volume_is_a_candle():
    assert a_window().append(a_candle(0, volume=0.0))


def test_views_never_change_under_their_reader():
    window = a_window(range(5), capacity=5)
    view, times = window.columns(), window.open_time_ms
    before = rows_of(view), times.tolist()

    window.extend(a_candle(bar) for bar in range(5, 40))

    assert (rows_of(view), times.tolist()) == before
    with pytest.raises(ValueError, match="read-only"):
        view.close[0] = 1.0


def test_an_impossible_capacity_is_refused():
    with pytest.raises(ValueError, match="capacity 0"):
        CandleWindow("XRPUSDT", BAR_MS, 0)


def test_a_frame_of_windows_over_the_same_times_copies_nothing():
    own, other = a_window(range(9)), a_window(range(9), "BTCUSDT")

    frame = frame_of(own, {"btcusdt": other})

    assert len(frame) == 9
    assert np.shares_memory(frame.candles.close, own.columns().close)
    assert np.shares_memory(frame.correlated["BTCUSDT"].close, other.columns().close)
    assert np.isnan(frame.funding_rate).all()
    assert np.isnan(frame.oi_change).all()


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        (range(4), [100.0, 101.0, 102.0, 103.0, np.nan]),  # one bar behind
        (range(2, 5), [np.nan, np.nan, 102.0, 103.0, 104.0]),  # began later
        (range(1, 8), [np.nan, 101.0, 102.0, 103.0, 104.0]),  # ahead: what is later is not seen
        (range(0), [np.nan] * 5),
    ],
)
def test_a_frame_joins_other_symbols_on_time(bars, expected):
    frame = frame_of(a_window(range(5)), {"BTCUSDT": a_window(bars, "BTCUSDT")})

    np.testing.assert_array_equal(frame.correlated["BTCUSDT"].open, expected)


def test_a_frame_keeps_the_funding_and_open_interest_it_is_given():
    frame = frame_of(a_window(range(2)), {}, np.array([0.0, 0.1]), np.array([0.2, np.nan]))

    assert frame.funding_rate.tolist() == [0.0, 0.1]
    assert frame.oi_change[0] == 0.2


def test_a_frame_refuses_a_column_of_another_length():
    with pytest.raises(DataError, match="funding_rate does not fit"):
        frame_of(a_window(range(2)), {}, funding_rate=np.zeros(3))


def test_a_frame_refuses_a_window_of_another_interval():
    with pytest.raises(DataError, match="different intervals"):
        frame_of(a_window(), {"BTCUSDT": CandleWindow("BTCUSDT", 60_000)})
