"""Conditional orders that are not what they are said to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cointrader.domain.order import DetailedReport
from cointrader.exchange.simulated.account import AtTrigger
from cointrader.exchange.simulated.wire.events import Message
from cointrader.exchange.simulated.wire.faults import calls
from cointrader.exchange.simulated.wire.faults.calls import aimed_at, in_words, said
from cointrader.exchange.simulated.wire.faults.fault import Fault
from cointrader.exchange.simulated.wire.faults.messages import in_short, is_fill
from cointrader.exchange.simulated.wire.faults.parameters import chosen, seconds, symbol
from cointrader.exchange.simulated.wire.orders import AlgoOrder
from cointrader.exchange.simulated.wire.passage import Request
from cointrader.exchange.simulated.wire.refusals import Answer, answer_to, refused


class StopNeverThere(Fault):
    name = "stop-never-there"
    summary = "a stop is acknowledged, and was never there: no event, not listed, -2013"
    parameters = aimed_at("stop")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._hidden: set[str] = set()  # client ids of orders that are about to be forgotten

    async def request(self, request: Request) -> Answer | None:
        client_id = said(request, "clientAlgoId")
        if client_id and self.concerns(request) and self.bites():
            self._hidden.add(client_id)
        return None

    def event(self, message: Message) -> Sequence[Message]:
        hides = message["e"] == "ALGO_UPDATE" and message["o"]["caid"] in self._hidden
        return () if hides else (message,)

    async def answer(self, request: Request, answer: Answer) -> Answer:
        client_id = said(request, "clientAlgoId")
        if client_id not in self._hidden or calls.route_of(request)[0] != "POST":
            return answer
        self._hidden.discard(client_id)
        algo = self.scene.venue.recorder.algo_named(client_id)
        if algo is not None and answer.status == 200:
            self.scene.venue.forget_algo(algo)
            self.note(in_words(request), "acknowledged and thrown away")
        return answer


class StopVanishes(Fault):
    name = "stop-vanishes"
    summary = "a stop is acknowledged and is gone a moment later, without a word"
    parameters = chosen(seconds=seconds("1", "how long it is there"), **aimed_at("stop"))

    async def answer(self, request: Request, answer: Answer) -> Answer:
        if answer.status != 200 or not self.concerns(request) or not self.bites():
            return answer
        algo = self.scene.venue.recorder.algo_named(said(request, "clientAlgoId"))
        if algo is None:
            return answer
        wait_s = self.number("seconds")
        self.note(in_words(request), f"acknowledged, gone {wait_s:g} s later")
        self.scene.after(wait_s, lambda: self._forget(algo))
        return answer

    def _forget(self, algo: AlgoOrder) -> None:
        if algo.status == "NEW":
            self.scene.venue.forget_algo(algo)


class TriggerStuck(Fault):
    name = "trigger-stuck"
    summary = "a conditional order stays in TRIGGERING; -2011 for its cancellation"
    parameters = chosen(
        seconds=seconds("0", "it is carried out after so long; 0: never"),
        symbol=symbol(),
    )

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._stuck: dict[str, DetailedReport] = {}

    def at_trigger(self, report: DetailedReport) -> AtTrigger:
        if not self.is_about(report.symbol) or not self.bites():
            return "execute"
        wait_s = self.number("seconds")
        self._stuck[report.client_order_id] = report
        self.note(f"{report.symbol} {report.client_order_id}", f"stuck for {wait_s:g} s (0: ever)")
        if wait_s:
            self.scene.after(wait_s, lambda: self._release(report.client_order_id))
        return "stick"

    async def request(self, request: Request) -> Answer | None:
        algo = calls.algo_of(request, self.scene.venue)
        if algo is None or calls.route_of(request)[0] != "DELETE":
            return None
        if algo.client_id not in self._stuck:
            return None
        self.note(in_words(request), "refused with -2011: it is triggering")
        return answer_to(refused(-2011, "Unknown order sent."))

    def _release(self, client_id: str) -> None:
        report = self._stuck.pop(client_id, None)
        if report is not None:
            self.scene.venue.exchange.execute_held(report)

    def lifted(self) -> None:
        for client_id in list(self._stuck):
            self._release(client_id)


class TriggerRejected(Fault):
    name = "trigger-rejected"
    summary = "a conditional order is REJECTED when its level is reached: the position is naked"
    parameters = chosen(symbol=symbol())

    def at_trigger(self, report: DetailedReport) -> AtTrigger:
        if not self.is_about(report.symbol) or not self.bites():
            return "execute"
        self.note(f"{report.symbol} {report.client_order_id}", "rejected at its trigger")
        return "reject"


class FillBeforeTriggered(Fault):
    name = "fill-before-triggered"
    summary = "a triggered order's fill is told before its ALGO_UPDATE TRIGGERED"
    parameters = chosen(symbol=symbol())

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._held: dict[str, Message] = {}  # number of the child -> TRIGGERED

    def event(self, message: Message) -> Sequence[Message]:
        order = message.get("o", {})
        is_triggered = message["e"] == "ALGO_UPDATE" and order["X"] == "TRIGGERED"
        if is_triggered and self.is_about(order["s"]) and self.bites():
            self._held[order["ai"]] = message
            self.note(in_short(message), "told after its fill")
            return ()
        if is_fill(message) and (held := self._held.pop(str(order["i"]), None)) is not None:
            return (message, held)
        return (message,)


class AlgoLate(Fault):
    name = "algo-late"
    summary = "the states of a triggered order come some seconds apart, behind its fills"
    parameters = chosen(seconds=seconds("0.2", "between two states"), symbol=symbol())

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._waits_s: dict[str, float] = {}  # client id -> how late its last state is

    def event(self, message: Message) -> Sequence[Message]:
        if message["e"] != "ALGO_UPDATE":
            return (message,)
        order = message["o"]
        client_id = order["caid"]
        if client_id not in self._waits_s:
            if order["X"] != "TRIGGERED" or not self.is_about(order["s"]) or not self.bites():
                return (message,)
            self._waits_s[client_id] = 0.0
        wait_s = self._waits_s[client_id] = self._waits_s[client_id] + self.number("seconds")
        self.note(in_short(message), f"told {wait_s:g} s late")
        self.scene.after(wait_s, lambda: self.scene.tell(message))
        if order["X"] not in ("TRIGGERING", "TRIGGERED"):
            del self._waits_s[client_id]
        return ()


class SiblingsStay(Fault):
    name = "siblings-stay"
    summary = "orders that close a position stay open when it is gone, for the next one to meet"
    parameters = chosen(
        seconds=seconds("0", "they expire after so long; 0: never"),
        symbol=symbol(),
    )

    def siblings_stay(self, symbol: str) -> bool:
        if not self.is_about(symbol) or not self.bites():
            return False
        wait_s = self.number("seconds")
        self.note(symbol, f"its closing orders stay for {wait_s:g} s (0: ever)")
        if wait_s:
            self.scene.after(wait_s, lambda: self._expire(symbol))
        return True

    def _expire(self, symbol: str) -> None:
        exchange = self.scene.venue.exchange
        if symbol not in exchange.book.ledger.positions:
            exchange.expire_siblings(symbol)


KINDS: tuple[type[Fault], ...] = (
    StopNeverThere,
    StopVanishes,
    TriggerStuck,
    TriggerRejected,
    FillBeforeTriggered,
    AlgoLate,
    SiblingsStay,
)
