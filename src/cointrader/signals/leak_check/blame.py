"""Which input, and which bar of it, an answer must not have known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from cointrader.market.frame import Frame
from cointrader.signals.leak_check.answers import Asked, Comparison, Table
from cointrader.signals.leak_check.inputs import Input, arrays_of, with_one_changed

# Strong enough to cross a threshold, weak enough to stay within a band; at last, extremes.
_CHANGES = (
    (1.5, 0.05), (0.6, -0.05), (1.01, 0.002), (0.99, -0.002), (25.0, 1.0), (0.04, -1.0),
    (np.nan, np.nan),
)  # fmt: skip


def blamed(ask: Asked, frame: Frame, row: int) -> list[tuple[Input | str, int]]:
    """Inputs that change the answer of `row` when only their later bars are changed, each with the
    nearest row of it that matters; groups of inputs where no single one does."""
    compare = Comparison(ask(frame))
    found: list[tuple[Input | str, int]] = []
    for named, inputs in _suspects(frame):
        if found and isinstance(named, str):
            break
        for factor, amount in _CHANGES:
            if _changes_answer(ask, frame, compare, row, inputs, len(frame), factor, amount):
                nearest = _nearest(ask, frame, compare, row, inputs, factor, amount)
                found.append((named, nearest))
                break
    return found


def _suspects(frame: Frame) -> Iterator[tuple[Input | str, Sequence[Input]]]:
    """Single inputs first, then all of one symbol."""
    every = list(arrays_of(frame))
    yield from ((each, (each,)) for each in every)
    for symbol in dict.fromkeys(each.symbol for each in every if each.symbol):
        yield f"the candles of {symbol}", [each for each in every if each.symbol == symbol]


def _nearest(
    ask: Asked,
    frame: Frame,
    compare: Comparison,
    row: int,
    inputs: Sequence[Input],
    factor: float,
    amount: float,
) -> int:
    """The first row after `row` such that changing the rows up to it changes the answer."""
    last = len(frame) - 1
    reach = 1
    while row + reach < last:
        if _changes_answer(ask, frame, compare, row, inputs, row + reach + 1, factor, amount):
            break
        reach *= 2
    low, high = row + reach // 2, min(row + reach, last)
    while high - low > 1:
        middle = (low + high) // 2
        if _changes_answer(ask, frame, compare, row, inputs, middle + 1, factor, amount):
            high = middle
        else:
            low = middle
    return high


def _changes_answer(
    ask: Asked,
    frame: Frame,
    compare: Comparison,
    row: int,
    inputs: Sequence[Input],
    stop: int,
    factor: float,
    amount: float,
) -> bool:
    other = with_one_changed(frame, inputs, slice(row + 1, stop), factor=factor, amount=amount)
    table = asked_anyway(ask, other)
    return table is not None and any(compare.differing(table, slice(row, row + 1)))


def asked_anyway(ask: Asked, frame: Frame) -> Table | None:
    """The answers, or None where a rule cannot bear so strange a future."""
    try:
        with np.errstate(all="ignore"):
            return ask(frame)
    except Exception:  # of a rule that nobody has checked
        return None
