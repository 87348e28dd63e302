"""Where a bot stands with its position, and the only ways from there."""

from __future__ import annotations

from enum import StrEnum

from cointrader.domain.errors import InvariantBroken


class State(StrEnum):
    FLAT = "flat"
    ENTERING = "entering"
    UNPROTECTED = "unprotected"  # filled, and no stop of it was seen, or none any more
    OPEN = "open"
    EXITING = "exiting"


class Step(StrEnum):
    """What moves a bot from one state to the next."""

    ENTRY_SENT = "entry-sent"
    ENTRY_FAILED = "entry-failed"
    ENTRY_FILLED = "entry-filled"
    PROTECTED = "protected"
    STOP_LOST = "stop-lost"
    EXIT_SENT = "exit-sent"
    EXIT_FAILED = "exit-failed"
    CLOSED = "closed"


TRANSITIONS: dict[tuple[State, Step], State] = {
    (State.FLAT, Step.ENTRY_SENT): State.ENTERING,
    (State.ENTERING, Step.ENTRY_FAILED): State.FLAT,
    (State.ENTERING, Step.ENTRY_FILLED): State.UNPROTECTED,
    (State.UNPROTECTED, Step.PROTECTED): State.OPEN,
    (State.UNPROTECTED, Step.EXIT_SENT): State.EXITING,
    (State.UNPROTECTED, Step.CLOSED): State.FLAT,
    (State.OPEN, Step.STOP_LOST): State.UNPROTECTED,
    (State.OPEN, Step.EXIT_SENT): State.EXITING,
    (State.OPEN, Step.CLOSED): State.FLAT,
    (State.EXITING, Step.EXIT_FAILED): State.UNPROTECTED,
    (State.EXITING, Step.CLOSED): State.FLAT,
}


def after(state: State, step: Step) -> State:
    """The state that `step` leads to; `InvariantBroken` where the table knows no such way."""
    try:
        return TRANSITIONS[state, step]
    except KeyError:
        raise InvariantBroken(
            f"a bot that is {state} cannot take the step {step}",
            allowed=", ".join(s for (at, s) in TRANSITIONS if at is state),
        ) from None
