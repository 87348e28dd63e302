"""Messages of the user data stream. Pure: values in, what becomes JSON out."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from cointrader.domain.order import DetailedFill, OrderStatus, TimeInForce
from cointrader.domain.position import Position
from cointrader.exchange.simulated.wire.orders import AlgoOrder, PlainOrder, wire_status
from cointrader.exchange.simulated.wire.texts import given, money, percent, plain

Message = dict[str, Any]

_ZERO = Decimal(0)
_NONE, _NOT_AT_ONCE, _REDUCED_TO_NOTHING, _LIQUIDATED = "0", "2", "4", "5"


def order_update(order: PlainOrder, execution: str, fill: DetailedFill | None = None) -> Message:
    """ORDER_TRADE_UPDATE; `execution` is its ``x``."""
    report, at_ms = order.report, order.updated_ms
    told: Message = {
        "s": report.symbol,
        "c": report.client_order_id,
        "S": report.side.value,
        "o": report.kind.value,
        "f": order.time_in_force,
        "q": given(report.quantity),
        "p": given(report.price),
        "ap": given(report.average_price),
        "sp": "0",
        "x": execution,
        "X": wire_status(report),
        "i": order.order_id,
        "l": "0" if fill is None else plain(fill.quantity),
        "z": plain(report.filled_quantity),
        "L": "0" if fill is None else plain(fill.price),
    }
    if fill is not None:
        told |= {"n": money(fill.fee), "N": "USDT"}
    told |= {
        "T": at_ms,
        "t": 0 if fill is None else fill.trade_id,
        "b": "0",
        "a": "0",
        "m": fill is not None and fill.is_maker,
        "R": report.reduce_only,
        "wt": report.triggered_by.value,
        "ot": report.kind.value,
        "ps": "BOTH",
        "cp": report.close_position,
        "rp": "0" if fill is None else money(fill.gross),
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": order.terms.self_trade,
        "pm": order.terms.price_match,
        "gtd": order.terms.good_till_ms,
        "er": _expiry_reason(order),
    }
    return {"e": "ORDER_TRADE_UPDATE", "E": at_ms, "T": at_ms, "o": told}


def amended(order: PlainOrder, modify_id: int | None) -> Message:
    """ORDER_TRADE_UPDATE of an amendment, with the number that its sender gave it."""
    message = order_update(order, "AMENDMENT")
    if modify_id is not None:
        message["o"]["M"] = modify_id
    return message


def _expiry_reason(order: PlainOrder) -> str:
    report = order.report
    if report.status is not OrderStatus.EXPIRED or _is_over(order):
        return _NONE
    if report.time_in_force is TimeInForce.IOC:
        return _NOT_AT_ONCE
    return _REDUCED_TO_NOTHING if report.reduce_only else _LIQUIDATED


def _is_over(order: PlainOrder) -> bool:
    """Whether an order expired by its own terms, for which there is no reason in the list.

    It was good until a time that has come; or a conditional order became it, and it could not be
    what it had to be: a maker, or filled at once and whole.
    """
    if order.terms.good_till_ms:
        return order.updated_ms >= order.terms.good_till_ms
    needs = order.report.time_in_force in (TimeInForce.GTX, TimeInForce.FOK)
    return needs and order.created_ms == order.updated_ms


def trade_lite(order: PlainOrder, fill: DetailedFill, at_ms: int) -> Message:
    """TRADE_LITE: a fill without what it did to the account."""
    return {
        "e": "TRADE_LITE",
        "E": at_ms,
        "T": at_ms,
        "s": fill.symbol,
        "q": given(order.report.quantity),
        "p": given(order.report.price),
        "m": fill.is_maker,
        "c": order.client_id,
        "S": fill.side.value,
        "L": plain(fill.price),
        "l": plain(fill.quantity),
        "t": fill.trade_id,
        "i": order.order_id,
    }


def algo_update(algo: AlgoOrder) -> Message:
    """ALGO_UPDATE: a conditional order is in another state."""
    report, child = algo.report, algo.child
    told: Message = {
        "caid": algo.client_id,
        "aid": algo.algo_id,
        "at": "CONDITIONAL",
        "o": algo.type_name,
        "s": report.symbol,
        "S": report.side.value,
        "ps": "BOTH",
        "f": algo.terms.time_in_force,
        "q": "0" if report.close_position else given(report.quantity),
        "X": algo.status,
        "ai": "" if child is None else str(child.order_id),
    }
    if child is not None:
        told |= {
            "ap": given(child.report.average_price),
            "aq": plain(child.report.filled_quantity),
            "act": child.report.kind.value,
        }
    told |= {
        "tp": given(report.trigger_price),
        "p": given(report.price),
        "V": algo.terms.self_trade,
        "wt": report.triggered_by.value,
        "pm": "NONE",
        "cp": report.close_position,
        "pP": algo.terms.price_protect,
        "R": report.reduce_only,
        "tt": algo.triggered_ms,
        "gtd": algo.terms.good_till_ms,
        "ia": algo.is_active,
    }
    if report.callback_ratio is not None:
        told |= {
            "AP": given(report.activation_price),
            "cr": percent(report.callback_ratio),
        }
    if algo.reason:
        told["rm"] = algo.reason
    return {"e": "ALGO_UPDATE", "T": algo.updated_ms, "E": algo.updated_ms, "o": told}


def account_update(
    reason: str,
    at_ms: int,
    *,
    wallet: Decimal,
    cross_wallet: Decimal,
    change: Decimal,
    positions: Iterable[Message],
    symbol: str = "",
) -> Message:
    """ACCOUNT_UPDATE; `change` is what neither profit nor commission explains."""
    told: Message = {"m": reason}
    if symbol:
        told["S"] = symbol
    told["B"] = [{"a": "USDT", "wb": money(wallet), "cw": money(cross_wallet), "bc": money(change)}]
    told["P"] = list(positions)
    return {"e": "ACCOUNT_UPDATE", "E": at_ms, "T": at_ms, "a": told}


def position_in_update(
    symbol: str,
    held: Position | None,
    *,
    break_even: Decimal,
    realised: Decimal,
    unrealised: Decimal,
) -> Message:
    """One position inside ACCOUNT_UPDATE; `held` is None when it is gone."""
    amount = _ZERO if held is None else held.quantity * held.side.sign
    return {
        "s": symbol,
        "pa": plain(amount),
        "ep": "0" if held is None else plain(held.entry_price),
        "bep": plain(break_even),
        "cr": money(realised),
        "up": money(unrealised),
        "mt": "isolated",
        "iw": "0" if held is None else money(held.margin),
        "ps": "BOTH",
        "ma": "USDT",
    }


def leverage_changed(symbol: str, leverage: int, at_ms: int) -> Message:
    """ACCOUNT_CONFIG_UPDATE of a symbol's leverage."""
    return {
        "e": "ACCOUNT_CONFIG_UPDATE",
        "E": at_ms,
        "T": at_ms,
        "ac": {"s": symbol, "l": leverage},
    }


def listen_key_expired(key: str, at_ms: int) -> Message:
    """The last message of a listen key."""
    return {"e": "listenKeyExpired", "E": at_ms, "listenKey": key}
