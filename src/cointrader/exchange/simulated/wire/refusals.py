"""Binance's refusals: which HTTP status a code comes with, and in which words."""

from __future__ import annotations

from dataclasses import dataclass, field

from cointrader.domain.errors import Rejected

_STATUS = {-1003: 429, -1007: 408, -1001: 503, -1008: 503, -1015: 429, -2014: 401, -2015: 401}

# Where the simulated exchange refuses, the words of the real one.
_TEXT = {
    -1111: "Precision is over the maximum defined for this asset.",
    -1112: "No orders on book for symbol.",
    -1121: "Invalid symbol.",
    -2018: "Balance is insufficient.",
    -2019: "Margin is insufficient.",
    -2021: "Order would immediately trigger.",
    -2022: "ReduceOnly Order is rejected.",
    -2025: "Reach max open order limit.",
    -2027: "Exceeded the maximum allowable position at current leverage.",
    -4001: "Price less than 0.",
    -4002: "Price greater than max price.",
    -4003: "Quantity less than or equal to zero.",
    -4004: "Quantity less than min quantity.",
    -4005: "Quantity greater than max quantity.",
    -4013: "Price less than min price.",
    -4014: "Price not increased by tick size.",
    -4015: "Client order id is not valid.",
    -4016: "Limit price can't be higher than the mark price multiplier cap.",
    -4024: "Limit price can't be lower than the mark price multiplier floor.",
    -4023: "Qty not increased by step size.",
    -4028: "Leverage is not valid.",
    -4045: "Reach max stop order limit.",
    -4116: "ClientOrderId is duplicated.",
    -4130: (
        "An open stop or take profit order with GTE and closePosition in the direction is existing."
    ),
    -4131: "The counterparty's best price does not meet the PERCENT_PRICE filter limit.",
    -4135: "Invalid activation price.",
    -4136: "Target strategy invalid for this order type with closePosition equals true.",
    -4137: "Quantity must be zero with closePosition equals true.",
    -4138: "Reduce only must be true with closePosition equals true.",
    -4140: "Invalid symbol status for opening position.",
    -4141: "Symbol is closed.",
    -4161: ("Leverage reduction is not supported in Isolated Margin Mode with open positions."),
    -4183: "Limit price can't be higher than the stop price multiplier cap.",
    -4184: "Limit price can't be lower than the stop price multiplier floor.",
    -4509: "Time in Force (TIF) GTE can only be used with open positions.",
    -5021: (
        "Due to the order could not be filled immediately, the FOK order has been rejected. "
        "The order will not be recorded in the order history."
    ),
    -5022: (
        "Due to the order could not be executed as maker, the Post Only order will be rejected. "
        "The order will not be recorded in the order history."
    ),
}


@dataclass(frozen=True, slots=True)
class Raw:
    """A body that is sent as it is."""

    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call is answered with: HTTP status, a body that becomes JSON or is `Raw`, headers."""

    status: int
    body: object
    headers: dict[str, str] = field(default_factory=dict)


def refused(code: int, text: str) -> Rejected:
    """A refusal in Binance's words."""
    return _InWords(text, code=str(code))


def error_body(error: Rejected) -> dict[str, object]:
    """``{"code": …, "msg": …}`` of a refusal, the wire's own or the exchange's."""
    code = int(error.code)
    if code == -4164:
        text = "Order's notional must be no smaller than {} (unless you choose reduce only)"
        return {"code": code, "msg": text.format(error.what.rsplit(" ", 1)[-1])}
    text = error.what if isinstance(error, _InWords) else _TEXT.get(code, error.what)
    return {"code": code, "msg": text}


def answer_to(error: Rejected) -> Answer:
    """The HTTP answer of a refusal."""
    return Answer(_STATUS.get(int(error.code), 400), error_body(error))


class _InWords(Rejected):
    """Its text is already the one to be sent."""
