"""What an account event is about, in the words that faults are aimed with."""

from __future__ import annotations

from collections.abc import Mapping

from cointrader.exchange.simulated.wire.events import Message
from cointrader.exchange.simulated.wire.faults.parameters import Parameter, any_of, symbol

FILL = "fill"
WORDS = ("any", FILL, "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ALGO_UPDATE", "TRADE_LITE")


def aimed_at(default: str) -> Mapping[str, Parameter]:
    """The parameters by which a fault is aimed at account events."""
    return {"event": any_of(default, WORDS, "which events"), "symbol": symbol()}


def kinds_of(message: Message) -> frozenset[str]:
    """Every word that means this event; none for what is no word of the account."""
    kind = str(message["e"])
    if kind not in WORDS:
        return frozenset()
    return frozenset({"any", kind, FILL} if is_fill(message) else {"any", kind})


def is_fill(message: Message) -> bool:
    """Whether it is the ORDER_TRADE_UPDATE of an execution."""
    return message["e"] == "ORDER_TRADE_UPDATE" and message["o"]["x"] in ("TRADE", "CALCULATED")


def symbol_of(message: Message) -> str | None:
    match message["e"]:
        case "ORDER_TRADE_UPDATE" | "ALGO_UPDATE":
            return str(message["o"]["s"])
        case "TRADE_LITE":
            return str(message["s"])
        case "ACCOUNT_UPDATE":
            positions = message["a"]["P"]
            return str(positions[0]["s"]) if positions else None
        case _:
            return None


def in_short(message: Message) -> str:
    """An event as the log tells it."""
    order = message.get("o", {})
    told = [message["e"], symbol_of(message), order.get("x"), order.get("X")]
    told += [order.get("c"), order.get("caid"), message.get("a", {}).get("m")]
    return " ".join(str(part) for part in told if part)
