"""What a run's journal tells of its verdict, and how `status` has it from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cointrader.app.words import moment
from cointrader.domain.clock import Clock
from cointrader.domain.ports import Journal
from cointrader.domain.records import Alert

if TYPE_CHECKING:  # it knows the signal rule, which `status` need not wait for
    from cointrader.app.verdict.live import VerdictState

_FOUND, _UNTIL, _END = "verdict", "verdict_until_ms", "verdict_end"


def told_of(state: VerdictState) -> dict[str, str]:
    """What a run writes down of the verdict it began with, as the source of `RunStarted`."""
    told = {_FOUND: state.found}
    if not state.refusal:
        told |= {_UNTIL: str(state.until_ms), _END: state.end}
    return told


def verdict_line(source: Mapping[str, str], now_ms: int) -> str | None:
    """How a run's verdict stands at `now_ms`; None for a run that was asked for none."""
    if _FOUND not in source:
        return None
    until_ms = source.get(_UNTIL)
    if until_ms is None:
        return source[_FOUND]
    if now_ms >= int(until_ms):
        return f"NO ENTRIES: {source[_END]}"
    return f"{source[_FOUND]}; entries until {moment(int(until_ms))} UTC"


async def tell_end_of(state: VerdictState, clock: Clock, journal: Journal) -> None:
    """Say so when entries end because the verdict does, or its override."""
    if state.refusal:
        return
    await clock.sleep_until_ms(state.until_ms)
    text = f"NO ENTRIES from here on: {state.end}. What is open is managed and closed as ever"
    journal.note(Alert(clock.now_ms(), "critical", "", text))
