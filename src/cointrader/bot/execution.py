"""Sends one order once, whatever the network does.

The intent is on disk before the request leaves, under an id derived from (symbol, bar, leg,
attempt). An id that is already on disk was perhaps sent: it is looked up before anything is sent
again. Client ids do not deduplicate on the exchange, so asking first is the only protection
against doubles.

A request whose answer was lost may still be carried out until its receive window has passed, and
an order that was may stay invisible a moment longer. An entry is therefore sent again only when
all that is over and nothing of it can be found. Whatever else we send can only reduce or close: it
does no harm twice, and a position must not wait for it, so it goes out again sooner, as the next
attempt.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from decimal import Decimal
from enum import Enum, auto
from typing import TypeVar

from cointrader.domain.errors import OutcomeUnknown, RateLimited, Rejected, Unreachable
from cointrader.domain.order import (
    Leg,
    OrderKind,
    OrderReport,
    OrderRequest,
    OrderSide,
    OrderStatus,
    client_order_id,
    next_attempt,
)
from cointrader.domain.ports import Clock, Exchange, Journal
from cointrader.domain.records import Decision, Intent, OrderSeen

Answer = TypeVar("Answer")

TOO_LATE = "late"  # our own refusal code: the entry's time was over before it could be sent
RECEIVE_WINDOW_MS = 5_000  # so long may a request that left still be carried out
INVISIBLE_MS = 2_000  # so long may an order that was carried out not be found
SETTLED_AFTER_MS = RECEIVE_WINDOW_MS + INVISIBLE_MS

_LOOK_UP_PAUSE_MS = 500
_REDUCES_AGAIN_MS = 500  # what can only reduce is looked up so long before it is sent again
_ALREADY_THERE = ("-4116", "-4130")  # this id, or a closePosition order of this kind, is resting
_RETRIES = 4
_RETRY_PAUSE_MS = 250
_LONGEST_WAIT_MS = 1_000  # of a stop or a close, whatever the exchange asks for
_BEFORE_INTENT_MS = 60_000  # clocks and stamps differ


class _Attempt(Enum):
    """What became of one id."""

    THERE = auto()
    ENDED = auto()  # without effect
    LOST = auto()  # it left, and cannot be found


class Execution:
    """Orders of one symbol.

    `may_rest` are the conditional orders that may be among the open ones, seen or not, and since
    when that is so.
    """

    def __init__(
        self, symbol: str, exchange: Exchange, journal: Journal, clock: Clock, bar_ms: int
    ) -> None:
        self.symbol = symbol
        self.may_rest: dict[str, int] = {}
        self._bar_ms = bar_ms
        self._started_ms = clock.now_ms()
        self._carried_out: set[str] = set()  # of the newest bar, by this process
        self._ended: set[str] = set()  # of these, those that ended without effect
        self._newest_bar_ms = 0
        self._exchange = exchange
        self._journal = journal
        self._clock = clock

    # -- intents -----------------------------------------------------------------------------

    def order_id(self, bar_open_ms: int, leg: Leg, attempt: int = 0) -> str:
        return client_order_id(self.symbol, bar_open_ms, leg, attempt)

    def request_for(self, intent: Intent) -> OrderRequest:
        """The order an intent stands for. Stop and target close whatever is open."""
        protects = intent.leg in (Leg.STOP, Leg.TARGET)
        return OrderRequest(
            client_order_id=intent.client_order_id,
            symbol=self.symbol,
            side=intent.side,
            kind=intent.kind,
            quantity=None if protects else intent.quantity,
            trigger_price=intent.trigger_price,
            reduce_only=not protects and intent.leg is not Leg.ENTRY,
            close_position=protects,
        )

    def market_intent(
        self,
        bar_open_ms: int,
        leg: Leg,
        side: OrderSide,
        quantity: Decimal,
        exits: str = "",
        *,
        attempt: int = 0,
    ) -> Intent:
        return Intent(
            client_order_id=self.order_id(bar_open_ms, leg, attempt),
            symbol=self.symbol,
            bar_open_ms=bar_open_ms,
            leg=leg,
            side=side,
            kind=OrderKind.MARKET,
            quantity=quantity,
            trigger_price=None,
            at_ms=self._clock.now_ms(),
            exits=exits,
        )

    def conditional_intent(
        self,
        bar_open_ms: int,
        leg: Leg,
        side: OrderSide,
        trigger_price: Decimal,
        *,
        quantity: Decimal | None = None,
        attempt: int = 0,
    ) -> Intent:
        kind = OrderKind.TAKE_PROFIT_MARKET if leg is Leg.TARGET else OrderKind.STOP_MARKET
        return Intent(
            client_order_id=self.order_id(bar_open_ms, leg, attempt),
            symbol=self.symbol,
            bar_open_ms=bar_open_ms,
            leg=leg,
            side=side,
            kind=kind,
            quantity=quantity,
            trigger_price=trigger_price,
            at_ms=self._clock.now_ms(),
        )

    # -- carrying out ------------------------------------------------------------------------

    async def carry_out(
        self, *intents: Intent, decision: Decision | None = None, not_after_ms: int | None = None
    ) -> list[str]:
        """Make sure that each intent's order exists, once, and that the journal knew before.

        `decision` goes to disk with the intents, so that a restart knows the bar was answered.
        Nothing is sent after `not_after_ms`. Returns the client order ids; one differs from its
        intent's where that order had ended without effect, or could not be found, and was sent
        again.

        Raises `Rejected` when the exchange refuses or it is too late, `OutcomeUnknown` or
        `Unreachable` when it could not be reached for longer than the retries last.
        """
        known = [self._is_known(intent) for intent in intents]
        fresh = [intent for intent, was in zip(intents, known, strict=True) if not was]
        if fresh or decision is not None:
            await self._journal.commit(*([decision] if decision else []), *fresh)
        return [
            await self._carry_out_one(intent, perhaps_sent=was_known, not_after_ms=not_after_ms)
            for intent, was_known in zip(intents, known, strict=True)
        ]

    async def _carry_out_one(
        self, intent: Intent, *, perhaps_sent: bool, not_after_ms: int | None
    ) -> str:
        """Under this id, or under a later one, where an order ended without effect or is lost."""
        lost = 0
        while True:
            attempt = await self._attempt(
                intent, perhaps_sent, not_after_ms, may_lose=lost < _RETRIES
            )
            if attempt is _Attempt.THERE:
                return intent.client_order_id
            lost += attempt is _Attempt.LOST
            intent = replace(
                intent,
                client_order_id=next_attempt(intent.client_order_id),
                at_ms=self._clock.now_ms(),
            )
            perhaps_sent = self._is_known(intent)
            if not perhaps_sent:
                await self._journal.commit(intent)

    async def _attempt(
        self, intent: Intent, perhaps_sent: bool, not_after_ms: int | None, *, may_lose: bool
    ) -> _Attempt:
        order_id, is_entry = intent.client_order_id, intent.leg is Leg.ENTRY
        if order_id in self._ended:
            return _Attempt.ENDED
        if perhaps_sent:
            until_ms = self._settled_ms(not_after_ms) if is_entry else 0
            report = await self.look_up(order_id, until_ms=until_ms)
            if report is not None:
                if is_entry or not report.status.is_final:
                    return _Attempt.THERE
                self._ended.add(order_id)
                return _Attempt.ENDED
            if is_entry and await self._left_traces(intent):
                return _Attempt.THERE
        try:
            is_there = await self._send(intent, not_after_ms, may_lose=may_lose)
        except Rejected:
            self.may_rest.pop(order_id, None)
            await self._journal.commit(OrderSeen(_refused(intent, self._clock.now_ms())))
            raise
        return _Attempt.THERE if is_there else _Attempt.LOST

    def _is_known(self, intent: Intent) -> bool:
        """Whether this order was meant before, by this process or by one before it."""
        order_id, bar_ms = intent.client_order_id, intent.bar_open_ms
        if bar_ms > self._newest_bar_ms:
            self._newest_bar_ms = bar_ms
            self._carried_out.clear()
            self._ended.clear()
        if order_id in self._carried_out:
            return True
        self._carried_out.add(order_id)
        # Nobody before this process can have answered a bar that closed after it started.
        is_older = bar_ms + self._bar_ms <= self._started_ms or bar_ms < self._newest_bar_ms
        return is_older and self._journal.intent(order_id) is not None

    async def _send(self, intent: Intent, not_after_ms: int | None, *, may_lose: bool) -> bool:
        """Send it; False where it left and cannot be found, if it may be lost at all."""
        order_id, is_entry = intent.client_order_id, intent.leg is Leg.ENTRY
        if intent.kind.is_conditional:
            self.may_rest[order_id] = self._clock.now_ms()
        for remaining in range(_RETRIES, -1, -1):
            if not_after_ms is not None and self._clock.now_ms() > not_after_ms:
                raise Rejected("too late to send this order", code=TOO_LATE)
            try:
                report = await self._exchange.place(self.request_for(intent))
            except Rejected as refused:
                if refused.code in _ALREADY_THERE:
                    return True
                raise
            except OutcomeUnknown:
                patience_ms = SETTLED_AFTER_MS if is_entry else _REDUCES_AGAIN_MS
                until_ms = self._clock.now_ms() + patience_ms
                found = await self.look_up(order_id, until_ms=until_ms)
                if found is None and is_entry and await self._left_traces(intent):
                    return True
                if found is None and may_lose and not is_entry:
                    return False
                if found is None and not (is_entry and remaining):
                    raise
                if found is None:
                    continue
                report = found
            except RateLimited as limit:
                if not remaining:
                    raise
                wait_ms = limit.retry_after_ms
                await self._clock.sleep_ms(wait_ms if is_entry else min(wait_ms, _LONGEST_WAIT_MS))
                continue
            except Unreachable:
                if not remaining:
                    raise
                await self._clock.sleep_ms(_RETRY_PAUSE_MS)
                continue
            self._journal.note(OrderSeen(report))
            return True
        raise AssertionError("unreachable: the last try returns or raises")

    # -- asking ------------------------------------------------------------------------------

    async def cancel(self, order_id: str) -> bool:
        """Cancel an order if it is still open; whether it certainly is not any more."""
        report = await self._exchange.cancel(self.symbol, order_id)
        if report is None:
            report = await self.look_up(order_id)
            return report is not None and report.status.is_final
        self._journal.note(OrderSeen(report))
        return True

    async def look_up(self, order_id: str, *, until_ms: int = 0) -> OrderReport | None:
        """What became of an order whose outcome is unknown; None: it is not there.

        Asked again and again until `until_ms`, once at least. Raises where the last answer, the
        one that counts, could not be had.
        """
        while True:
            is_last = self._clock.now_ms() >= until_ms
            try:
                report = await _answered(self._exchange.order(self.symbol, order_id))
            except (Unreachable, RateLimited):
                if is_last:
                    raise
                report = None
            if report is not None or is_last:
                return report
            await self._clock.sleep_ms(_LOOK_UP_PAUSE_MS)

    async def look_up_entry(self, entry: Intent, *, not_after_ms: int | None) -> OrderReport | None:
        """What became of an entry that another process may have sent; None: it never came to be."""
        return await self.look_up(entry.client_order_id, until_ms=self._settled_ms(not_after_ms))

    def _settled_ms(self, not_after_ms: int | None) -> int:
        """When an order that was sent before this process began has happened, or never will."""
        sent_ms = self._started_ms if not_after_ms is None else min(self._started_ms, not_after_ms)
        return sent_ms + SETTLED_AFTER_MS

    async def _left_traces(self, entry: Intent) -> bool:
        """Whether an entry that cannot be found was executed all the same."""
        since_ms = entry.bar_open_ms + self._bar_ms - _BEFORE_INTENT_MS
        fills = await _answered(self._exchange.fills(self.symbol, since_ms=since_ms))
        if any(fill.client_order_id == entry.client_order_id for fill in fills):
            return True
        return await _answered(self._exchange.position(self.symbol)) is not None


async def _answered(question: Awaitable[Answer]) -> Answer:
    """A question that is refused is not answered: only an order that is refused is none."""
    try:
        return await question
    except Rejected as refused:
        raise Unreachable(refused.what, where=refused.where, todo=refused.todo) from refused


def _refused(intent: Intent, at_ms: int) -> OrderReport:
    return OrderReport(
        client_order_id=intent.client_order_id,
        symbol=intent.symbol,
        side=intent.side,
        kind=intent.kind,
        status=OrderStatus.REJECTED,
        updated_ms=at_ms,
        quantity=intent.quantity,
        trigger_price=intent.trigger_price,
    )
