"""Orders in Binance's REST shapes. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from cointrader.exchange.simulated.wire.orders import (
    AlgoOrder,
    Amendment,
    Execution,
    Income,
    PlainOrder,
    wire_status,
)
from cointrader.exchange.simulated.wire.texts import given, money, percent, plain

Json = dict[str, Any]


def accepted(order: PlainOrder, *, as_ack: bool) -> Json:
    """The answer to an order that was placed: an ACK tells it as it was before any fill.

    What it was filled for is not in it: that is told by ORDER_TRADE_UPDATE and by a query.
    """
    shown = changed(order)
    if as_ack:
        shown |= {"status": "NEW", "executedQty": "0", "cumQty": "0"}
    return shown


def changed(order: PlainOrder) -> Json:
    """The answer to a cancellation."""
    shown = _order(order)
    return shown | {"cumQty": shown["executedQty"]}


def amended(order: PlainOrder, modify_id: int | None) -> Json:
    """The answer to an amendment."""
    shown = changed(order) | {"pair": order.symbol}
    return shown if modify_id is None else shown | {"modifyId": modify_id}


def queried(order: PlainOrder) -> Json:
    """An order as it is asked for."""
    return _order(order) | _filled_for(order) | {"time": order.created_ms}


def tried(order: PlainOrder) -> Json:
    """The answer to an order that was only validated: as new, and without a number."""
    return changed(order) | _filled_for(order)


def forced(order: PlainOrder) -> Json:
    """A row of forceOrders."""
    return {name: value for name, value in queried(order).items() if name not in _NOT_IN_FORCED} | {
        "pair": order.symbol
    }


_NOT_IN_FORCED = ("priceProtect", "priceMatch", "selfTradePreventionMode", "goodTillDate")


def amendment(each: Amendment) -> Json:
    """A row of orderAmendment."""
    before, after = each.before, each.after
    told: Json = {
        "price": {"before": given(before.price), "after": given(after.price)},
        "origQty": {"before": given(before.quantity), "after": given(after.quantity)},
        "count": each.count,
    }
    if each.modify_id is not None:
        told["modifyId"] = each.modify_id
    return {
        "amendmentId": each.amendment_id,
        "symbol": after.symbol,
        "pair": after.symbol,
        "orderId": each.order_id,
        "clientOrderId": after.client_order_id,
        "time": each.at_ms,
        "amendment": told,
    }


def _filled_for(order: PlainOrder) -> Json:
    report = order.report
    average = report.average_price
    return {
        "avgPrice": "0.00" if average is None else plain(average),
        "cumQuote": plain(report.filled_quantity * (average or Decimal(0))),
    }


def _order(order: PlainOrder) -> Json:
    report = order.report
    return {
        "orderId": order.order_id,
        "symbol": report.symbol,
        "status": wire_status(report),
        "clientOrderId": report.client_order_id,
        "price": given(report.price),
        "origQty": given(report.quantity),
        "executedQty": plain(report.filled_quantity),
        "timeInForce": order.time_in_force,
        "type": report.kind.value,
        "reduceOnly": report.reduce_only,
        "closePosition": report.close_position,
        "side": report.side.value,
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": report.triggered_by.value,
        "priceProtect": False,
        "origType": report.kind.value,
        "priceMatch": order.terms.price_match,
        "selfTradePreventionMode": order.terms.self_trade,
        "goodTillDate": order.terms.good_till_ms,
        "updateTime": order.updated_ms,
    }


def algo_accepted(algo: AlgoOrder) -> Json:
    """The answer to a conditional order that was placed."""
    report = algo.report
    callback = report.callback_ratio
    activation = report.activation_price
    return _algo(algo) | {
        "activatePrice": "" if activation is None else plain(activation),
        "callbackRate": "" if callback is None else percent(callback),
    }


def algo_queried(algo: AlgoOrder) -> Json:
    """One conditional order as it is asked for."""
    child = algo.child
    return _algo_asked(algo) | {
        "actualType": "" if child is None else child.report.kind.value,
        "actualQty": "" if child is None else plain(child.report.filled_quantity),
    }


def algo_listed(algo: AlgoOrder) -> Json:
    """A conditional order as a row of a list."""
    return _algo_asked(algo) | {
        "tpTriggerPrice": "0.000",
        "tpPrice": "0.000",
        "slTriggerPrice": "0.000",
        "slPrice": "0.000",
    }


def _algo_asked(algo: AlgoOrder) -> Json:
    child = algo.child
    return _algo(algo) | {
        "actualOrderId": "" if child is None else str(child.order_id),
        "actualPrice": "0.00" if child is None else given(child.report.average_price),
        "tpOrderType": "",
    }


def algo_cancelled(algo: AlgoOrder) -> Json:
    """The answer to a cancellation; its code is text, unlike everywhere else."""
    return {
        "algoId": algo.algo_id,
        "clientAlgoId": algo.client_id,
        "code": "200",
        "msg": "success",
    }


def _algo(algo: AlgoOrder) -> Json:
    report = algo.report
    return {
        "algoId": algo.algo_id,
        "clientAlgoId": algo.client_id,
        "algoType": "CONDITIONAL",
        "orderType": algo.type_name,
        "symbol": report.symbol,
        "side": report.side.value,
        "positionSide": "BOTH",
        "timeInForce": algo.terms.time_in_force,
        "quantity": "0" if report.close_position else given(report.quantity),
        "algoStatus": algo.status,
        "triggerPrice": given(report.trigger_price),
        "price": given(report.price),
        "icebergQuantity": None,
        "selfTradePreventionMode": algo.terms.self_trade,
        "workingType": report.triggered_by.value,
        "priceMatch": "NONE",
        "closePosition": report.close_position,
        "priceProtect": algo.terms.price_protect,
        "reduceOnly": report.reduce_only,
        "createTime": algo.created_ms,
        "updateTime": algo.updated_ms,
        "triggerTime": algo.triggered_ms,
        "goodTillDate": algo.terms.good_till_ms,
    }


def user_trade(execution: Execution) -> Json:
    """A row of userTrades."""
    fill = execution.fill
    return {
        "symbol": fill.symbol,
        "id": fill.trade_id,
        "orderId": execution.order_id,
        "side": fill.side.value,
        "price": plain(fill.price),
        "qty": plain(fill.quantity),
        "baseQty": plain(fill.quantity),
        "realizedPnl": money(fill.gross),
        "marginAsset": "USDT",
        "quoteQty": plain(fill.quantity * fill.price),
        "commission": money(fill.fee),
        "commissionAsset": "USDT",
        "time": execution.at_ms,
        "positionSide": "BOTH",
        "buyer": fill.side.value == "BUY",
        "maker": fill.is_maker,
        "pair": fill.symbol,
    }


def income_row(income: Income) -> Json:
    """A row of income."""
    return {
        "symbol": income.symbol,
        "incomeType": income.kind,
        "income": money(income.amount),
        "asset": "USDT",
        "info": income.trade_id or income.kind,
        "time": income.at_ms,
        "tranId": income.transaction_id,
        "tradeId": income.trade_id,
    }
