from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cointrader.exchange.binance.candle_sequence import MOST_HELD, CandleSequence
from tests.unit.exchange.binance_streams.fakes import M15, a_candle, opens


def a_sequence() -> CandleSequence:
    return CandleSequence("XRPUSDT", M15, opens(0))


def candles(*bars: int):
    return [a_candle("XRPUSDT", bar) for bar in bars]


def test_candles_in_order_are_handed_out_at_once():
    sequence = a_sequence()

    assert sequence.offer(*candles(0)) == candles(0)
    assert sequence.offer(*candles(1)) == candles(1)


def test_second_copy_of_a_candle_is_dropped():
    sequence = a_sequence()
    sequence.offer(*candles(0))

    assert sequence.offer(*candles(0)) == []


def test_candle_that_closed_before_the_start_is_dropped():
    assert a_sequence().offer(*candles(-1)) == []


def test_candle_after_a_gap_waits_until_the_gap_is_filled():
    sequence = a_sequence()
    sequence.offer(*candles(0))

    assert sequence.offer(*candles(3)) == []
    assert sequence.missing_until_ms(closed_ms=opens(1)) == opens(3)
    assert sequence.fill(candles(1, 2)) == candles(1, 2, 3)
    assert sequence.missing_until_ms(closed_ms=opens(4)) is None


def test_late_candle_closes_the_gap_without_history():
    sequence = a_sequence()
    sequence.offer(*candles(1))

    assert sequence.offer(*candles(0)) == candles(0, 1)


def test_bar_that_closed_and_was_not_told_is_missing():
    sequence = a_sequence()

    assert sequence.missing_until_ms(closed_ms=opens(1) - 1) is None
    assert sequence.missing_until_ms(closed_ms=opens(1)) == opens(1)


def test_history_that_reaches_too_far_back_repeats_nothing():
    sequence = a_sequence()
    sequence.offer(*candles(0))

    assert sequence.fill(candles(-1, 0, 1)) == candles(1)


def test_candle_that_history_leaves_out_does_not_exist():
    sequence = a_sequence()

    assert sequence.fill(candles(0, 2)) == candles(0, 2)


def test_giving_up_goes_on_behind_the_gap():
    sequence = a_sequence()
    sequence.offer(*candles(3))

    assert sequence.give_up() == candles(3)
    assert sequence.offer(*candles(1)) == []


def test_held_candles_are_bounded_and_what_was_dropped_is_missing():
    sequence = a_sequence()
    for bar in range(1, MOST_HELD + 3):
        sequence.offer(*candles(bar))

    assert sequence.missing_until_ms(closed_ms=opens(0)) == opens(3)


@given(st.permutations(range(8)), st.lists(st.integers(0, 7), max_size=8), st.integers(0, 7))
def test_any_order_with_repeats_and_a_look_into_history_gives_each_candle_once_in_order(
    order, repeats, looked_at
):
    sequence = a_sequence()
    handed_out = []
    for number, bar in enumerate([*order, *repeats]):
        handed_out += sequence.offer(*candles(bar))
        if number == looked_at:
            handed_out += sequence.fill(candles(*range(bar + 1)))

    assert handed_out == candles(*range(8))
