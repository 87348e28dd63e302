"""What the exchange itself saw of one run, whoever traded: its own account, tapped.

Nothing here asks a bot, its journal, or the wire. The account's fills, funding and resting orders
are noted as they change, stamped with the exchange's time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

from cointrader.domain.events import AccountEvent, FundingSettled, OrderFilled
from cointrader.domain.order import (
    DetailedFill,
    DetailedReport,
    Leg,
    OrderKind,
    Side,
    is_ours,
    leg_of,
)
from cointrader.domain.position import Position
from cointrader.exchange.simulated.adapter import SimulatedExchange
from cointrader.exchange.simulated.wire.passage import Passage, Request
from cointrader.exchange.simulated.wire.refusals import Answer
from cointrader.exchange.subscriptions import Subscription

LASTING_MS = 3_000  # a stop that was there for so long counts as confirmed
_ONE_WAY_S = 0.025
_STOPS = (OrderKind.STOP_MARKET, OrderKind.TRAILING_STOP_MARKET)


@dataclass(frozen=True, slots=True)
class Spell:
    """A time in which a position of ours had no lasting stop: from its fill, or from when a lasting
    stop was gone, until one was there that stayed, or until it was flat.

    `naked_ms` is how much of it was without any stop; `by_flat` whether it ended by being closed.
    """

    symbol: str
    entry_id: str
    from_ms: int
    to_ms: int
    naked_ms: int
    is_first: bool
    by_flat: bool

    @property
    def length_ms(self) -> int:
        return self.to_ms - self.from_ms


@dataclass(slots=True)
class Trip:
    """A position from flat to flat. `entry_id` names the order that opened it.

    `is_mixed`: somebody else's order added to it, or turned it round, so that its money is not
    one trade of ours.
    """

    symbol: str
    entry_id: str
    is_own: bool
    opened_ms: int
    closed_ms: int | None = None
    fills: list[DetailedFill] = field(default_factory=list)
    funding: Decimal = Decimal(0)
    is_mixed: bool = False
    stop_ids: set[str] = field(default_factory=set)

    @property
    def net(self) -> Decimal:
        return sum((fill.gross - fill.fee for fill in self.fills), Decimal(0)) + self.funding


@dataclass(frozen=True, slots=True)
class Entered:
    """How the account stood when an entry order of ours had its first fill.

    `at_risk` is what all open positions, this one included, lose to their planned stops.
    """

    symbol: str
    order_id: str
    at_ms: int
    positions: Mapping[str, Side]
    loss: Decimal  # since the start, money that came or left apart
    at_risk: Decimal
    start: Decimal
    was_held: bool


@dataclass(frozen=True, slots=True)
class Leftover:
    """An order of ours that rested while its symbol was flat."""

    symbol: str
    order_id: str
    from_ms: int
    to_ms: int | None


@dataclass(slots=True)
class _Stand:
    """How one symbol stands."""

    trip: Trip | None = None
    signed: Decimal = Decimal(0)
    spell_from_ms: int | None = None
    is_first: bool = True
    is_covered: bool = False
    since_ms: int = 0  # since when it is covered, or is not
    naked_ms: int = 0
    flat_since_ms: int = 0


class Witness:
    """Looks on. Hold it for as long as the run lasts.

    Parameters
    ----------
    now_ms : the exchange's time
    stop_distances : by symbol, how far a planned stop is from its fill
    """

    def __init__(
        self,
        exchange: SimulatedExchange,
        now_ms: Callable[[], int],
        stop_distances: Mapping[str, float],
    ) -> None:
        self.spells: list[Spell] = []
        self.trips: list[Trip] = []
        self.entered: list[Entered] = []
        self.entry_fills: list[DetailedFill] = []
        self.leftovers: list[Leftover] = []
        self.exits_that_opened: list[DetailedFill] = []
        self._exchange = exchange
        self._book = exchange.book
        self._now_ms = now_ms
        self._distances = {s: Decimal(str(d)) for s, d in stop_distances.items()}
        self._start = self._book.ledger.wallet
        self._stands = {symbol: _Stand() for symbol in self._book.desks}
        self._resting_since: dict[tuple[str, str], int] = {}
        self._taps = [_Tap(symbol, self._hear) for symbol in self._book.desks]
        for tap in self._taps:
            self._book.hubs[tap.symbol].add(tap)
        for symbol, desk in self._book.desks.items():
            desk.resting = _Watched(desk.resting, partial(self._look, symbol))

    # -- what happens -------------------------------------------------------------------------

    def _hear(self, symbol: str, event: AccountEvent) -> None:
        if isinstance(event, OrderFilled) and isinstance(event.fill, DetailedFill):
            self._fill(self._stands[symbol], event.fill)
        elif isinstance(event, FundingSettled):
            trip = self._stands[symbol].trip
            if trip is not None:
                trip.funding += event.amount
        self._look(symbol)

    def _fill(self, stand: _Stand, fill: DetailedFill) -> None:
        before, order_id = stand.signed, fill.client_order_id
        stand.signed = after = before + fill.side.sign * fill.quantity
        adds = before == 0 or (before > 0) == (fill.side.sign > 0)
        flips = not adds and before * after < 0
        if is_ours(order_id):
            if leg_of(order_id) is Leg.ENTRY:
                is_new = all(each.client_order_id != order_id for each in self.entry_fills)
                self.entry_fills.append(fill)
                if is_new:
                    self._entered(fill, was_held=before != 0)
            elif adds or flips:
                self.exits_that_opened.append(fill)
        if before == 0:
            self._open(stand, fill)
        assert stand.trip is not None, "a fill belongs to a position"
        stand.trip.fills.append(fill)
        if (adds and order_id != stand.trip.entry_id) or flips:
            stand.trip.is_mixed = True
        if after == 0:
            self._close(stand)
        elif flips:
            self._close(stand)
            self._open(stand, fill)
            assert stand.trip is not None, "it was just opened"
            stand.trip.is_mixed = True

    def _open(self, stand: _Stand, fill: DetailedFill) -> None:
        now_ms = self._now_ms()
        is_own = is_ours(fill.client_order_id)
        stand.trip = Trip(fill.symbol, fill.client_order_id, is_own, now_ms)
        self.trips.append(stand.trip)
        if is_own:
            stand.spell_from_ms, stand.is_first = now_ms, True
            stand.is_covered, stand.since_ms, stand.naked_ms = False, now_ms, 0

    def _close(self, stand: _Stand) -> None:
        now_ms = self._now_ms()
        assert stand.trip is not None, "it was open"
        stand.trip.closed_ms = now_ms
        if stand.spell_from_ms is not None:
            self._end_spell(stand, now_ms)
        stand.trip, stand.flat_since_ms = None, now_ms

    def _entered(self, fill: DetailedFill, *, was_held: bool) -> None:
        held = self._book.ledger.positions
        marks = {symbol: self._exchange.price(symbol).mark for symbol in held}
        equity = self._book.ledger.equity(marks) - self._book.ledger.transfers
        self.entered.append(
            Entered(
                fill.symbol,
                fill.client_order_id,
                self._now_ms(),
                {
                    symbol: position.side
                    for symbol, position in held.items()
                    if symbol == fill.symbol or self._is_own(symbol)
                },
                self._start - equity,
                sum((self._risk(each, marks[each.symbol]) for each in held.values()), Decimal(0)),
                self._start,
                was_held,
            )
        )

    def _is_own(self, symbol: str) -> bool:
        trip = self._stands[symbol].trip
        return trip is not None and trip.is_own

    def _risk(self, held: Position, mark: Decimal) -> Decimal:
        stop = held.entry_price - held.side.sign * self._distances[held.symbol]
        return max(Decimal(0), (mark - stop) * held.side.sign * held.quantity)

    # -- how it stands ------------------------------------------------------------------------

    def _look(self, symbol: str) -> None:
        stand, now_ms = self._stands[symbol], self._now_ms()
        self._mind_leftovers(symbol, stand, now_ms)
        trip, held = stand.trip, self._book.ledger.positions.get(symbol)
        if trip is None or held is None or not trip.is_own:
            return
        stops = self._stops(symbol, held)
        trip.stop_ids.update(report.client_order_id for report in stops)
        is_covered = _covers(stops, held)
        if is_covered == stand.is_covered:
            return
        if not is_covered and stand.spell_from_ms is None:
            stand.spell_from_ms, stand.is_first, stand.naked_ms = now_ms, False, 0
        elif not is_covered and now_ms - stand.since_ms >= LASTING_MS:
            self._end_spell(stand, now_ms)
            stand.spell_from_ms, stand.is_first, stand.naked_ms = now_ms, False, 0
        elif is_covered:
            stand.naked_ms += now_ms - stand.since_ms
        stand.is_covered, stand.since_ms = is_covered, now_ms

    def _stops(self, symbol: str, held: Position) -> list[DetailedReport]:
        resting = self._book.desks[symbol].resting.values()
        return [
            order.report
            for order in resting
            if order.report.kind in _STOPS and order.report.side is held.side.exit
        ]

    def _end_spell(self, stand: _Stand, now_ms: int) -> None:
        """It was covered to the end, or is flat now."""
        assert stand.trip is not None, "a spell is of a position"
        assert stand.spell_from_ms is not None, "a spell began"
        naked_ms = stand.naked_ms + (0 if stand.is_covered else now_ms - stand.since_ms)
        self.spells.append(
            Spell(
                stand.trip.symbol,
                stand.trip.entry_id,
                stand.spell_from_ms,
                stand.since_ms if stand.is_covered else now_ms,
                naked_ms,
                stand.is_first,
                by_flat=not stand.is_covered,
            )
        )
        stand.spell_from_ms = None

    def _mind_leftovers(self, symbol: str, stand: _Stand, now_ms: int) -> None:
        resting = self._book.desks[symbol].resting
        for order_id in resting:
            if is_ours(order_id):
                self._resting_since.setdefault((symbol, order_id), now_ms)
        for key in [key for key in self._resting_since if key[0] == symbol]:
            is_gone = key[1] not in resting
            if stand.trip is not None and not is_gone:
                continue
            if is_gone:
                self._note_leftover(key, stand, now_ms)
                del self._resting_since[key]

    def _note_leftover(self, key: tuple[str, str], stand: _Stand, to_ms: int | None) -> None:
        if stand.trip is None:
            from_ms = max(self._resting_since[key], stand.flat_since_ms)
            self.leftovers.append(Leftover(*key, from_ms, to_ms))

    def end(self) -> None:
        """The run is over: what is still going on is written down."""
        now_ms = self._now_ms()
        for symbol, stand in self._stands.items():
            if stand.spell_from_ms is not None:
                self._end_spell(stand, now_ms)
            for key in self._resting_since:
                if key[0] == symbol:
                    self._note_leftover(key, stand, None)


def _covers(stops: list[DetailedReport], held: Position) -> bool:
    """Whether these stops, all of the exit's side, close all of a position."""
    if any(report.close_position for report in stops):
        return True
    sized = (report.quantity or Decimal(0) for report in stops if report.reduce_only)
    return sum(sized, Decimal(0)) >= held.quantity


class _Tap(Subscription[AccountEvent]):
    """Hears the account's events as they happen."""

    def __init__(self, symbol: str, hear: Callable[[str, AccountEvent], None]) -> None:
        super().__init__(f"witness of {symbol}")
        self.symbol = symbol
        self._hear = hear

    def put(self, event: AccountEvent) -> None:
        self._hear(self.symbol, event)


class _Watched(dict[str, Any]):
    """Resting orders of a symbol; `changed` hears when one comes or goes, by whatever way."""

    def __init__(self, orders: Mapping[str, Any], changed: Callable[[], None]) -> None:
        super().__init__(orders)
        self._changed = changed

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        self._changed()

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._changed()

    def pop(self, key: str, *default: Any) -> Any:
        found = super().pop(key, *default)
        self._changed()
        return found


class Door(Passage):
    """The last door before the exchange, behind all faults: calls take their time on both ways.

    Hears what clients are answered: which stops were seen, and seen again.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._first_seen: dict[str, int] = {}
        self.confirmed_ms: dict[str, int] = {}  # by the stop's id
        self.calls = 0

    async def request(self, request: Request) -> Answer | None:
        await asyncio.sleep(_ONE_WAY_S)
        return None

    async def answer(self, request: Request, answer: Answer) -> Answer:
        self.calls += 1
        await asyncio.sleep(_ONE_WAY_S)
        is_list = request.path.endswith("/openAlgoOrders") and isinstance(answer.body, list)
        if is_list and answer.status == 200:
            for row in _stop_rows(answer.body):
                self._saw(row["clientAlgoId"])
        return answer

    def _saw(self, order_id: str) -> None:
        now_ms = self._now_ms()
        first_ms = self._first_seen.setdefault(order_id, now_ms)
        if now_ms - first_ms >= LASTING_MS:
            self.confirmed_ms.setdefault(order_id, now_ms)


def _stop_rows(rows: Any) -> Iterator[Any]:
    return (row for row in rows if row.get("orderType") == "STOP_MARKET")
