"""Orders in Binance's REST shapes. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from cointrader.domain.order import OrderKind
from cointrader.exchange.simulated.wire.orders import (
    AlgoOrder,
    Execution,
    Income,
    PlainOrder,
    wire_status,
)
from cointrader.exchange.simulated.wire.texts import given, money, percent, plain

Json = dict[str, Any]


def accepted(order: PlainOrder, *, as_ack: bool) -> Json:
    """The answer to an order that was placed: an ACK tells it as it was before any fill."""
    shown = _order(order)
    if as_ack and order.report.kind is OrderKind.MARKET:
        shown |= {"status": "NEW", "avgPrice": "0.00", "executedQty": "0", "cumQuote": "0"}
    return shown | {"cumQty": shown["executedQty"]}


def cancelled(order: PlainOrder) -> Json:
    """The answer to a cancellation."""
    shown = _order(order)
    return shown | {"cumQty": shown["executedQty"]}


def queried(order: PlainOrder) -> Json:
    """An order as it is asked for."""
    return _order(order) | {"time": order.created_ms}


def _order(order: PlainOrder) -> Json:
    report = order.report
    average = report.average_price
    return {
        "orderId": order.order_id,
        "symbol": report.symbol,
        "status": wire_status(report),
        "clientOrderId": report.client_order_id,
        "price": given(report.price),
        "avgPrice": "0.00" if average is None else plain(average),
        "origQty": given(report.quantity),
        "executedQty": plain(report.filled_quantity),
        "cumQuote": plain(report.filled_quantity * (average or Decimal(0))),
        "timeInForce": report.time_in_force.value,
        "type": report.kind.value,
        "reduceOnly": report.reduce_only,
        "closePosition": report.close_position,
        "side": report.side.value,
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": report.triggered_by.value,
        "priceProtect": False,
        "origType": report.kind.value,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
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
    return algo_listed(algo) | {
        "actualType": "" if child is None else child.report.kind.value,
        "actualQty": "" if child is None else plain(child.report.filled_quantity),
    }


def algo_listed(algo: AlgoOrder) -> Json:
    """A conditional order as a row of a list."""
    child = algo.child
    return _algo(algo) | {
        "actualOrderId": "" if child is None else str(child.order_id),
        "actualPrice": "0.00" if child is None else given(child.report.average_price),
        "tpOrderType": "",
        "tpTriggerPrice": "0.000",
        "tpPrice": "0.000",
        "slTriggerPrice": "0.000",
        "slPrice": "0.000",
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
        "orderType": report.kind.value,
        "symbol": report.symbol,
        "side": report.side.value,
        "positionSide": "BOTH",
        "timeInForce": algo.terms.time_in_force,
        "quantity": "0" if report.close_position else given(report.quantity),
        "algoStatus": algo.status,
        "triggerPrice": given(report.trigger_price),
        "price": "0",
        "icebergQuantity": None,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": report.triggered_by.value,
        "priceMatch": "NONE",
        "closePosition": report.close_position,
        "priceProtect": algo.terms.price_protect,
        "reduceOnly": report.reduce_only,
        "createTime": algo.created_ms,
        "updateTime": algo.updated_ms,
        "triggerTime": algo.triggered_ms,
        "goodTillDate": 0,
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
