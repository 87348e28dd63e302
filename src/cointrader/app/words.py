"""What happened, in plain words: the sentences and number formats that all reports share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import TYPE_CHECKING

from cointrader.domain.position import CloseReason, Trade, gross_pnl

if TYPE_CHECKING:
    from cointrader.domain.records import PositionOpened

# Reason keys of a refused entry, and what the gate behind each of them means.
REFUSALS: Mapping[str, str] = {
    "no-money": "the wallet has nothing left to trade with",
    "paused": "a person has paused entries; open positions are managed as ever",
    "unknown-result": "a position was closed and its result, or the account, is not known yet",
    "daily-loss": "today's loss has reached MAX_DAILY_LOSS: no entries until 00:00 UTC",
    "open-risk": (
        "today's loss, what open positions lose at their stops, and this entry's stop would "
        "together pass MAX_DAILY_LOSS"
    ),
    "drawdown": "equity fell too far below its highest value: no entries until a person lifts this",
    "max-positions": "as many positions are open as MAX_POSITIONS allows",
    "symbol-held": "this symbol has a position already",
    "same-direction": "as many positions of this side are open as MAX_SAME_DIRECTION allows",
    "margin": "the wallet has less free margin than this entry needs",
    "kill-fast": "this symbol lost too often running: no entries until a person resets it",
    "kill-slow": "this symbol lost too much lately: no entries until a person resets it",
    "min-quantity": "the quantity is below the smallest that the exchange accepts",
    "min-notional": "the order is worth less than the smallest that the exchange accepts",
    "liquidation-near": "the position would be liquidated nearer than twice its stop distance",
    "late": "the entry could not be made soon enough after the candle's close",
    "filter": "the model gives this signal too little chance",
    "no-model": "there is no model that may be trusted, and trading without one was not allowed",
    "no-verdict": "no verdict lets this configuration trade real money: see cointrader preflight",
    "rejected": "the exchange did not accept the order",
    "unprotected": "the exchange did not keep a stop of this symbol: no entries until it keeps one",
    "stale": "what an entry looks at is older than it may be",
    "foreign": "this symbol has a position or an order that this program did not make",
}

EXITS: Mapping[CloseReason, str] = {
    CloseReason.STOP: "stop hit",
    CloseReason.STOP_GAP: "gapped past its stop",
    CloseReason.TARGET: "target reached",
    CloseReason.REVERSE: "opposite signal",
    CloseReason.END: "history ended",
    CloseReason.MANUAL: "closed by somebody else",
    CloseReason.UNPROTECTED: "its stop could not be confirmed",
    CloseReason.LIQUIDATED: "liquidated",
}

_READABLE = Context(prec=12)  # digits; an average over many fills can have more


def moment(at_ms: int) -> str:
    """A time to the minute, UTC, e.g. ``2025-03-05 15:00``."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M")


def money(amount: Decimal | float) -> str:
    """An amount won or lost, with its sign: ``+12.30``, ``-4.55``, and ``0.00`` without."""
    text = f"{amount:+,.2f}"
    return text[1:] if text in ("+0.00", "-0.00") else text


def number(value: Decimal) -> str:
    """A price or a quantity as it is, never as 1E-7."""
    return f"{_READABLE.plus(value):f}"


def r_multiple(trade: Trade, first_stop: Decimal) -> float | None:
    """Net result in units of what was at risk between entry and first stop, R."""
    at_risk = (trade.entry_price - first_stop) * trade.quantity * trade.side.sign
    return float(trade.net / at_risk) if at_risk > 0 else None


def result_at_stop(position: PositionOpened) -> Decimal:
    """What a position wins or loses if it ends at its stop, before costs."""
    return gross_pnl(position.side.sign, position.entry_price, position.stop, position.quantity)
