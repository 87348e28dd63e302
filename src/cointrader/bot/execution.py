"""Sends one order once, whatever the network does.

The intent is on disk before the request leaves, under an id derived from (symbol, bar, leg,
attempt). An id that is already on disk was perhaps sent: it is looked up before anything is sent
again. Client ids do not deduplicate on the exchange, so asking first is the only protection
against doubles.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

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

_LOOK_UPS = 5
_LOOK_UP_PAUSE_MS = 500
_ALREADY_THERE = ("-4116", "-4130")  # this id, or a closePosition order of this kind, is resting
_RETRIES = 4
TOO_LATE = "late"  # our own refusal code: the entry's time was over before it could be sent
_RETRY_PAUSE_MS = 250


class Execution:
    """Orders of one symbol."""

    def __init__(
        self, symbol: str, exchange: Exchange, journal: Journal, clock: Clock, bar_ms: int
    ) -> None:
        self.symbol = symbol
        self._bar_ms = bar_ms
        self._started_ms = clock.now_ms()
        self._carried_out: set[str] = set()  # of the newest bar, by this process
        self._newest_bar_ms = 0
        self._exchange = exchange
        self._journal = journal
        self._clock = clock

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
            reduce_only=intent.leg in (Leg.CLOSE, Leg.TRAIL, Leg.EMERGENCY),
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

    async def carry_out(
        self, *intents: Intent, decision: Decision | None = None, not_after_ms: int | None = None
    ) -> list[str]:
        """Make sure that each intent's order exists, once, and that the journal knew before.

        `decision` goes to disk with the intents, so that a restart knows the bar was answered.
        Nothing is sent after `not_after_ms`. Returns the client order ids; one differs from its
        intent's where that order had ended without effect and was sent again.

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
        if perhaps_sent:
            # Only an entry sent twice does harm: all others reduce or close, and then find nothing.
            patiently = intent.leg is Leg.ENTRY
            report = await self.look_up(intent.client_order_id, patiently=patiently)
            if report is not None:
                has_effect = not report.status.is_final or (
                    # A close that was filled and did not close it all asks for a further one.
                    report.filled_quantity > 0 and intent.leg not in (Leg.CLOSE, Leg.EMERGENCY)
                )
                if has_effect or intent.leg is Leg.ENTRY:
                    return intent.client_order_id
                again = replace(intent, client_order_id=next_attempt(intent.client_order_id))
                return (await self.carry_out(again, not_after_ms=not_after_ms))[0]
        try:
            await self._send(intent, not_after_ms)
        except Rejected:
            await self._journal.commit(OrderSeen(_refused(intent, self._clock.now_ms())))
            raise
        return intent.client_order_id

    def _is_known(self, intent: Intent) -> bool:
        """Whether this order was meant before, by this process or by one before it."""
        order_id, bar_ms = intent.client_order_id, intent.bar_open_ms
        if bar_ms > self._newest_bar_ms:
            self._newest_bar_ms = bar_ms
            self._carried_out.clear()
        if order_id in self._carried_out:
            return True
        self._carried_out.add(order_id)
        # Nobody before this process can have answered a bar that closed after it started.
        is_older = bar_ms + self._bar_ms <= self._started_ms
        return is_older and self._journal.intent(order_id) is not None

    async def cancel(self, order_id: str) -> bool:
        """Cancel an order if it is still open; whether it certainly is not any more."""
        report = await self._exchange.cancel(self.symbol, order_id)
        if report is None:
            report = await self.look_up(order_id, patiently=False)
            return report is not None and report.status.is_final
        self._journal.note(OrderSeen(report))
        return True

    async def look_up(self, order_id: str, *, patiently: bool = True) -> OrderReport | None:
        """What became of an order whose outcome is unknown; None: it never existed.

        An order may take a second or two to become visible: None is not certain unless patiently.
        """
        for remaining in range(_LOOK_UPS if patiently else 1, 0, -1):
            try:
                report = await self._exchange.order(self.symbol, order_id)
            except (Unreachable, RateLimited):
                if remaining == 1:
                    raise
                report = None
            if report is not None:
                return report
            if remaining > 1:
                await self._clock.sleep_ms(_LOOK_UP_PAUSE_MS)
        return None

    async def _send(self, intent: Intent, not_after_ms: int | None) -> None:
        for remaining in range(_RETRIES, -1, -1):
            if not_after_ms is not None and self._clock.now_ms() > not_after_ms:
                raise Rejected("too late to send this order", code=TOO_LATE)
            try:
                report = await self._exchange.place(self.request_for(intent))
            except Rejected as refused:
                if refused.code not in _ALREADY_THERE:
                    raise
                return
            except OutcomeUnknown:
                found = await self.look_up(intent.client_order_id)
                if found is None and remaining:
                    continue
                if found is None:
                    raise
                report = found
            except RateLimited as limit:
                if not remaining:
                    raise
                await self._clock.sleep_ms(limit.retry_after_ms)
                continue
            except Unreachable:
                if not remaining:
                    raise
                await self._clock.sleep_ms(_RETRY_PAUSE_MS)
                continue
            self._journal.note(OrderSeen(report))
            return


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
