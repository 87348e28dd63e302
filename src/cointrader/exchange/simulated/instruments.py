"""Grids and minimums for symbols that are traded without asking a real exchange.

Plausible, not authoritative: filters as Binance listed them on 2026-03-31. Live trading reads
`exchangeInfo` instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from cointrader.domain.instrument import Instrument, to_decimal
from cointrader.exchange.simulated.brackets import plausible_brackets

# symbol: tick, step (= minimum quantity), maximum market and limit quantity, minimum notional,
# lowest and highest price
_TABLE: dict[str, tuple[str, str, str, str, str, str, str]] = {
    "BTCUSDT": ("0.1", "0.001", "120", "1000", "100", "261.1", "809484"),
    "ETHUSDT": ("0.01", "0.001", "2000", "10000", "20", "39.86", "306177"),
    "XRPUSDT": ("0.0001", "0.1", "1000000", "1000000", "5", "0.0143", "100000"),
    "TRXUSDT": ("0.00001", "1", "5000000", "10000000", "5", "0.00132", "20000"),
    "DOGEUSDT": ("0.00001", "1", "10000000", "10000000", "5", "0.00244", "30"),
    "SOLUSDT": ("0.01", "0.01", "5000", "1000000", "5", "0.42", "6857"),
    "ADAUSDT": ("0.0001", "1", "10000000", "10000000", "5", "0.0174", "20000"),
    "BNBUSDT": ("0.01", "0.01", "100000", "100000", "5", "6.6", "100000"),
    "LINKUSDT": ("0.001", "0.01", "100000", "100000", "5", "0.464", "100000"),
    "AVAXUSDT": ("0.001", "1", "10000000", "10000000", "5", "0.35", "2403"),
    "BCHUSDT": ("0.01", "0.001", "10000", "10000", "5", "13.93", "100000"),
    "LTCUSDT": ("0.01", "0.001", "10000", "10000", "5", "3.61", "100000"),
    "DOTUSDT": ("0.001", "0.1", "1000000", "1000000", "5", "0.001", "2398"),
    "UNIUSDT": ("0.001", "1", "10000000", "10000000", "5", "0.001", "2684"),
    "ATOMUSDT": ("0.001", "0.01", "100000", "100000", "5", "0.001", "100000"),
    "NEARUSDT": ("0.001", "1", "10000000", "10000000", "5", "0.048", "1000"),
    "SUIUSDT": ("0.0001", "0.1", "10000000", "10000000", "5", "0.0001", "2000"),
    "XLMUSDT": ("0.00001", "1", "10000000", "10000000", "5", "0.00648", "20000"),
}

_UNKNOWN_MIN_NOTIONAL = Decimal(5)
_UNKNOWN_MAX_STEPS = 10_000_000
_STEP_WORTH = Decimal("0.5")  # quote currency: one step of an unknown symbol is worth at most this
_FINEST_STEP = Decimal("0.0001")
_MOST_DECIMALS = 8
_HIGHEST_BUY, _LOWEST_SELL = Decimal("1.05"), Decimal("0.95")  # of the mark price, as for most


def known_instrument(symbol: str) -> Instrument | None:
    """The stored filters of a usual symbol; None when it is not in the table."""
    row = _TABLE.get(symbol)
    if row is None:
        return None
    tick, step, max_market, max_limit, min_notional, min_price, max_price = row
    return Instrument(
        symbol,
        tick_size=Decimal(tick),
        step_size=Decimal(step),
        min_quantity=Decimal(step),
        max_quantity=Decimal(max_market),
        min_notional=Decimal(min_notional),
        brackets=plausible_brackets(symbol),
        max_limit_quantity=Decimal(max_limit),
        min_price=Decimal(min_price),
        max_price=Decimal(max_price),
        price_multiplier_up=_HIGHEST_BUY,
        price_multiplier_down=_LOWEST_SELL,
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
        brackets=plausible_brackets(symbol),
        max_limit_quantity=step * _UNKNOWN_MAX_STEPS,
        price_multiplier_up=_HIGHEST_BUY,
        price_multiplier_down=_LOWEST_SELL,
    )


def unconstrained(symbol: str) -> Instrument:
    """No grid, no minimum, no liquidation: the founding profile."""
    return Instrument(symbol)
