"""Grids and minimums for symbols that are traded without asking a real exchange.

Plausible, not authoritative: filters as Binance listed them on 2026-03-31, maintenance margin of
the first leverage bracket. Live trading reads `exchangeInfo` instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from cointrader.domain.instrument import Instrument, to_decimal

# symbol: tick, step (= minimum quantity), maximum market quantity, minimum notional,
# maintenance margin ratio, maximum leverage
_TABLE: dict[str, tuple[str, str, str, str, str, int]] = {
    "BTCUSDT": ("0.1", "0.001", "120", "100", "0.004", 125),
    "ETHUSDT": ("0.01", "0.001", "2000", "20", "0.004", 125),
    "XRPUSDT": ("0.0001", "0.1", "1000000", "5", "0.005", 75),
    "TRXUSDT": ("0.00001", "1", "5000000", "5", "0.0065", 75),
    "DOGEUSDT": ("0.00001", "1", "10000000", "5", "0.005", 75),
    "SOLUSDT": ("0.01", "0.01", "5000", "5", "0.005", 100),
    "ADAUSDT": ("0.0001", "1", "10000000", "5", "0.005", 75),
    "BNBUSDT": ("0.01", "0.01", "100000", "5", "0.005", 75),
    "LINKUSDT": ("0.001", "0.01", "100000", "5", "0.005", 75),
    "AVAXUSDT": ("0.001", "1", "10000000", "5", "0.005", 75),
    "BCHUSDT": ("0.01", "0.001", "10000", "5", "0.005", 75),
    "LTCUSDT": ("0.01", "0.001", "10000", "5", "0.005", 75),
    "DOTUSDT": ("0.001", "0.1", "1000000", "5", "0.0065", 75),
    "UNIUSDT": ("0.001", "1", "10000000", "5", "0.006", 75),
    "ATOMUSDT": ("0.001", "0.01", "100000", "5", "0.006", 75),
    "NEARUSDT": ("0.001", "1", "10000000", "5", "0.01", 75),
    "SUIUSDT": ("0.0001", "0.1", "10000000", "5", "0.01", 75),
    "XLMUSDT": ("0.00001", "1", "10000000", "5", "0.015", 50),
}

_UNKNOWN_MIN_NOTIONAL = Decimal(5)
_UNKNOWN_MAINTENANCE = Decimal("0.01")  # a small symbol's usual first bracket
_UNKNOWN_LEVERAGE = 50
_UNKNOWN_MAX_STEPS = 10_000_000
_STEP_WORTH = Decimal("0.5")  # quote currency: one step of an unknown symbol is worth at most this
_FINEST_STEP = Decimal("0.0001")
_MOST_DECIMALS = 8


def known_instrument(symbol: str) -> Instrument | None:
    """The stored filters of a usual symbol; None when it is not in the table."""
    row = _TABLE.get(symbol)
    if row is None:
        return None
    tick, step, max_quantity, min_notional, maintenance, leverage = row
    return Instrument(
        symbol,
        tick_size=Decimal(tick),
        step_size=Decimal(step),
        min_quantity=Decimal(step),
        max_quantity=Decimal(max_quantity),
        min_notional=Decimal(min_notional),
        maintenance_margin_ratio=Decimal(maintenance),
        max_leverage=leverage,
    )


def plausible_instrument(symbol: str, prices: Iterable[float]) -> Instrument:
    """Filters for `symbol`: the stored ones, or for an unknown symbol a guess from its prices.

    The tick has as many decimals as the prices seen (at most 8); the step is the power of ten
    worth at most half a unit of quote currency at the highest price seen, and at most 1.
    """
    known = known_instrument(symbol)
    if known is not None:
        return known
    decimals, highest = 0, Decimal(0)
    for price in prices:
        value = to_decimal(price).normalize()
        exponent = value.as_tuple().exponent
        if isinstance(exponent, int):  # NaN and infinity have no exponent
            decimals = max(decimals, -exponent)
            highest = max(highest, value)
    step = Decimal(1)
    while step * highest > _STEP_WORTH and step > _FINEST_STEP:
        step /= 10
    return Instrument(
        symbol,
        tick_size=Decimal(1).scaleb(-min(decimals, _MOST_DECIMALS)),
        step_size=step,
        min_quantity=step,
        max_quantity=step * _UNKNOWN_MAX_STEPS,
        min_notional=_UNKNOWN_MIN_NOTIONAL,
        maintenance_margin_ratio=_UNKNOWN_MAINTENANCE,
        max_leverage=_UNKNOWN_LEVERAGE,
    )


def unconstrained(symbol: str) -> Instrument:
    """No grid, no minimum, no liquidation: the founding profile."""
    return Instrument(symbol)
