"""Laws of the market room, on candles nobody thought of."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cointrader.domain.candle import Candle
from cointrader.market.combined import read_combined, write_combined
from cointrader.market.frame import COLUMN_NAMES, Columns, Frame, join_on_time
from cointrader.market.quality import possible, why_impossible
from cointrader.market.window import CandleWindow, frame_of

BAR_MS = 60_000
START_MS = 1_741_186_800_000

unhurried = settings(deadline=None)  # a busy machine is not a failure

prices = st.floats(1e-8, 1e8)
odd_numbers = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -1.0, 1.0, 2.0])
moments = st.lists(st.integers(0, 60), max_size=40, unique=True).map(sorted)
ratios = st.one_of(st.just(math.nan), st.floats(-0.9, 0.9))


@st.composite
def candles(draw, symbol: str = "XRPUSDT", most: int = 20) -> list[Candle]:
    first = draw(st.integers(0, 20))
    made = []
    for bar in range(first, first + draw(st.integers(0, most))):
        low, bar_open, close, high = sorted(draw(st.tuples(prices, prices, prices, prices)))
        opened = START_MS + bar * BAR_MS
        volume = draw(st.floats(0, 1e12))
        made.append(Candle(symbol, opened, opened + BAR_MS, bar_open, high, low, close, volume))
    return made


def columns_of(rows: list[Candle]) -> Columns:
    values = [[getattr(candle, name) for candle in rows] for name in COLUMN_NAMES]
    return Columns(*(np.array(column, dtype=np.float64) for column in values))


def same(one: Columns, other: Columns) -> None:
    for left, right in zip(one.arrays(), other.arrays(), strict=True):
        np.testing.assert_array_equal(left, right)


@unhurried
@given(candles(), st.integers(1, 12))
def test_a_window_is_the_tail_of_what_it_was_given(given_candles, capacity):
    window = CandleWindow("XRPUSDT", BAR_MS, capacity)
    kept: list[Candle] = []
    for candle in given_candles:
        assert window.append(candle)
        assert not window.append(candle)
        kept = [*kept, candle][-capacity:]

        assert len(window) == len(kept)
        assert window.open_time_ms.tolist() == [one.open_time_ms for one in kept]
        same(window.columns(), columns_of(kept))


@unhurried
@given(candles(), candles("BTCUSDT"), st.integers(1, 30), st.integers(1, 30))
def test_a_frame_of_windows_is_joined_on_time(own, other, capacity, other_capacity):
    window = CandleWindow("XRPUSDT", BAR_MS, capacity)
    context = CandleWindow("BTCUSDT", BAR_MS, other_capacity)
    window.extend(own)
    context.extend(other)

    frame = frame_of(window, {"btcusdt": context})

    by_time = {candle.open_time_ms: candle.close for candle in other[-other_capacity:]}
    expected = [by_time.get(candle.open_time_ms, math.nan) for candle in own[-capacity:]]
    np.testing.assert_array_equal(frame.correlated["BTCUSDT"].close, expected)


@unhurried
@given(moments, moments)
def test_a_join_takes_each_value_from_its_own_time(times, other_times):
    other = np.array(other_times, dtype=np.int64)
    values = other.astype(np.float64) * 10

    joined = join_on_time(np.array(times, dtype=np.int64), other, Columns(*[values] * 5))

    known = set(other_times)
    expected = [at * 10.0 if at in known else math.nan for at in times]
    for array in joined.arrays():
        np.testing.assert_array_equal(array, expected)


@unhurried
@given(st.lists(st.tuples(*[odd_numbers] * 5), max_size=30))
def test_the_scalar_and_the_column_check_agree(rows):
    columns = Columns(*np.array(rows, dtype=np.float64).reshape(-1, 5).T)

    assert possible(columns).tolist() == [why_impossible(*row) is None for row in rows]


@settings(unhurried, max_examples=25)
@given(st.data(), candles().filter(bool))
def test_what_is_stored_is_read_back_to_the_last_bit(tmp_path_factory, data, own):
    length = len(own)
    times = np.array([candle.open_time_ms for candle in own], dtype=np.int64)
    present = np.array(data.draw(st.lists(st.booleans(), min_size=length, max_size=length)))
    columns = columns_of(own)
    context = Columns(*(np.where(present, array, np.nan) for array in columns.arrays()))
    ratio_columns = [
        np.array(data.draw(st.lists(ratios, min_size=length, max_size=length))) for _ in range(2)
    ]
    frame = Frame("XRPUSDT", BAR_MS, times, columns, {"BTCUSDT": context}, *ratio_columns)
    folder = tmp_path_factory.mktemp("store")

    write_combined(folder, frame, stored_ms=int(times[-1]) + BAR_MS)
    stored = read_combined(folder, "XRPUSDT", "1m").frame

    assert stored.open_time_ms.tolist() == times.tolist()
    same(stored.candles, frame.candles)
    same(stored.correlated["BTCUSDT"], context)
    np.testing.assert_array_equal(stored.funding_rate, frame.funding_rate)
    np.testing.assert_array_equal(stored.oi_change, frame.oi_change)


@unhurried
@given(candles().filter(lambda rows: len(rows) > 1), st.data())
def test_a_candle_out_of_turn_changes_nothing(given_candles, data):
    window = CandleWindow("XRPUSDT", BAR_MS)
    window.extend(given_candles)
    candle = data.draw(st.sampled_from(given_candles))

    with pytest.raises(Exception, match="two different candles"):
        window.append(candle._replace(volume=candle.volume + 1e13))
    same(window.columns(), columns_of(given_candles))
