"""What the market and the exchange do to an account that asked for none of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from cointrader.domain.clock import HOUR_MS
from cointrader.domain.position import Position
from cointrader.exchange.simulated.wire.events import Message
from cointrader.exchange.simulated.wire.faults import calls
from cointrader.exchange.simulated.wire.faults.fault import Act, Fault
from cointrader.exchange.simulated.wire.faults.messages import is_fill
from cointrader.exchange.simulated.wire.faults.parameters import chosen, number, seconds, symbol
from cointrader.exchange.simulated.wire.passage import Frame, Request
from cointrader.exchange.simulated.wire.refusals import Answer, answer_to, refused

_RATE = number("0.0005", "the funding rate; above zero longs pay", least=-0.03, most=0.03)


def a_position(fault: Fault) -> Position | None:
    """The position a fault is about: that of its symbol, else one drawn from all."""
    held = fault.scene.venue.exchange.book.ledger.positions
    wanted = [each for each in held.values() if fault.is_about(each.symbol)]
    return fault.chance.choice(wanted) if wanted else None


def a_symbol(fault: Fault, *, but: Collection[str] = ()) -> str | None:
    """The symbol a fault is about, else one drawn from all that have a price; none of `but`."""
    priced = fault.scene.venue.market.priced()
    wanted = [each for each in priced if fault.is_about(each) and each not in but]
    return fault.chance.choice(wanted) if wanted else None


class Liquidation(Act):
    name = "liquidation"
    summary = "a position is liquidated by an autoclose- order, its symbol's orders expire"
    parameters = chosen(symbol=symbol())

    async def act(self) -> bool:
        held = a_position(self)
        if held is None:
            return False
        self.note(held.symbol, f"{held.quantity} {held.side.value} liquidated")
        self.scene.venue.exchange.liquidate(held.symbol)
        return True


class Deleveraging(Act):
    name = "deleveraging"
    summary = "a position, or a part of it, is closed by ADL"
    parameters = chosen(
        ratio=number("1", "of the position", least=0.01, most=1),
        symbol=symbol(),
    )

    async def act(self) -> bool:
        held = a_position(self)
        if held is None:
            return False
        venue = self.scene.venue
        step = venue.market.instrument(held.symbol).step_size
        quantity = _on_step(held.quantity * self.ratio("ratio"), step) or held.quantity
        self.note(held.symbol, f"{quantity} of {held.quantity} closed by ADL")
        venue.exchange.deleverage(held.symbol, quantity)
        return True


class FundingInFlight(Fault):
    name = "funding-in-flight"
    summary = "funding is settled while an order is in flight: before an exit, after an entry"
    parameters = chosen(rate=_RATE, symbol=symbol())

    async def request(self, request: Request) -> Answer | None:
        if "exit" in calls.kinds_of(request, self.scene.venue):
            self._settle(request)
        return None

    async def answer(self, request: Request, answer: Answer) -> Answer:
        if answer.status == 200 and "entry" in calls.kinds_of(request, self.scene.venue):
            self._settle(request)
        return answer

    def _settle(self, request: Request) -> None:
        exchange = self.scene.venue.exchange
        about = calls.symbol_of(request, self.scene.venue)
        if about not in exchange.book.ledger.positions or not self.is_about(about):
            return
        if self.bites():
            rate = self.ratio("rate")
            self.note(calls.in_words(request), f"funding of {rate} settled")
            exchange.settle_now(about, rate, self.scene.now_ms)


class FundingIntervalChanged(Act):
    name = "funding-interval-changed"
    summary = "funding is settled every few hours from now on, and told so"
    parameters = chosen(
        hours=number("4", "the new interval", least=1, most=8),
        rate=_RATE,
        symbol=symbol(),
    )

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._every_ms: dict[str, int] = {}
        self._settled: list[dict[str, Any]] = []  # rows of fundingRate

    async def act(self) -> bool:
        about = a_symbol(self, but=self._every_ms)
        if about is None:
            return False
        hours = max(1, self.whole("hours"))
        self._every_ms[about] = hours * HOUR_MS
        self.note(about, f"funding every {hours} h")
        self._wait_for_next(about)
        return True

    def _next_ms(self, about: str) -> int:
        every_ms = self._every_ms[about]
        return self.scene.now_ms // every_ms * every_ms + every_ms

    def _wait_for_next(self, about: str) -> None:
        next_ms = self._next_ms(about)
        wait_s = (next_ms - self.scene.now_ms) / 1000
        self.scene.after(wait_s, lambda: self._settle(about, next_ms))

    def _settle(self, about: str, at_ms: int) -> None:
        if about not in self._every_ms:
            return
        venue = self.scene.venue
        if at_ms % (8 * HOUR_MS):  # the market itself settles the others
            rate = self.ratio("rate")
            mark = str(venue.market.quote(about).mark)
            row = {"symbol": about, "fundingRate": str(rate), "fundingTime": at_ms}
            self._settled.append({**row, "markPrice": mark})
            if about in venue.exchange.book.ledger.positions:
                venue.exchange.settle_now(about, rate, at_ms)
        self._wait_for_next(about)

    async def answer(self, request: Request, answer: Answer) -> Answer:
        if answer.status != 200 or not self._every_ms:
            return answer
        body: Any = answer.body
        path, about = request.path, calls.said(request, "symbol").upper()
        if path.endswith("/fundingInfo"):
            changed = [row for row in body if row["symbol"] not in self._every_ms]
            return replace(answer, body=changed + [self._info(s) for s in self._every_ms])
        if path.endswith("/fundingRate"):
            rows = [row for row in self._settled if about in ("", row["symbol"])]
            start, end = calls.said(request, "startTime"), calls.said(request, "endTime")
            rows = [row for row in rows if int(start or 0) <= row["fundingTime"]]
            rows = [row for row in rows if not end or row["fundingTime"] <= int(end)]
            every = sorted([*body, *rows], key=lambda row: int(row["fundingTime"]))
            return replace(answer, body=every)
        if path.endswith("/premiumIndex"):
            return replace(answer, body=self._with_next(body))
        return answer

    def published(self, stream: str, frame: Frame) -> Sequence[Frame]:
        if isinstance(frame, list):
            return ([self._with_next_time(each) for each in frame],)
        return (self._with_next_time(frame),)

    def _with_next_time(self, frame: dict[str, Any]) -> dict[str, Any]:
        if frame.get("e") != "markPriceUpdate" or frame["s"] not in self._every_ms:
            return frame
        return {**frame, "T": self._next_ms(frame["s"])}

    def _info(self, about: str) -> dict[str, Any]:
        return {
            "symbol": about,
            "adjustedFundingRateCap": "0.02000000",
            "adjustedFundingRateFloor": "-0.02000000",
            "fundingIntervalHours": self._every_ms[about] // HOUR_MS,
        }

    def _with_next(self, body: Any) -> Any:
        if isinstance(body, list):
            return [self._with_next(row) for row in body]
        if body["symbol"] in self._every_ms:
            return {**body, "nextFundingTime": self._next_ms(body["symbol"])}
        return body

    def lifted(self) -> None:
        self._every_ms.clear()


class FiltersChanged(Act):
    name = "filters-changed"
    summary = (
        "tick, step and least notional of a symbol are others from now on: -4014, -4023, -4164"
    )
    parameters = chosen(
        tick=number("10", "times the tick", least=1, most=1000),
        step=number("10", "times the step", least=1, most=1000),
        notional=number("2", "times the least notional", least=0.01, most=1000),
        symbol=symbol(),
    )

    async def act(self) -> bool:
        about = a_symbol(self)
        if about is None:
            return False
        before = self.scene.venue.market.instrument(about)
        tick, step, notional = (self.ratio(name) for name in ("tick", "step", "notional"))
        after = replace(
            before,
            tick_size=_times(before.tick_size, tick),
            step_size=_times(before.step_size, step),
            min_quantity=before.min_quantity * step,
            min_notional=before.min_notional * notional,
        )
        self.scene.venue.exchange.change_instrument(after)
        self.note(
            about,
            f"tick {after.tick_size}, step {after.step_size}, least notional {after.min_notional}",
        )
        return True


class SymbolSettling(Act):
    name = "symbol-settling"
    summary = "a symbol is being settled: status SETTLING, exits only"
    parameters = chosen(symbol=symbol())

    async def act(self) -> bool:
        exchange = self.scene.venue.exchange
        about = a_symbol(self, but=exchange.book.settling)
        if about is None:
            return False
        self.note(about, "SETTLING from now on")
        exchange.close_symbol(about)
        return True


class SymbolPending(Act):
    name = "symbol-pending"
    summary = "a symbol is not traded for a while: status PENDING_TRADING, orders get -1122"
    parameters = chosen(seconds=seconds("3600", "for how long"), symbol=symbol())

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._pending: dict[str, int] = {}  # symbol -> until when

    async def act(self) -> bool:
        about = a_symbol(self, but=[each for each in self._pending if self._is_pending(each)])
        if about is None:
            return False
        wait_s = self.number("seconds")
        self._pending[about] = self.scene.now_ms + round(wait_s * 1000)
        self.note(about, f"PENDING_TRADING for {wait_s:g} s")
        return True

    def _is_pending(self, about: str | None) -> bool:
        return about is not None and self.scene.now_ms < self._pending.get(about, 0)

    async def request(self, request: Request) -> Answer | None:
        venue = self.scene.venue
        is_order = "place" in calls.kinds_of(request, venue)
        if not is_order or not self._is_pending(calls.symbol_of(request, venue)):
            return None
        self.note(calls.in_words(request), "refused with -1122")
        return answer_to(refused(-1122, "Invalid symbol status."))

    async def answer(self, request: Request, answer: Answer) -> Answer:
        if answer.status != 200 or not request.path.endswith("/exchangeInfo"):
            return answer
        body: Any = answer.body
        rows = [
            {**row, "status": "PENDING_TRADING"} if self._is_pending(row["symbol"]) else row
            for row in body["symbols"]
        ]
        return replace(answer, body={**body, "symbols": rows})

    def lifted(self) -> None:
        self._pending.clear()


class PriceGap(Fault):
    name = "price-gap"
    summary = "the price jumps against a position between its entry's fill and its stop"
    parameters = chosen(
        ratio=number("0.05", "how far, of the price", least=0.0001, most=0.5),
        symbol=symbol(),
    )

    def event(self, message: Message) -> Sequence[Message]:
        if not is_fill(message) or message["o"]["X"] != "FILLED" or message["o"]["R"]:
            return (message,)
        exchange, about = self.scene.venue.exchange, message["o"]["s"]
        held = exchange.book.ledger.positions.get(about)
        if held is None or not self.is_about(about) or not self.bites():
            return (message,)
        ratio = self.number("ratio")
        before = float(exchange.price(about).mark)
        after = float(message["o"]["L"]) * (1 - held.side.sign * ratio)
        exchange.move_price(about, after)
        self.note(about, f"price from {before:g} to {after:g} right after the entry")
        return (message,)


def _times(value: Decimal | None, factor: Decimal) -> Decimal | None:
    return None if value is None else (value * factor).normalize() + 0


def _on_step(quantity: Decimal, step: Decimal | None) -> Decimal:
    return quantity if step is None else quantity // step * step


KINDS: tuple[type[Fault], ...] = (
    Liquidation,
    Deleveraging,
    FundingInFlight,
    FundingIntervalChanged,
    FiltersChanged,
    SymbolSettling,
    SymbolPending,
    PriceGap,
)
