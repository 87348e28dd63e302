"""Requests and answers that are lost, late, broken or out of date on their way."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import msgspec

from cointrader.exchange.simulated.wire import shapes
from cointrader.exchange.simulated.wire.faults import calls
from cointrader.exchange.simulated.wire.faults.calls import aimed_at, in_words
from cointrader.exchange.simulated.wire.faults.fault import Act, Fault
from cointrader.exchange.simulated.wire.faults.history import Snapshots
from cointrader.exchange.simulated.wire.faults.parameters import chosen, number, seconds
from cointrader.exchange.simulated.wire.passage import Cut, Request
from cointrader.exchange.simulated.wire.refusals import Answer, Raw, answer_to, refused

_NEW_FIELDS = {"st": 1, "ps": "XRPUSDT", "futureField": {"a": ["b"]}}


class RequestLost(Fault):
    name = "request-lost"
    summary = "the connection breaks before a call is carried out"
    parameters = aimed_at("change")

    async def request(self, request: Request) -> Answer | None:
        if self.concerns(request) and self.bites():
            self.note(in_words(request), "not carried out; connection cut")
            raise Cut
        return None


class AnswerLost(Fault):
    name = "answer-lost"
    summary = "a call is carried out, the connection breaks before its answer"
    parameters = aimed_at("change")

    async def answer(self, request: Request, answer: Answer) -> Answer:
        if self.concerns(request) and self.bites():
            self.note(in_words(request), f"answer {answer.status} not sent; connection cut")
            raise Cut
        return answer


class ExecutionLate(Fault):
    name = "execution-late"
    summary = "a call waits in a queue before it is carried out"
    parameters = chosen(seconds=seconds("3", "how long it waits"), **aimed_at("change"))

    async def request(self, request: Request) -> Answer | None:
        if self.concerns(request) and self.bites():
            wait_s = self.number("seconds")
            self.note(in_words(request), f"carried out {wait_s:g} s later")
            await self.scene.venue.clock.sleep_ms(round(wait_s * 1000))
        return None


class AnswerLate(Fault):
    name = "answer-late"
    summary = "a call is carried out at once, its answer comes later"
    parameters = chosen(seconds=seconds("3", "how much later"), **aimed_at("any"))

    async def answer(self, request: Request, answer: Answer) -> Answer:
        if self.concerns(request) and self.bites():
            wait_s = self.number("seconds")
            self.note(in_words(request), f"answered {wait_s:g} s later")
            await self.scene.venue.clock.sleep_ms(round(wait_s * 1000))
        return answer


class AnswerTruncated(Fault):
    name = "answer-truncated"
    summary = "an answer's JSON ends in the middle"
    parameters = aimed_at("any")

    async def answer(self, request: Request, answer: Answer) -> Answer:
        if request.method == "WS" or isinstance(answer.body, Raw):
            return answer
        if not self.concerns(request) or not self.bites():
            return answer
        whole = msgspec.json.encode(answer.body)
        half = whole[: len(whole) // 2]
        self.note(in_words(request), f"{len(half)} of {len(whole)} bytes sent")
        return replace(answer, body=Raw(half, "application/json"))


class OrderAnswerPriced(Fault):
    name = "order-answer-priced"
    summary = "an order's answer has avgPrice and cumQuote, as all had until the middle of 2026"
    parameters = aimed_at("order|cancel")

    async def answer(self, request: Request, answer: Answer) -> Answer:
        body = answer.body
        order_id = body.get("orderId") if isinstance(body, dict) else None
        order = None if order_id is None else self.scene.venue.recorder.plain(order_id)
        if not isinstance(body, dict) or order is None:
            return answer
        if not self.concerns(request) or not self.bites():
            return answer
        asked = shapes.queried(order)
        told = {"avgPrice": asked["avgPrice"], "cumQuote": asked["cumQuote"]}
        if body["status"] == "NEW":
            told = {"avgPrice": "0.00", "cumQuote": "0"}
        self.note(in_words(request), f"avgPrice {told['avgPrice']} and cumQuote added")
        return replace(answer, body={**body, **told})


class AnswerExtended(Fault):
    name = "answer-extended"
    summary = "an answer has fields that nobody knows yet"
    parameters = aimed_at("any")

    async def answer(self, request: Request, answer: Answer) -> Answer:
        body = answer.body
        if answer.status != 200 or not isinstance(body, dict | list):
            return answer
        if not self.concerns(request) or not self.bites():
            return answer
        self.note(in_words(request), "unknown fields added")
        return replace(answer, body=_extended(body))


def _extended(body: Any) -> Any:
    if isinstance(body, dict):
        return {**body, **_NEW_FIELDS}
    return [_extended(row) if isinstance(row, dict) else row for row in body]


class OrderHiddenAtFirst(Fault):
    name = "order-hidden-at-first"
    summary = "-2013 for an order that was sent some seconds ago"
    parameters = chosen(seconds=seconds("2", "how long an order is hidden"), **aimed_at("query"))

    async def answer(self, request: Request, answer: Answer) -> Answer:
        if answer.status != 200 or not self.concerns(request):
            return answer
        venue = self.scene.venue
        order = calls.plain_of(request, venue) or calls.algo_of(request, venue)
        if order is None:
            return answer
        age_s = (venue.now_ms() - order.created_ms) / 1000
        if age_s >= self.number("seconds") or not self.bites():
            return answer
        self.note(in_words(request), f"hidden, {age_s:g} s after it was sent")
        return answer_to(refused(-2013, "Order does not exist."))


class CancelIgnored(Fault):
    name = "cancel-ignored"
    summary = "a cancellation is acknowledged and the order stays open"
    parameters = aimed_at("cancel")

    async def request(self, request: Request) -> Answer | None:
        body = self._acknowledged(request)
        if body is None or not self.concerns(request) or not self.bites():
            return None
        self.note(in_words(request), "acknowledged, not carried out")
        return Answer(200, body)

    def _acknowledged(self, request: Request) -> Mapping[str, Any] | None:
        """What the answer would be; None where there is nothing to cancel."""
        venue = self.scene.venue
        method, path = calls.route_of(request)
        if method != "DELETE":
            return None
        if path.endswith("/algoOrder"):
            algo = calls.algo_of(request, venue)
            return None if algo is None or not algo.is_open else shapes.algo_cancelled(algo)
        if path.endswith("/order"):
            plain = calls.plain_of(request, venue)
            if plain is None or not plain.is_open:
                return None
            return {**shapes.changed(plain), "status": "CANCELED"}
        return None


class ReadStale(Fault):
    name = "read-stale"
    summary = "positions, balances or open orders as they were some seconds ago"
    parameters = chosen(
        seconds=seconds("5", "how old the answer is"),
        **aimed_at("position|account|open-orders"),
    )

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._past = Snapshots(self.scene.venue)

    def event(self, message: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        self._past.take()
        return (message,)

    async def request(self, request: Request) -> Answer | None:
        self._past.take()
        return None

    async def answer(self, request: Request, answer: Answer) -> Answer:
        if answer.status != 200 or not self.concerns(request):
            return answer
        age_s = self.number("seconds")
        route = calls.route_of(request)[1]
        symbol = calls.said(request, "symbol").upper()
        before = self._past.read(route, symbol, self.scene.now_ms - round(age_s * 1000))
        if before is None or _essence(before) == _essence(answer.body) or not self.bites():
            return answer
        self.note(in_words(request), f"as of {age_s:g} s ago")
        return replace(answer, body=deepcopy(before))


_ESSENTIAL = (
    "positionAmt",
    "walletBalance",
    "balance",
    "orderId",
    "algoId",
    "status",
    "algoStatus",
)


def _essence(body: Any) -> Any:
    """What of an answer changes by what the account does, and not by the price alone."""
    if isinstance(body, list):
        return [_essence(row) for row in body]
    if not isinstance(body, dict):
        return None
    nested = [_essence(value) for value in body.values() if isinstance(value, list)]
    return [body.get(name) for name in _ESSENTIAL], nested


class ClockJumped(Act):
    name = "clock-jumped"
    summary = "the server's clock is off for a while: -1021 until a client asks for its time"
    parameters = chosen(
        seconds=number("30", "how far it is ahead; negative: behind", least=-3600, most=3600),
        lasting=seconds("600", "for how long"),
    )

    async def act(self) -> bool:
        ahead_s = self.number("seconds")
        lasting_s = self.number("lasting")
        self.scene.venue.clock_error_ms = round(ahead_s * 1000 * self.scene.haste)
        self.note("the server's clock", f"{ahead_s:g} s ahead for {lasting_s:g} s")
        self.scene.after(lasting_s, self.lifted)
        return True

    def lifted(self) -> None:
        self.scene.venue.clock_error_ms = 0


KINDS: tuple[type[Fault], ...] = (
    RequestLost,
    AnswerLost,
    ExecutionLate,
    AnswerLate,
    AnswerTruncated,
    OrderAnswerPriced,
    AnswerExtended,
    OrderHiddenAtFirst,
    CancelIgnored,
    ReadStale,
    ClockJumped,
)
