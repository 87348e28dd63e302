"""The transition table of a bot's position."""

import pytest

from cointrader.domain.errors import InvariantBroken
from cointrader.strategy.state import TRANSITIONS, State, Step, after


def test_a_position_goes_from_flat_through_protection_back_to_flat():
    state = State.FLAT
    seen = []
    for step in (
        Step.ENTRY_SENT,
        Step.ENTRY_FILLED,
        Step.PROTECTED,
        Step.EXIT_SENT,
        Step.CLOSED,
    ):
        state = after(state, step)
        seen.append(state)

    assert seen == [State.ENTERING, State.UNPROTECTED, State.OPEN, State.EXITING, State.FLAT]


def test_a_stop_that_fills_before_protection_is_confirmed_still_closes():
    assert after(State.UNPROTECTED, Step.CLOSED) is State.FLAT


def test_a_position_whose_stop_is_lost_is_protected_again_or_closed():
    unprotected = after(State.OPEN, Step.STOP_LOST)

    assert unprotected is State.UNPROTECTED
    assert after(unprotected, Step.PROTECTED) is State.OPEN
    assert after(unprotected, Step.EXIT_SENT) is State.EXITING


def test_a_second_entry_while_one_is_open_breaks_an_invariant():
    for state in set(State) - {State.FLAT}:
        with pytest.raises(InvariantBroken, match="cannot take the step entry-sent"):
            after(state, Step.ENTRY_SENT)


def test_every_state_can_be_reached_and_left():
    assert set(TRANSITIONS.values()) == set(State)
    assert {state for state, _ in TRANSITIONS} == set(State)
