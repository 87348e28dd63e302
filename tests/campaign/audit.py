"""Judges a run by what the exchange itself saw, and by what the trader booked.

What must never happen:

``duplicate``  more than one entry executed for one bar of one symbol, more executed than was meant,
               an entry into a position that was open, or a close that opened the other side.
``naked``      a position of ours without a lasting stop beyond its deadline. A stop is lasting when
               it closes all of the position and stays for 3 s. From the fill there are 5 s, and 2 s
               more for the close at market that follows when they are over: so at `FIRST_MS` there
               is a lasting stop, or no position. A lasting stop that disappears later may do so
               without a word (an exchange that forgets it, an event that is lost): then only the
               look every 30 s finds out, and the 7 s count from there (`LATER_MS`).
               While the exchange refuses every call (a ban, a broken limit, a symbol that is not
               traded) nobody can protect or close anything: such time does not count, and the run
               is listed apart.
``orphan``     an order of ours that rests on a symbol which has been flat for more than 60 s of
               reachable time, or at the end.
``ledger``     a position that opened and closed and was not booked as one trade, a trade booked
               that was no such position, or one booked with another result, to the cent. Positions
               that somebody else's orders added to or turned round are left out, on both sides.
``limit``      an entry above the number of positions, above those of its direction, or with which
               the day's loss and all open risk exceed the day's limit. Each is measured as the
               exchange sees it at the fill; `_SLACK` of the day's start is left for fees, slippage
               and the time between the reading of the account and the fill. A gap injected within
               that time (`_READING_MS`), into a position that was opened with this one, nobody can
               know of: the day's loss is not looked at then.
``failure``    the trader ended by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from cointrader.domain.order import Side
from cointrader.exchange.simulated.wire.faults import Injection
from tests.campaign.stage import Seen
from tests.campaign.witness import Entered, Leftover, Spell, Trip

FIRST_MS = 7_000
LATER_MS = 37_000
ORPHAN_MS = 60_000
_CENT = Decimal("0.01")
_SLACK = Decimal("0.003")
_READING_MS = 1_000
_LONGEST_CLOSED_MS = 10_000  # every call refused for longer: such a run is listed apart

Window = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Violation:
    kind: str
    symbol: str
    at_ms: int
    text: str

    def __str__(self) -> str:
        return f"{self.kind} {self.symbol} at {self.at_ms}: {self.text}"


@dataclass(slots=True)
class Verdict:
    """What a run showed. Times are in ms."""

    seed: int
    faults: str
    violations: list[Violation] = field(default_factory=list)
    entries: int = 0
    trips: int = 0
    mixed: int = 0  # round trips that were no trade of ours alone
    to_stop_ms: list[int] = field(default_factory=list)  # from a fill to its lasting stop
    to_confirmed_ms: list[int] = field(default_factory=list)  # to its being seen a second time
    to_flat_ms: list[int] = field(default_factory=list)  # closed, because there was no stop
    later_ms: list[int] = field(default_factory=list)  # without the stop that was lost later
    closed_ms: int = 0  # every call was refused
    bites: Mapping[str, int] = field(default_factory=dict)
    elapsed_s: float = 0.0

    @property
    def is_apart(self) -> bool:
        """Whether the exchange could not be reached for long."""
        return self.closed_ms > _LONGEST_CLOSED_MS


def judged(seen: Seen) -> Verdict:
    """Everything that the run did wrong, and its numbers."""
    witness = seen.witness
    closed = closed_windows(seen.injections)
    verdict = Verdict(
        seen.scenario.seed,
        seen.scenario.faults,
        entries=len(witness.entered),
        trips=len(witness.trips),
        mixed=sum(trip.is_mixed or not trip.is_own for trip in witness.trips),
        closed_ms=sum(to - since for windows in closed.values() for since, to in windows),
        bites=dict(seen.bites),
        elapsed_s=round(seen.elapsed_s, 2),
    )
    verdict.violations += _duplicates(seen)
    verdict.violations += _naked(witness.spells, closed)
    verdict.violations += _orphans(witness.leftovers, closed, seen.end_ms)
    verdict.violations += _unlike_the_ledger(seen)
    verdict.violations += _beyond_limits(seen)
    if seen.failure:
        verdict.violations.append(Violation("failure", "", seen.end_ms, seen.failure))
    for spell in witness.spells:
        if not spell.is_first:
            verdict.later_ms.append(spell.length_ms)
        elif spell.by_flat:
            verdict.to_flat_ms.append(spell.length_ms)
        else:
            verdict.to_stop_ms.append(spell.length_ms)
    verdict.to_confirmed_ms += _confirmed(seen)
    return verdict


def _confirmed(seen: Seen) -> Iterable[int]:
    confirmed_ms = seen.door.confirmed_ms
    for trip in seen.witness.trips:
        times = [confirmed_ms[order_id] for order_id in trip.stop_ids & confirmed_ms.keys()]
        # An answer may be so old that it shows a stop whose position is closed already.
        while_open = [at_ms for at_ms in times if at_ms <= (trip.closed_ms or at_ms)]
        if trip.is_own and while_open:
            yield min(while_open) - trip.opened_ms


# -- what must not happen -------------------------------------------------------------------------


def _duplicates(seen: Seen) -> Iterable[Violation]:
    executed: dict[str, Decimal] = {}
    first_ms: dict[str, int] = {}
    orders_of: dict[str, set[str]] = {}
    for fill in seen.witness.entry_fills:
        stem = fill.client_order_id.rsplit("-", 1)[0]
        executed[stem] = executed.get(stem, Decimal(0)) + fill.quantity
        first_ms.setdefault(stem, fill.at_ms)
        orders_of.setdefault(stem, set()).add(fill.client_order_id)
    for stem, quantity in executed.items():
        symbol = stem.split("-")[1]
        meant = max(seen.intended.get(each, Decimal(0)) for each in orders_of[stem])
        if quantity > meant:
            text = f"{stem}: {quantity} executed, {meant} meant"
            yield Violation("duplicate", symbol, first_ms[stem], text)
    for entered in seen.witness.entered:
        if entered.was_held:
            text = f"{entered.order_id} entered an open position"
            yield Violation("duplicate", entered.symbol, entered.at_ms, text)
    for fill in seen.witness.exits_that_opened:
        text = f"{fill.client_order_id} opened {fill.quantity}"
        yield Violation("duplicate", fill.symbol, fill.at_ms, text)


def _naked(spells: Iterable[Spell], closed: Mapping[str, Sequence[Window]]) -> Iterable[Violation]:
    for spell in spells:
        length_ms = reachable_ms(closed, spell.symbol, spell.from_ms, spell.to_ms)
        longest_ms = FIRST_MS if spell.is_first else LATER_MS
        if length_ms > longest_ms:
            since = "its fill" if spell.is_first else "its stop was gone"
            end = "closed" if spell.by_flat else "a stop stayed"
            text = (
                f"{spell.entry_id}: {length_ms / 1000:.1f} s from {since} until {end}, "
                f"{spell.naked_ms / 1000:.1f} s without any stop"
            )
            yield Violation("naked", spell.symbol, spell.from_ms, text)


def _orphans(
    leftovers: Iterable[Leftover], closed: Mapping[str, Sequence[Window]], end_ms: int
) -> Iterable[Violation]:
    for order in leftovers:
        to_ms = end_ms if order.to_ms is None else order.to_ms
        length_ms = reachable_ms(closed, order.symbol, order.from_ms, to_ms)
        if length_ms > ORPHAN_MS or order.to_ms is None:
            still = "still resting at the end" if order.to_ms is None else "cancelled at last"
            text = f"{order.order_id} rested {length_ms / 1000:.0f} s while flat, {still}"
            yield Violation("orphan", order.symbol, order.from_ms, text)


def _unlike_the_ledger(seen: Seen) -> Iterable[Violation]:
    trips = [trip for trip in seen.witness.trips if trip.closed_ms is not None and trip.is_own]
    mixed = {trip.entry_id for trip in seen.witness.trips if trip.is_mixed or not trip.is_own}
    expected = {trip.entry_id: trip for trip in trips if trip.entry_id not in mixed}
    counts = Counter(booked.entry_id for booked in seen.booked)
    for booked in seen.booked:
        trip = expected.get(booked.entry_id)
        if trip is None:
            if booked.entry_id not in mixed:
                text = f"{booked.entry_id} was booked with {booked.net:.2f} and never was"
                yield Violation("ledger", booked.symbol, seen.end_ms, text)
        elif abs(booked.net - trip.net) >= _CENT:
            yield Violation("ledger", trip.symbol, _end_of(trip), _other_result(trip, booked.net))
    for entry_id, trip in expected.items():
        if counts[entry_id] != 1:
            text = f"{entry_id} was booked {counts[entry_id]} times, its result is {trip.net:.2f}"
            yield Violation("ledger", trip.symbol, _end_of(trip), text)


def _other_result(trip: Trip, net: Decimal) -> str:
    fees = sum((fill.fee for fill in trip.fills), Decimal(0))
    return (
        f"{trip.entry_id} was booked with {net:.4f}, its result is {trip.net:.4f} "
        f"({len(trip.fills)} fills, fees {fees:.4f}, funding {trip.funding:.4f})"
    )


def _end_of(trip: Trip) -> int:
    return trip.opened_ms if trip.closed_ms is None else trip.closed_ms


def _beyond_limits(seen: Seen) -> Iterable[Violation]:
    config = seen.config
    for entered in seen.witness.entered:
        count = len(entered.positions)
        side, same = _of_most(entered)
        if count > config.max_positions:
            yield _above(entered, f"{count} positions, {config.max_positions} are allowed")
        if same > config.max_same_direction:
            yield _above(entered, f"{same} {side} positions, {config.max_same_direction} allowed")
        most = entered.start * (Decimal(str(config.max_daily_loss)) + _SLACK)
        if entered.loss + entered.at_risk > most and not _is_gapped(seen, entered):
            text = f"lost {entered.loss:.2f} today and {entered.at_risk:.2f} at risk: above {most}"
            yield _above(entered, text)


def _is_gapped(seen: Seen, entered: Entered) -> bool:
    return any(
        bite.fault == "price-gap" and 0 <= entered.at_ms - bite.at_ms <= _READING_MS
        for bite in seen.injections
    )


def _of_most(entered: Entered) -> tuple[Side, int]:
    """The direction of most positions, and how many these are."""
    return max(
        ((side, sum(each is side for each in entered.positions.values())) for side in Side),
        key=lambda counted: counted[1],
    )


def _above(entered: Entered, text: str) -> Violation:
    return Violation("limit", entered.symbol, entered.at_ms, f"{entered.order_id}: {text}")


# -- when nobody could do anything ----------------------------------------------------------------

_EVERYWHERE = ""


def closed_windows(injections: Iterable[Injection]) -> dict[str, list[Window]]:
    """When every call was refused, by symbol; under "" for all symbols. Disjoint, ascending."""
    windows: dict[str, list[Window]] = {}
    for injection in injections:
        words = injection.did.split()
        if injection.fault in ("rate-limited", "banned"):
            symbol, length_s = _EVERYWHERE, float(words[-2])
        elif injection.fault == "symbol-pending" and words[0] == "PENDING_TRADING":
            symbol, length_s = injection.hit, float(words[-2])
        else:
            continue
        window = injection.at_ms, injection.at_ms + round(length_s * 1000)
        windows.setdefault(symbol, []).append(window)
    return {symbol: _united(each) for symbol, each in windows.items()}


def _united(windows: Iterable[Window]) -> list[Window]:
    united: list[Window] = []
    for since, to in sorted(windows):
        if united and since <= united[-1][1]:
            united[-1] = united[-1][0], max(to, united[-1][1])
        else:
            united.append((since, to))
    return united


def reachable_ms(
    closed: Mapping[str, Sequence[Window]], symbol: str, from_ms: int, to_ms: int
) -> int:
    """How much of [from_ms, to_ms] somebody could do something about `symbol`."""
    windows = _united([*closed.get(_EVERYWHERE, ()), *closed.get(symbol, ())])
    shut = (max(0, min(to, to_ms) - max(since, from_ms)) for since, to in windows)
    return to_ms - from_ms - sum(shut)
