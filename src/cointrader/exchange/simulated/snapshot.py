"""A simulated account as plain JSON values, and back, to the last digit.

Sums, positions, resting and remembered orders, recent fills and funding; not the market and not the
subscribers: those belong to the exchange that the account is restored into.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from cointrader.domain.errors import DataError
from cointrader.domain.events import FundingSettled
from cointrader.domain.order import Fill, OrderKind, OrderReport, OrderSide, OrderStatus, Side
from cointrader.domain.position import Position
from cointrader.exchange.simulated.account import SimulatedAccount
from cointrader.exchange.simulated.orders import OrderDesk

_VERSION = 1
_NOTHING: Mapping[str, Any] = {"resting": (), "ended": (), "fills": (), "funding": ()}
_SUMS = ("wallet", "deposits", "gross", "fees", "funding")

Plain = dict[str, Any]


def to_plain(account: SimulatedAccount) -> Plain:
    """The account's state; ``json.dumps`` takes it."""
    ledger = account.ledger
    return {
        "version": _VERSION,
        "sums": {name: str(getattr(ledger, name)) for name in _SUMS},
        "positions": [_position_to_plain(held) for held in ledger.positions.values()],
        "symbols": {
            symbol: {
                "resting": [_report_to_plain(order.report) for order in desk.resting.values()],
                "ended": [_report_to_plain(report) for report in desk.ended.values()],
                "fills": [_fill_to_plain(fill) for fill in account.fills[symbol]],
                "funding": [_funding_to_plain(paid) for paid in account.funding[symbol]],
            }
            for symbol, desk in account.desks.items()
        },
        "next_trade_id": dict(account.next_trade_id),
    }


def restore_into(account: SimulatedAccount, state: Mapping[str, Any]) -> None:
    """Replace the account's state by `state`. Symbols it does not trade must hold nothing."""
    if state.get("version") != _VERSION:
        raise DataError(
            "a simulated account was stored in another format",
            found=state.get("version"),
            allowed=str(_VERSION),
            todo="start a new account",
        )
    positions = [_position_from_plain(row) for row in state["positions"]]
    orphans = {held.symbol for held in positions} - set(account.desks)
    if orphans:
        raise DataError(
            "a stored position belongs to a symbol that is not traded now",
            found=", ".join(sorted(orphans)),
            todo="start with that symbol too, or start a new account",
        )
    for name in _SUMS:
        setattr(account.ledger, name, Decimal(state["sums"][name]))
    account.ledger.positions = {held.symbol: held for held in positions}
    for symbol in account.desks:
        _restore_symbol(account, symbol, state["symbols"].get(symbol, _NOTHING))
        account.next_trade_id[symbol] = int(state["next_trade_id"].get(symbol, 1))


def _restore_symbol(account: SimulatedAccount, symbol: str, stored: Mapping[str, Any]) -> None:
    desk = account.desks[symbol] = OrderDesk()
    for row in stored["resting"]:
        desk.rest(_report_from_plain(row))
    for row in stored["ended"]:
        desk.end(_report_from_plain(row))
    account.fills[symbol].clear()
    account.fills[symbol].extend(_fill_from_plain(row) for row in stored["fills"])
    account.funding[symbol].clear()
    account.funding[symbol].extend(_funding_from_plain(row) for row in stored["funding"])


def _position_to_plain(held: Position) -> Plain:
    return {
        "symbol": held.symbol,
        "side": held.side.value,
        "quantity": str(held.quantity),
        "entry_price": str(held.entry_price),
        "opened_ms": held.opened_ms,
    }


def _position_from_plain(row: Mapping[str, Any]) -> Position:
    return Position(
        symbol=row["symbol"],
        side=Side(row["side"]),
        quantity=Decimal(row["quantity"]),
        entry_price=Decimal(row["entry_price"]),
        opened_ms=int(row["opened_ms"]),
    )


def _report_to_plain(report: OrderReport) -> Plain:
    return {
        "client_order_id": report.client_order_id,
        "symbol": report.symbol,
        "side": report.side.value,
        "kind": report.kind.value,
        "status": report.status.value,
        "updated_ms": report.updated_ms,
        "quantity": _text(report.quantity),
        "filled_quantity": str(report.filled_quantity),
        "average_price": _text(report.average_price),
        "trigger_price": _text(report.trigger_price),
        "close_position": report.close_position,
        "reduce_only": report.reduce_only,
    }


def _report_from_plain(row: Mapping[str, Any]) -> OrderReport:
    return OrderReport(
        client_order_id=row["client_order_id"],
        symbol=row["symbol"],
        side=OrderSide(row["side"]),
        kind=OrderKind(row["kind"]),
        status=OrderStatus(row["status"]),
        updated_ms=int(row["updated_ms"]),
        quantity=_decimal(row["quantity"]),
        filled_quantity=Decimal(row["filled_quantity"]),
        average_price=_decimal(row["average_price"]),
        trigger_price=_decimal(row["trigger_price"]),
        close_position=bool(row["close_position"]),
        reduce_only=bool(row["reduce_only"]),
    )


def _fill_to_plain(fill: Fill) -> Plain:
    return {
        "symbol": fill.symbol,
        "trade_id": fill.trade_id,
        "client_order_id": fill.client_order_id,
        "side": fill.side.value,
        "price": str(fill.price),
        "quantity": str(fill.quantity),
        "fee": str(fill.fee),
        "at_ms": fill.at_ms,
    }


def _fill_from_plain(row: Mapping[str, Any]) -> Fill:
    return Fill(
        symbol=row["symbol"],
        trade_id=int(row["trade_id"]),
        client_order_id=row["client_order_id"],
        side=OrderSide(row["side"]),
        price=Decimal(row["price"]),
        quantity=Decimal(row["quantity"]),
        fee=Decimal(row["fee"]),
        at_ms=int(row["at_ms"]),
    )


def _funding_to_plain(paid: FundingSettled) -> Plain:
    return {
        "symbol": paid.symbol,
        "at_ms": paid.at_ms,
        "rate": str(paid.rate),
        "amount": str(paid.amount),
    }


def _funding_from_plain(row: Mapping[str, Any]) -> FundingSettled:
    return FundingSettled(
        symbol=row["symbol"],
        at_ms=int(row["at_ms"]),
        rate=Decimal(row["rate"]),
        amount=Decimal(row["amount"]),
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
