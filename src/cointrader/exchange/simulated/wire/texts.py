"""Numbers as Binance writes them: strings, never with an exponent."""

from __future__ import annotations

from decimal import Context, Decimal

from cointrader.domain.instrument import to_decimal

_DECIMALS = 8
_EIGHT = Decimal("1e-8")
_WIDE = Context(prec=60)


def plain(value: Decimal) -> str:
    """A number digit for digit."""
    return format(value, "f")


def bare(value: Decimal) -> str:
    """A number without zeros at the end of its decimals."""
    return plain(value.normalize(_WIDE))


def given(value: Decimal | None) -> str:
    """A number digit for digit; "0" where there is none."""
    return "0" if value is None else plain(value)


def money(value: Decimal) -> str:
    """An amount with at least 8 decimals, never a negative zero.

    Digits beyond them are told too: the books of this exchange are not rounded, and whoever adds
    up what it was told shall come to the same sum.
    """
    exact = value.normalize(_WIDE) + Decimal(0)
    exponent = exact.as_tuple().exponent
    assert isinstance(exponent, int), "an amount is a number"
    return f"{exact:.{max(_DECIMALS, -exponent)}f}"


def rounded(value: Decimal) -> str:
    """What follows from amounts, to 8 decimals, never a negative zero."""
    return plain(value.quantize(_EIGHT, context=_WIDE) + Decimal(0))


def number(value: float) -> str:
    """A float as a person would write it."""
    return plain(to_decimal(value))


def of_eight(value: float) -> str:
    """A float that was calculated, to 8 decimals."""
    return number(round(value, _DECIMALS))


def percent(ratio: Decimal) -> str:
    """A fraction in percent."""
    return bare(ratio * 100)
