"""Requests that are answered without being carried out, and the same answers after they were."""

from __future__ import annotations

import math
from typing import ClassVar

from cointrader.exchange.simulated.wire.faults.calls import aimed_at, in_words, only_reduces
from cointrader.exchange.simulated.wire.faults.fault import Fault
from cointrader.exchange.simulated.wire.faults.parameters import any_of, chosen, number, seconds
from cointrader.exchange.simulated.wire.passage import Request
from cointrader.exchange.simulated.wire.refusals import Answer, Raw, answer_to, refused

_UNKNOWN = Answer(
    503, {"code": -1000, "msg": "Unknown error, please check your request or try again later."}
)
_TIMEOUT = Answer(
    408,
    {
        "code": -1007,
        "msg": "Timeout waiting for response from backend server. "
        "Send status unknown; execution status unknown.",
    },
)
_WAF_PAGE = b"<html><head><title>403 Forbidden</title></head><body>Request blocked</body></html>"


class _Refusal(Fault):
    """Answers instead of carrying out."""

    parameters = aimed_at("change")
    given: ClassVar[Answer]

    async def request(self, request: Request) -> Answer | None:
        if not self.concerns(request) or not self.bites():
            return None
        self.note(in_words(request), f"not carried out; {_told(self.given)}")
        return self.given


class _AnsweredOtherwise(Fault):
    """Carries out what it should, and answers something else."""

    parameters = aimed_at("change")
    given: ClassVar[Answer]

    async def answer(self, request: Request, answer: Answer) -> Answer:
        if answer.status != 200 or not self.concerns(request) or not self.bites():
            return answer
        self.note(in_words(request), f"carried out; {_told(self.given)}")
        return self.given


class UnknownError(_Refusal):
    name = "unknown-error"
    summary = "503 'Unknown error' for a call that is not carried out"
    given = _UNKNOWN


class UnknownErrorExecuted(_AnsweredOtherwise):
    name = "unknown-error-executed"
    summary = "503 'Unknown error' for a call that is carried out"
    given = _UNKNOWN


class Timeout(_Refusal):
    name = "timeout"
    summary = "-1007 for a call that is not carried out"
    given = _TIMEOUT


class TimeoutExecuted(_AnsweredOtherwise):
    name = "timeout-executed"
    summary = "-1007 for a call that is carried out"
    given = _TIMEOUT


class Unavailable(_Refusal):
    name = "unavailable"
    summary = "503 'Service Unavailable.': the call surely failed"
    parameters = aimed_at("any")
    given = Answer(503, {"code": -1016, "msg": "Service Unavailable."})


class InternalError(_Refusal):
    name = "internal-error"
    summary = "503 'Internal error': the call failed and may be tried again"
    parameters = aimed_at("any")
    given = Answer(
        503,
        {
            "code": -1001,
            "msg": "Internal error; unable to process your request. Please try again.",
        },
    )


class WafBlocked(_Refusal):
    name = "waf-blocked"
    summary = "403 with a page of HTML: the firewall in front refused the call"
    parameters = aimed_at("any")
    given = Answer(403, Raw(_WAF_PAGE, "text/html"))

    def concerns(self, request: Request) -> bool:
        return request.method != "WS" and super().concerns(request)


class Throttled(_Refusal):
    name = "throttled"
    summary = "-1008, the exchange is overloaded; exits and cancellations pass"
    parameters = aimed_at("place")
    given = answer_to(
        refused(-1008, "Server is currently overloaded with other requests. Please try again.")
    )

    def concerns(self, request: Request) -> bool:
        return super().concerns(request) and not only_reduces(request, self.scene.venue)


class Refused(Fault):
    """One refusal with a code that is chosen."""

    name = "refused"
    summary = "any refusal, by its code"
    parameters = chosen(
        code=number("-1000", "Binance's code", least=-9999, most=-1000),
        **aimed_at("place"),
    )

    async def request(self, request: Request) -> Answer | None:
        if not self.concerns(request) or not self.bites():
            return None
        code = self.whole("code")
        self.note(in_words(request), f"refused with {code}")
        return answer_to(refused(code, _WORDS.get(code, f"Refused with {code}.")))


class OutOfTime(Refused):
    name = "out-of-time"
    summary = "-1021 for a request whose time is right"
    parameters = chosen(
        code=number("-1021", "Binance's code", least=-9999, most=-1000),
        **aimed_at("any"),
    )

    def concerns(self, request: Request) -> bool:
        return "timestamp" in request.params and super().concerns(request)


class LateAtEngine(Refused):
    name = "late-at-engine"
    summary = "-5028: an order's time ran out inside the exchange"
    parameters = chosen(
        code=number("-5028", "Binance's code", least=-9999, most=-1000),
        **aimed_at("order"),
    )


class MarginShort(Refused):
    name = "margin-short"
    summary = "-2019 for an entry that the account could pay"
    parameters = chosen(
        code=number("-2019", "Binance's code", least=-9999, most=-1000),
        **aimed_at("entry"),
    )


class StopRefused(Refused):
    name = "stop-refused"
    summary = "a stop is refused: -2021 by default, -4509 or -4130"
    parameters = chosen(
        code=number("-2021", "Binance's code", least=-9999, most=-1000),
        **aimed_at("stop"),
    )


class CancelRefused(Refused):
    name = "cancel-refused"
    summary = "-2011 for the cancellation of an order that stays open"
    parameters = chosen(
        code=number("-2011", "Binance's code", least=-9999, most=-1000),
        **aimed_at("cancel"),
    )


class RateLimited(Fault):
    """A limit is broken, though nobody broke it: everything is refused for a while."""

    name = "rate-limited"
    summary = "429 with Retry-After for every call during some seconds"
    parameters = chosen(
        seconds=seconds("10", "how long"),
        status=any_of("429", ("429", "418"), "429, or 418 for a ban"),
        **aimed_at("any"),
    )
    _until_ms = 0

    async def request(self, request: Request) -> Answer | None:
        now_ms = self.scene.venue.clock.limit_ms()
        if now_ms >= self._until_ms:
            if not self.concerns(request) or not self.bites():
                return None
            length_s = self.number("seconds")
            self._until_ms = now_ms + round(length_s * 1000)
            self.note(in_words(request), f"every call is refused for {length_s:g} s")
        return self._stopped(self._until_ms - now_ms)

    def _stopped(self, left_ms: int) -> Answer:
        wait_s = math.ceil(left_ms / 1000 / self.scene.haste)
        is_ban = "418" in self.words("status")
        ends_ms = self.scene.now_ms + left_ms
        text = f"Way too many requests; IP banned until {ends_ms}." if is_ban else _TOO_MANY
        body = {"code": -1003, "msg": text}
        return Answer(418 if is_ban else 429, body, {"Retry-After": str(wait_s)})


class Banned(RateLimited):
    name = "banned"
    summary = "418 for every call: this address is banned for some seconds"
    parameters = chosen(
        seconds=seconds("120", "how long"),
        status=any_of("418", ("429", "418"), "429, or 418 for a ban"),
        **aimed_at("any"),
    )


_TOO_MANY = (
    "Too many requests; current limit of IP is 2400 requests per minute. "
    "Please use the websocket for live updates to avoid polling the API."
)
_WORDS = {
    -1021: "Timestamp for this request is outside of the recvWindow.",
    -1111: "Precision is over the maximum defined for this asset.",
    -2011: "Unknown order sent.",
    -2013: "Order does not exist.",
    -2019: "Margin is insufficient.",
    -2021: "Order would immediately trigger.",
    -2022: "ReduceOnly Order is rejected.",
    -4014: "Price not increased by tick size.",
    -4130: (
        "An open stop or take profit order with GTE and closePosition in the direction is existing."
    ),
    -4509: "Time in Force (TIF) GTE can only be used with open positions.",
    -5028: "Timestamp for this request is outside of the ME recvWindow.",
}
KINDS: tuple[type[Fault], ...] = (
    UnknownError,
    UnknownErrorExecuted,
    Timeout,
    TimeoutExecuted,
    Unavailable,
    InternalError,
    Throttled,
    WafBlocked,
    Refused,
    OutOfTime,
    LateAtEngine,
    MarginShort,
    StopRefused,
    CancelRefused,
    RateLimited,
    Banned,
)


def _told(answer: Answer) -> str:
    code = answer.body.get("code") if isinstance(answer.body, dict) else "a page"
    return f"answered {answer.status} {code}"
