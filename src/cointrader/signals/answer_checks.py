"""What a rule's answers may look like: one value per bar, of the right kind, exits that can stand.

Pure. What can be understood without guessing is put into its proper type; the rest is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cointrader.domain.errors import DataError
from cointrader.market.quality import utc
from cointrader.signals.indicators import Floats, Indicators, Signs
from cointrader.signals.rules import Signals

Array = np.ndarray[Any, Any]

_SIGNED = "+1 long, -1 short or 0 hold"
_STRONGEST = 1_000_000  # the journal and the features hold it as a number of points


def judged(answer: object, indicators: Indicators, *, held: int) -> Signals:
    """`answer` with every array in its proper type.

    Parameters
    ----------
    answer : what a rule returned for the bars that `indicators` shows
    held : bars of the frame that are never decided; exits are not looked at there

    Raises
    ------
    DataError : a wrong type, length or value; `where` is left to the caller
    """
    if not isinstance(answer, Signals):
        raise DataError(
            "it is no `Signals`",
            found=f"a {type(answer).__name__}",
            allowed="cointrader.signals.rules.Signals(side=..., strength=...)",
        )
    judge = _Judge(indicators)
    side = judge.signs(answer.side)
    strength = judge.whole("strength", answer.strength, 0, _STRONGEST)
    decided = side != 0
    decided[: max(0, held - indicators.first)] = False
    return replace(
        answer,
        side=side,
        strength=strength,
        parts={
            name: judge.whole(f"parts[{name!r}]", part, -_STRONGEST, _STRONGEST)
            for name, part in judge.named("parts", answer.parts).items()
        },
        gate=judge.gate(answer),
        stop_distance=judge.distance("stop_distance", answer.stop_distance, decided),
        target_distance=judge.distance("target_distance", answer.target_distance, decided),
        extra={
            name: judge.extra(f"extra[{name!r}]", column)
            for name, column in judge.named("extra", answer.extra).items()
        },
    )


class _Judge:
    """Judges arrays of one answer; a message tells the bar."""

    def __init__(self, indicators: Indicators) -> None:
        self._length = len(indicators)
        self._times = indicators.frame.open_time_ms[indicators.first :]

    def signs(self, values: object) -> Signs:
        array = self._numbers("side", values)
        self._refuse("side", array, ~((array == 0) | (array == 1) | (array == -1)), _SIGNED)
        return array.astype(np.int8)

    def whole(self, name: str, values: object, low: int, high: int) -> Array:
        array = self._numbers(name, values)
        if array.dtype.kind == "f":
            with np.errstate(invalid="ignore"):
                bad = ~((array == np.floor(array)) & (array >= low) & (array <= high))
            self._refuse(name, array, bad, f"whole numbers from {low} to {high}; round it yourself")
            return array.astype(np.int64)
        self._refuse(name, array, (array < low) | (array > high), f"from {low} to {high}")
        return array.astype(np.int8) if array.dtype.kind == "b" else array

    def gate(self, answer: Signals) -> Signs | None:
        if answer.gate is None:
            return None
        gates: object = answer.gates
        if not (isinstance(gates, tuple) and gates and all(isinstance(g, str) for g in gates)):
            raise DataError("`gates` are no names", found=gates, allowed='("", "first", "second")')
        values = self.whole("gate", answer.gate, 0, min(len(gates) - 1, 126))
        return values.astype(np.int8)

    def distance(self, name: str, values: object, decided: Array) -> Floats | None:
        """Exits of the rule's own must stand wherever it has a side."""
        if values is None:
            return None
        array = self._numbers(name, values).astype(np.float64)
        with np.errstate(invalid="ignore"):
            bad = decided & ~((array > 0.0) & (array < np.inf))
        allowed = "a distance above 0 in quote currency on every bar with a side"
        self._refuse(name, array, bad, allowed, "hold such bars, or leave the distance to settings")
        return array

    def extra(self, name: str, values: object) -> Floats:
        array = self._numbers(name, values).astype(np.float64)
        self._refuse(name, array, np.isinf(array), "finite numbers, or NaN where it is missing")
        return array

    @staticmethod
    def named(name: str, values: object) -> Mapping[str, object]:
        if isinstance(values, Mapping) and all(isinstance(k, str) and k for k in values):
            return values
        raise DataError(
            f"`{name}` is no mapping from names to arrays", found=values, allowed="a dict"
        )

    def _numbers(self, name: str, values: object) -> Array:
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            raise DataError(f"`{name}` is no array of numbers", found=f"dtype {array.dtype}",
                            allowed="integers or float64")  # fmt: skip
        if array.shape != (self._length,):
            raise DataError(
                f"`{name}` must answer once for every bar it is shown",
                found=f"shape {array.shape}",
                allowed=f"({self._length},)",
                todo="build it from `indicators`: indicators.close, not frame.candles.close",
            )
        return array

    def _refuse(
        self, name: str, array: Array, bad: Array, allowed: str, todo: str | None = None
    ) -> None:
        rows = np.flatnonzero(bad)
        if len(rows) == 0:
            return
        row = int(rows[0])
        many = f"; {len(rows):,} such bars" if len(rows) > 1 else ""
        raise DataError(
            f"`{name}` is {array[row].item()} on a bar",
            found=f"{array[row].item()} at {utc(int(self._times[row]))}{many}",
            allowed=allowed,
            todo=todo,
        )
