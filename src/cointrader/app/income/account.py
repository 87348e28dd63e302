"""Bookings held against the wallet: does their sum explain how it changed? Pure.

wallet at the end = wallet at the beginning + every booking in between
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from cointrader.app.income.rows import EXACT, IncomeRow, Reading, total

AT_PAR = ("USDT", "USDC", "FDUSD", "BUSD", "BFUSD", "LDUSDT", "USD1")
_HALF_A_CENT = Decimal("0.005")
_LAST_DIGIT = Decimal("0.00000001")  # in which other assets are booked


class State(StrEnum):
    """What holding bookings against a wallet came to."""

    RECONCILED = "reconciled"
    DIFFERS = "differs"
    NOT_CHECKED = "not checked"  # no earlier reading of this wallet, or none at the end


@dataclass(frozen=True, slots=True)
class Stretch:
    """The time between two readings. `difference` is what the bookings do not explain."""

    from_ms: int
    to_ms: int
    wallet_change: Decimal
    rows: int
    booked: Decimal
    difference: Decimal


@dataclass(frozen=True, slots=True)
class AssetAccount:
    """One asset over the whole time. None where nobody knows; `rows` are those in between.

    `stretches` tells where a difference came to be, one entry per pair of neighbouring readings.
    """

    asset: str
    state: State
    opening: Reading | None
    closing: Reading | None
    rows: int
    booked: Decimal
    difference: Decimal | None
    tolerance: Decimal
    stretches: tuple[Stretch, ...] = ()


def held_against(
    rows: Sequence[IncomeRow], readings: Iterable[Reading], closing: Mapping[str, Reading]
) -> list[AssetAccount]:
    """Each asset that has a booking, a reading or a wallet.

    Parameters
    ----------
    rows : all bookings since the first of `readings`, in any order
    readings : earlier ones; a booking at the very moment of a reading is in that reading
    closing : the last reading by asset
    """
    earlier: dict[str, list[Reading]] = {}
    for reading in sorted(readings, key=lambda each: each.at_ms):
        earlier.setdefault(reading.asset, []).append(reading)
    of: dict[str, list[IncomeRow]] = {}
    for row in rows:
        of.setdefault(row.asset, []).append(row)
    with_money = {asset for asset, reading in closing.items() if reading.wallet}
    return [
        _account(asset, of.get(asset, []), earlier.get(asset, []), closing.get(asset))
        for asset in sorted(with_money | set(of) | set(earlier))
    ]


def running_balances(
    rows: Sequence[IncomeRow], accounts: Iterable[AssetAccount]
) -> list[Decimal | None]:
    """The wallet of its asset right after each booking; None where no reading can tell.

    Counted on from the first reading. Where there is only the last one, counted back from it.
    """
    after: dict[str, Decimal | None] = {}
    for each in accounts:
        own = [row for row in rows if row.asset == each.asset]
        if each.opening is not None:
            at_ms = each.opening.at_ms
            before = total(row.amount for row in own if row.at_ms <= at_ms)
            after[each.asset] = EXACT.subtract(each.opening.wallet, before)
        elif each.closing is not None:
            at_ms = each.closing.at_ms
            until = total(row.amount for row in own if row.at_ms <= at_ms)
            after[each.asset] = EXACT.subtract(each.closing.wallet, until)
    found: list[Decimal | None] = []
    for row in rows:
        known = after.get(row.asset)
        if known is not None:
            known = after[row.asset] = EXACT.add(known, row.amount)
        found.append(known)
    return found


def tolerance_of(asset: str, rows: int) -> Decimal:
    """To the cent, in assets that are worth about a dollar; else to the last digit of each row."""
    return _HALF_A_CENT if asset in AT_PAR else _LAST_DIGIT * (rows + 1)


def _account(
    asset: str, rows: Sequence[IncomeRow], readings: Sequence[Reading], closing: Reading | None
) -> AssetAccount:
    before = [r for r in readings if closing is None or r.at_ms < closing.at_ms]
    opening = before[0] if before else None
    if opening is None or closing is None:
        booked = total(row.amount for row in rows)
        state, tolerance = State.NOT_CHECKED, tolerance_of(asset, len(rows))
        return AssetAccount(asset, state, opening, closing, len(rows), booked, None, tolerance)
    marks = [*before, closing]
    stretches = tuple(_stretch(rows, one, next_) for one, next_ in pairwise(marks))
    whole = _stretch(rows, opening, closing)
    tolerance = tolerance_of(asset, whole.rows)
    is_met = abs(whole.difference) < tolerance
    return AssetAccount(
        asset,
        State.RECONCILED if is_met else State.DIFFERS,
        opening,
        closing,
        whole.rows,
        whole.booked,
        whole.difference,
        tolerance,
        stretches,
    )


def _stretch(rows: Sequence[IncomeRow], opening: Reading, closing: Reading) -> Stretch:
    own = [row.amount for row in rows if opening.at_ms < row.at_ms <= closing.at_ms]
    change, booked = EXACT.subtract(closing.wallet, opening.wallet), total(own)
    difference = EXACT.subtract(change, booked)
    return Stretch(opening.at_ms, closing.at_ms, change, len(own), booked, difference)
