"""From the wallet to a quantity on the symbol's grid.

The rules are plain scalar functions, shared with the compiled backtest kernel. `size_entry` puts
them together for one entry of a live bot. Everything is rounded down; nothing is bumped up.
"""

from __future__ import annotations

import math
from decimal import Decimal

from cointrader.domain.instrument import Instrument
from cointrader.domain.order import Side
from cointrader.domain.position import liquidation_price
from cointrader.risk.book import Refusal
from cointrader.risk.limits import FIXED, RISK, RiskLimits

# What speaks against a size, in the order in which it is asked.
SIZE_FITS = 0
BELOW_MIN_QUANTITY = 1
BELOW_MIN_NOTIONAL = 2
LIQUIDATION_NEAR = 3

SIZE_REASONS = ("", "min-quantity", "min-notional", "liquidation-near")


def margin_ratio(
    snapshot: float,
    base: float,
    max_ratio: float,
    min_ratio: float,
    decay_rate: float,
    is_relative: bool,
) -> float:
    """Share of a slot's money put up as margin: it shrinks as the account grows past its base.

    Parameters
    ----------
    snapshot, base : wallet now and at the first start, in quote currency
    max_ratio, min_ratio : bounds of the answer, fractions
    decay_rate : by how much the ratio falls per unit of profit: quote currency (absolute, the
        founding form) or multiples of the base (relative)
    """
    profit = snapshot - base
    if is_relative:
        profit = profit / base if base > 0.0 else 0.0
    return min(max(max_ratio - profit * decay_rate, min_ratio), max_ratio)


def slot_notional(snapshot: float, slots: int, ratio: float, leverage: float) -> float:
    """Notional of one slot's share of the wallet."""
    return snapshot / slots * ratio * leverage


def risk_notional(
    snapshot: float, risk_per_trade: float, price: float, stop_distance: float
) -> float:
    """Notional that loses `risk_per_trade` of the wallet at the stop; infinite without a stop."""
    if stop_distance <= 0.0:
        return math.inf
    return snapshot * risk_per_trade / stop_distance * price


def entry_notional(
    sizing: int,
    snapshot: float,
    slots: int,
    ratio: float,
    leverage: float,
    price: float,
    stop_distance: float,
    risk_per_trade: float,
    fixed_notional: float,
) -> float:
    """Notional of one entry before rounding. `sizing` is ACCOUNT, RISK or FIXED."""
    if sizing == FIXED:
        return fixed_notional
    notional = slot_notional(snapshot, slots, ratio, leverage)
    if sizing == RISK:
        return min(notional, risk_notional(snapshot, risk_per_trade, price, stop_distance))
    return notional


def wanted_quantity(
    sizing: int,
    snapshot: float,
    base: float,
    slots: int,
    leverage: float,
    price: float,
    stop_distance: float,
    margin_max_ratio: float,
    margin_min_ratio: float,
    margin_decay_rate: float,
    is_decay_relative: bool,
    risk_per_trade: float,
    fixed_notional: float,
) -> float:
    """Quantity of one entry before rounding; 0 where the wallet is below zero."""
    ratio = margin_ratio(
        snapshot, base, margin_max_ratio, margin_min_ratio, margin_decay_rate, is_decay_relative
    )
    notional = entry_notional(
        sizing,
        snapshot,
        slots,
        ratio,
        leverage,
        price,
        stop_distance,
        risk_per_trade,
        fixed_notional,
    )
    return max(notional, 0.0) / price


def needed_margin(notional: float, leverage: float, taker_fee: float) -> float:
    """What an entry takes out of the free margin: its margin, and its fee beside it."""
    return notional / leverage + notional * taker_fee


def is_liquidation_near(
    sign: int, entry_price: float, stop_distance: float, liquidation_level: float
) -> bool:
    """Whether liquidation is nearer than twice the stop."""
    return sign * (entry_price - liquidation_level) < 2.0 * stop_distance


def size_verdict(
    quantity: float,
    price: float,
    min_quantity: float,
    min_notional: float,
    is_near_liquidation: bool,
) -> int:
    """What speaks against a rounded quantity, SIZE_FITS when nothing does."""
    if quantity <= 0.0 or quantity < min_quantity:
        return BELOW_MIN_QUANTITY
    if quantity * price < min_notional:
        return BELOW_MIN_NOTIONAL
    if is_near_liquidation:
        return LIQUIDATION_NEAR
    return SIZE_FITS


def size_entry(
    side: Side,
    *,
    price: float,
    stop_distance: float,
    snapshot: float,
    base: float,
    instrument: Instrument,
    limits: RiskLimits,
) -> Decimal | Refusal:
    """Quantity of one entry, or why there is none.

    `price` is what a market order of this side would fill at now; `snapshot` is the wallet after
    this bar's closes and `base` the wallet the account began with.
    """
    wanted = wanted_quantity(
        limits.sizing,
        snapshot,
        base,
        limits.slots,
        limits.leverage,
        price,
        stop_distance,
        limits.margin_max_ratio,
        limits.margin_min_ratio,
        limits.margin_decay_rate,
        limits.is_decay_relative,
        limits.risk_per_trade,
        limits.fixed_notional,
    )
    quantity = instrument.quantity(wanted)
    if instrument.max_quantity is not None:
        quantity = min(quantity, instrument.quantity(float(instrument.max_quantity)))
    is_near = False
    if limits.has_liquidation_rule and quantity > 0:
        level = entry_liquidation_price(
            side,
            price=price,
            quantity=float(quantity),
            leverage=limits.leverage,
            instrument=instrument,
        )
        is_near = is_liquidation_near(side.sign, price, stop_distance, level)
    verdict = size_verdict(
        float(quantity),
        price,
        float(instrument.min_quantity),
        float(instrument.min_notional),
        is_near,
    )
    if verdict == SIZE_FITS:
        return quantity
    return Refusal(SIZE_REASONS[verdict], _detail(verdict, quantity, price, instrument))


def entry_liquidation_price(
    side: Side, *, price: float, quantity: float, leverage: float, instrument: Instrument
) -> float:
    """Where an entry of `quantity`, above zero, filled at `price` would be liquidated."""
    return liquidation_price(
        side.sign,
        price,
        quantity,
        1.0 / leverage,
        [float(bracket.maintenance_margin_ratio) for bracket in instrument.brackets],
        [float(bracket.maintenance_amount) for bracket in instrument.brackets],
    )


def _detail(verdict: int, quantity: Decimal, price: float, instrument: Instrument) -> str:
    if verdict == BELOW_MIN_QUANTITY:
        return f"quantity {quantity} is below the minimum of {instrument.min_quantity}"
    if verdict == BELOW_MIN_NOTIONAL:
        notional = float(quantity) * price
        return f"notional {notional:.2f} is below the minimum of {instrument.min_notional}"
    return "liquidation would be nearer than twice the stop"
