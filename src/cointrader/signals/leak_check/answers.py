"""What is asked, as tables: one named column per value of the answer, one row per bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cointrader.market.frame import Frame
from cointrader.signals.features import feature_names, features
from cointrader.signals.indicators import Indicators, Periods
from cointrader.signals.rules import SignalRule, Signals, evaluate

Column = np.ndarray[Any, Any]
Table = Mapping[str, Column]
Asked = Callable[[Frame], Table]

SIDE = "side"
_RELATIVE, _OF_TYPICAL = 1e-7, 1e-9  # differences below are rounding


@dataclass(slots=True)
class RuleAnswers:
    """A rule's answers for every bar of a frame, held before its warm-up."""

    rule: SignalRule
    periods: Periods
    asked: int = field(default=0, init=False)

    def __call__(self, frame: Frame) -> Table:
        self.asked += 1
        return table_of(evaluate(self.rule, frame, Indicators(frame, self.periods)))


@dataclass(slots=True)
class FeatureAnswers:
    """The features of the rule's signals, at the bars that open at `times` and nowhere else."""

    rule: SignalRule
    periods: Periods
    times: Sequence[int]
    asked: int = field(default=0, init=False)

    def __call__(self, frame: Frame) -> Table:
        self.asked += 1
        indicators = Indicators(frame, self.periods)
        signals = evaluate(self.rule, frame, indicators)
        rows = np.flatnonzero(np.isin(frame.open_time_ms, self.times))
        extra = {name: column[rows] for name, column in signals.extra.items()}
        made = features(
            frame, indicators, signals.side[rows], signals.strength[rows], rows=rows, extra=extra
        )
        table = {}
        names = feature_names(tuple(frame.correlated), tuple(extra))
        for name, column in zip(names, made.T, strict=True):
            whole = np.full(len(frame), np.nan)
            whole[rows] = column
            table[f"feature {name!r}"] = whole
        return table


def table_of(signals: Signals) -> Table:
    """Every value of `signals` by name, in the order in which a difference is told."""
    table: dict[str, Column] = {SIDE: signals.side, "strength": signals.strength}
    for name in ("stop_distance", "target_distance"):
        if (values := getattr(signals, name)) is not None:
            table[name] = values
    table |= {f"extra {name!r}": column for name, column in signals.extra.items()}
    table |= {f"part {name!r}": column for name, column in signals.parts.items()}
    if signals.gate is not None:
        table["gate"] = np.array(signals.gates)[signals.gate]
    return table


class Comparison:
    """Compares other tables with a first one, value by value; rounding is no difference."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._allowed = {name: _allowance(column) for name, column in table.items()}

    def differing(self, other: Table, rows: slice) -> Iterator[tuple[str, NDArray[np.intp]]]:
        """Names of columns that differ in `rows`, and in which rows of the frame."""
        start = rows.start or 0
        for name in (*self.table, *(name for name in other if name not in self.table)):
            if name not in other or name not in self.table:
                yield name, np.array([rows.stop - 1])
                continue
            mine, yours = self.table[name][rows], other[name][rows]
            differs = mine != yours
            if not differs.any():
                continue
            allowed = self._allowed[name]
            if allowed is not None:
                both_missing = np.isnan(mine) & np.isnan(yours)
                with np.errstate(invalid="ignore"):
                    near = np.abs(mine - yours) <= allowed[rows]
                differs &= ~(near | both_missing)
            found = np.flatnonzero(differs)
            if len(found):
                yield name, found + start


def shown(table: Table, name: str, row: int) -> str:
    """One value as people read it."""
    if name not in table:
        return "nothing"
    value = table[name][row]
    if isinstance(value, np.floating):
        return f"{value:.6g}"
    return f"{value:+d}" if name == SIDE else str(value) or "none"


def _allowance(column: Column) -> NDArray[np.float64] | None:
    """How far another value may be off, by row; None for whole numbers and words."""
    if column.dtype.kind != "f":
        return None
    sizes = np.abs(column)
    known = sizes[np.isfinite(sizes)]
    typical = float(np.median(known)) if len(known) else 0.0
    allowed: NDArray[np.float64] = sizes * _RELATIVE + typical * _OF_TYPICAL
    return allowed
