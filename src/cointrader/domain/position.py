"""Positions, closed trades, and the arithmetic between them.

The arithmetic works on Decimal (money) and on float (the backtest kernel) alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from cointrader.domain.order import Side

Number = TypeVar("Number", float, Decimal)


class CloseReason(StrEnum):
    """Why a position ended."""

    STOP = "SL"
    STOP_GAP = "SL_GAP"  # filled worse than the stop level plus the slippage expected
    TARGET = "TP"
    REVERSE = "REVERSE"
    END = "END"  # the symbol's history, or the symbol itself, ended
    MANUAL = "MANUAL"
    UNPROTECTED = "UNPROTECTED"  # closed because its protection could not be confirmed
    LIQUIDATED = "LIQUIDATED"


@dataclass(frozen=True, slots=True)
class Position:
    """An open position as the exchange reports it."""

    symbol: str
    side: Side
    quantity: Decimal
    entry_price: Decimal
    opened_ms: int
    liquidation_price: Decimal | None = None
    margin: Decimal = Decimal(0)  # its isolated wallet: initial margin, moved by funding


@dataclass(frozen=True, slots=True)
class Trade:
    """A closed position. Times are the open times of the bars in which the fills happened.

    `fee` is both sides and positive; `funding` is positive when received;
    ``net = gross - fee + funding``.
    """

    symbol: str
    side: Side
    entry_time_ms: int
    exit_time_ms: int
    entry_price: Decimal
    exit_price: Decimal
    quantity: Decimal
    reason: CloseReason
    gross: Decimal
    fee: Decimal
    funding: Decimal
    net: Decimal
    trade_id: str  # the client order id of its entry


def gross_pnl(sign: int, entry_price: Number, exit_price: Number, quantity: Number) -> Number:
    """Profit of a position before fees and funding, in quote currency."""
    return (exit_price - entry_price) * quantity * sign


def funding_payment(sign: int, quantity: Number, mark_price: Number, rate: Number) -> Number:
    """Funding received (negative: paid) by a position at one settlement."""
    return -(quantity * mark_price * rate) * sign


def liquidation_price(
    sign: int,
    entry_price: Number,
    quantity: Number,
    margin_ratio: Number,
    maintenance_ratios: Iterable[Number],
    maintenance_amounts: Iterable[Number],
) -> Number:
    """Where an isolated position is worth only its maintenance margin, in quote currency.

    That margin is the largest that any leverage bracket asks for: whichever bracket the position
    is in at that price, the first one whose line is crossed liquidates.

    Parameters
    ----------
    sign : +1 for a long position, -1 for a short
    quantity : of the position, above zero
    margin_ratio : isolated wallet / (quantity * entry price); 1 / leverage when just opened
    maintenance_ratios, maintenance_amounts : of the brackets, shape (brackets,), amounts ("cum")
        in quote currency; without any it is the price at which the margin is gone

    References: Binance, "Liquidation Price of USDⓈ-M Futures Contracts", isolated margin.
    """
    nearest = entry_price * (1 - sign * margin_ratio)
    # A compiled kernel knows no zip(strict=...).
    for ratio, amount in zip(maintenance_ratios, maintenance_amounts):  # noqa: B905
        level = (entry_price * (margin_ratio - sign) + amount / quantity) / (ratio - sign)
        nearest = max(nearest, level) if sign > 0 else min(nearest, level)
    return nearest


def bankruptcy_price(
    sign: int, entry_price: Number, margin_ratio: Number, fee_ratio: Number
) -> Number:
    """Where closing an isolated position, its fee included, takes exactly its isolated wallet."""
    return entry_price * (sign - margin_ratio) / (sign - fee_ratio)


def slipped(order_sign: int, price: Number, slippage: Number) -> Number:
    """`price` moved against an order: up for a buy (+1), down for a sell (-1)."""
    return price + price * slippage * order_sign
