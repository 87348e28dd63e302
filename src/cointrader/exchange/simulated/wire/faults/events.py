"""Account events that are lost, late, repeated, out of order, or told otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from decimal import Decimal
from typing import Any

from cointrader.exchange.simulated.wire.events import Message
from cointrader.exchange.simulated.wire.faults.fault import Fault
from cointrader.exchange.simulated.wire.faults.messages import (
    aimed_at,
    in_short,
    is_fill,
    kinds_of,
    symbol_of,
)
from cointrader.exchange.simulated.wire.faults.parameters import chosen, number, seconds, symbol
from cointrader.exchange.simulated.wire.passage import Request
from cointrader.exchange.simulated.wire.refusals import Answer
from cointrader.exchange.simulated.wire.texts import money

_BOOK = "ACCOUNT_UPDATE"


class _OfEvents(Fault):
    """Looks at the events that its `event` names."""

    parameters = aimed_at("any")

    def takes(self, message: Message) -> bool:
        """Whether this event is one of its kind, and bitten."""
        is_wanted = not self.words("event").isdisjoint(kinds_of(message))
        return is_wanted and self.is_about(symbol_of(message)) and self.bites()


class EventDuplicated(_OfEvents):
    name = "event-duplicated"
    summary = "an account event is told twice"

    def event(self, message: Message) -> Sequence[Message]:
        if not self.takes(message):
            return (message,)
        self.note(in_short(message), "told twice")
        return (message, deepcopy(message))


class EventLost(_OfEvents):
    name = "event-lost"
    summary = "an account event is never told"

    def event(self, message: Message) -> Sequence[Message]:
        if not self.takes(message):
            return (message,)
        self.note(in_short(message), "not told")
        return ()


class FillLost(Fault):
    name = "fill-lost"
    summary = "neither TRADE_LITE nor ORDER_TRADE_UPDATE of a fill are told"
    parameters = chosen(symbol=symbol())

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._trade: tuple[str, int] | None = None  # the one that is being lost

    def event(self, message: Message) -> Sequence[Message]:
        is_lite = message["e"] == "TRADE_LITE"
        if not is_lite and not is_fill(message):
            return (message,)
        body = message if is_lite else message["o"]
        trade = body["s"], body["t"]
        if trade != self._trade:
            if not self.is_about(body["s"]) or not self.bites():
                return (message,)
            self._trade = trade
            self.note(f"fill {body['t']} of {body['s']} {body['c']}", "not told")
        return ()


class EventLate(_OfEvents):
    name = "event-late"
    summary = "the user stream lags: an event and all that follow it come some seconds late"
    parameters = chosen(seconds=seconds("3", "how late"), **aimed_at("any"))

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._waiting: list[Message] = []

    def event(self, message: Message) -> Sequence[Message]:
        if not kinds_of(message):
            return (message,)
        if not self._waiting:
            if not self.takes(message):
                return (message,)
            wait_s = self.number("seconds")
            self.note(in_short(message), f"told {wait_s:g} s late, and all behind it")
            self.scene.after(wait_s, self.lifted)
        self._waiting.append(message)
        return ()

    def lifted(self) -> None:
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            self.scene.tell(message)


class EventSwapped(_OfEvents):
    name = "event-swapped"
    summary = "an account event is told after the one that follows it"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._held: Message | None = None

    def event(self, message: Message) -> Sequence[Message]:
        held, self._held = self._held, None
        if held is not None:
            return (message, held)
        if not self.takes(message):
            return (message,)
        self.note(in_short(message), "told after the next one")
        self._held = message
        return ()

    def lifted(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self.scene.tell(held)


class _OfFills(Fault):
    """Holds the messages of one fill, TRADE_LITE to ACCOUNT_UPDATE, and tells them in its order."""

    parameters = chosen(symbol=symbol())

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._held: list[Message] = []

    def event(self, message: Message) -> Sequence[Message]:
        if not self._held and not self._begins(message):
            return (message,)
        self._held.append(message)
        if message["e"] != _BOOK:
            return ()
        held, self._held = self._held, []
        told = self.arranged(held)
        self.note(in_short(held[0]), "told as " + ", ".join(each["e"] for each in told))
        return told

    def _begins(self, message: Message) -> bool:
        is_first = message["e"] == "TRADE_LITE"
        return is_first and self.is_about(message["s"]) and self.bites()

    def arranged(self, held: list[Message]) -> list[Message]:
        raise NotImplementedError


class AccountUpdateFirst(_OfFills):
    name = "account-update-first"
    summary = "the ACCOUNT_UPDATE of a fill is told before the fill"

    def arranged(self, held: list[Message]) -> list[Message]:
        return [held[-1], *held[:-1]]


class FillShuffled(_OfFills):
    name = "fill-shuffled"
    summary = "TRADE_LITE, ORDER_TRADE_UPDATE and ACCOUNT_UPDATE of a fill in any order"

    def arranged(self, held: list[Message]) -> list[Message]:
        return self.chance.sample(held, len(held))


class PartialFills(Fault):
    name = "partial-fills"
    summary = "an order is filled in many small parts"
    parameters = chosen(
        notional=number("10", "the most that one part is worth", least=0.1, most=1e9),
        symbol=symbol(),
    )

    def most_per_fill(self, symbol_name: str, price: Decimal) -> Decimal | None:
        """The most that one fill executes; None where it does not bite."""
        if not self.is_about(symbol_name) or not self.bites():
            return None
        notional = self.ratio("notional")
        self.note(f"an order of {symbol_name}", f"filled in parts of at most {notional} USDT")
        return notional / price


class CommissionAbsent(Fault):
    name = "commission-absent"
    summary = "a fill's event has neither n nor N: its commission is told elsewhere"
    parameters = chosen(symbol=symbol())

    def event(self, message: Message) -> Sequence[Message]:
        if not is_fill(message) or not self.is_about(symbol_of(message)) or not self.bites():
            return (message,)
        self.note(in_short(message), "n and N left out")
        order = {name: value for name, value in message["o"].items() if name not in ("n", "N")}
        return ({**message, "o": order},)


class CommissionInBnb(Fault):
    name = "commission-in-bnb"
    summary = "a fill's commission is taken in BNB; the USDT wallet does not pay it"
    parameters = chosen(
        price=number("600", "of one BNB in USDT", least=0.01, most=1e6),
        symbol=symbol(),
    )

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._paid: dict[tuple[str, str], str] = {}  # symbol and trade -> BNB

    def event(self, message: Message) -> Sequence[Message]:
        if not is_fill(message) or not self.is_about(symbol_of(message)) or not self.bites():
            return (message,)
        order = message["o"]
        fee = Decimal(order["n"])
        in_bnb = money(fee / self.ratio("price"))
        self._paid[order["s"], str(order["t"])] = in_bnb
        self.scene.venue.exchange.book.ledger.refund_fee(fee)
        self.note(in_short(message), f"{in_bnb} BNB instead of {fee} USDT")
        return ({**message, "o": {**order, "n": in_bnb, "N": "BNB"}},)

    async def answer(self, request: Request, answer: Answer) -> Answer:
        if request.path.endswith(("/userTrades", "/income")) and isinstance(answer.body, list):
            return Answer(answer.status, [self._in_bnb(r) for r in answer.body], answer.headers)
        return answer

    def _in_bnb(self, row: Any) -> Any:
        paid = self._paid.get((row["symbol"], str(row.get("id") or row.get("tradeId"))))
        if paid is None:
            return row
        if "commission" in row:
            return {**row, "commission": paid, "commissionAsset": "BNB"}
        if row.get("incomeType") == "COMMISSION":
            return {**row, "income": f"-{paid}", "asset": "BNB"}
        return row


class EventExtended(_OfEvents):
    name = "event-extended"
    summary = "an account event has fields that nobody knows yet"

    def event(self, message: Message) -> Sequence[Message]:
        if not self.takes(message):
            return (message,)
        self.note(in_short(message), "unknown fields added")
        told = {**message, "zz": {"future": [1]}}
        if "o" in message:
            told["o"] = {**message["o"], "zz": "future"}
        return (told,)


class EventUnknown(_OfEvents):
    name = "event-unknown"
    summary = "an event of an unknown kind is told beside a known one"

    def event(self, message: Message) -> Sequence[Message]:
        if not self.takes(message):
            return (message,)
        self.note(in_short(message), "an unknown event told before it")
        at_ms = self.scene.now_ms
        return ({"e": "FUTURE_UPDATE", "E": at_ms, "T": at_ms, "fu": {"s": "X"}}, message)


KINDS: tuple[type[Fault], ...] = (
    EventDuplicated,
    EventLost,
    FillLost,
    EventLate,
    EventSwapped,
    AccountUpdateFirst,
    FillShuffled,
    PartialFills,
    CommissionAbsent,
    CommissionInBnb,
    EventExtended,
    EventUnknown,
)
