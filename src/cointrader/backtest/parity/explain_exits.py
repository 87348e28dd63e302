"""Finds in a journal what explains that a position ended otherwise than in the kernel."""

from __future__ import annotations

from cointrader.backtest.parity.explain import LATE_MS, Explained, Range, clock, down
from cointrader.backtest.parity.facts import Entered, Facts
from cointrader.domain.order import (
    LIQUIDATION_PREFIXES,
    SETTLEMENT_PREFIX,
    Fill,
    Leg,
    is_ours,
    leg_of,
)
from cointrader.domain.position import CloseReason, Trade


def leaving(
    facts: Facts,
    trade: Trade | None,
    entered: Entered,
    expected_ms: int,
    expected_reason: str,
    allowed: Range | None,
) -> Explained | None:
    """Why a position ended otherwise than the kernel ends it.

    `expected_ms` is the bar in which it would have ended, or did. `allowed` is what the bar in
    which it did end allows a fill to cost.
    """
    exits = facts.exits_of(entered)
    if trade is not None:
        found = _by_whom(facts, trade, exits)
        if found is not None:
            return found
    until_ms = expected_ms + 2 * facts.bar_ms if trade is None else trade.exit_time_ms
    gone = down(facts, entered.symbol, expected_ms - facts.bar_ms, until_ms + facts.bar_ms)
    if gone is not None:
        return gone
    if entered.at_ms > expected_ms and entered.bar_ms == expected_ms:
        late_s = (entered.at_ms - expected_ms) / 1000
        return Explained("latency", f"it was entered {late_s:g} s after this bar had opened")
    if not facts.is_remote:
        return None
    for order_id, at_ms in facts.triggered.items():
        own = is_ours(order_id) and order_id.split("-")[1] == entered.trade_id.split("-")[1]
        if own and expected_ms <= at_ms < expected_ms + facts.bar_ms:
            return Explained("trigger-late", f"{order_id} was triggered at {clock(at_ms)}")
    if trade is None or allowed is None or not exits:
        return None
    last = exits[-1]
    if float(trade.exit_price) not in allowed:
        return None
    stops = (CloseReason.STOP, CloseReason.STOP_GAP)
    reasons = {trade.reason.value, expected_reason}
    if trade.exit_time_ms == expected_ms and (
        len(reasons) == 1 or reasons <= {reason.value for reason in stops}
    ):
        late_ms = last.at_ms - expected_ms
        if trade.reason is CloseReason.REVERSE and late_ms >= LATE_MS:
            return Explained("latency", f"closed {late_ms / 1000:g} s after the open")
        return Explained("slippage", f"filled at {last.price} within its bar")
    if trade.reason is CloseReason.REVERSE and trade.exit_time_ms > expected_ms:
        late_s = (last.at_ms - expected_ms) / 1000
        return Explained("latency", f"closed {late_s:g} s after the bar had opened")
    return None


def part(fill: Fill) -> Explained | None:
    """Why a part of a position was closed."""
    order_id = fill.client_order_id
    if order_id.startswith(LIQUIDATION_PREFIXES):
        return Explained("liquidation", f"a part was closed by the exchange's order {order_id}")
    if not is_ours(order_id):
        return Explained("manual-order", f"a part was closed by the order {order_id}")
    return Explained("partial-fill", f"a part was closed by our own order {order_id}")


def _by_whom(facts: Facts, trade: Trade, exits: list[Fill]) -> Explained | None:
    """Who ended a position, where it was none of our exits."""
    last = exits[-1].client_order_id if exits else ""
    leg = leg_of(last)
    others = [fill for fill in exits if not is_ours(fill.client_order_id)]
    if trade.reason is CloseReason.UNPROTECTED and leg is Leg.EMERGENCY:
        return Explained("unprotected", f"closed by our own order {last}")
    if trade.reason is CloseReason.MANUAL and leg is Leg.FLATTEN:
        return Explained("command", f"flattened by our own order {last}")
    if last.startswith(LIQUIDATION_PREFIXES) and trade.reason is CloseReason.LIQUIDATED:
        return Explained("liquidation", f"closed by the exchange's order {last}")
    if (ruined := [f for f in others if f.client_order_id.startswith(LIQUIDATION_PREFIXES)]) and (
        facts.is_remote
    ):
        return Explained("liquidation", f"closed in part by {ruined[0].client_order_id}")
    if last.startswith(SETTLEMENT_PREFIX) and trade.reason is CloseReason.END and facts.is_remote:
        return Explained("end-of-data", f"the exchange settled the symbol: {last}")
    strange = [f for f in others if not f.client_order_id.startswith(SETTLEMENT_PREFIX)]
    if strange:
        return Explained("manual-order", f"closed by the order {strange[-1].client_order_id}")
    return None
