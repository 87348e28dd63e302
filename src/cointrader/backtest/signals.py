"""A rule's answers over a whole history, and the events that a run makes of them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import talib

from cointrader.backtest.codes import FILTER, NO_MODEL
from cointrader.backtest.columns import Bytes, Events, Floats, Longs
from cointrader.backtest.market import Stretch, joined, shown
from cointrader.backtest.score_history import can_be_quick, score_sides_of
from cointrader.domain.errors import DataError
from cointrader.market.frame import Frame
from cointrader.risk.limits import ALLOWED
from cointrader.signals.indicators import DEFAULT_PERIODS, Indicators, Periods
from cointrader.signals.indicators import atr as atr_of
from cointrader.signals.rules import WARM_UP_BARS, SignalRule, evaluate
from cointrader.signals.score import ScoreRule

_ATR = inspect.unwrap(talib.ATR)  # without the wrapper for other libraries' series


@dataclass(frozen=True, slots=True, eq=False)
class SymbolSignals:
    """The bars of one symbol that have a signal; arrays of one length.

    `rows` are rows of the frame. `atr` is known where exits may need it; the distances are the
    rule's own, None where it leaves them to the settings.
    """

    rows: Longs
    side: Bytes
    atr: Floats
    stop_distance: Floats | None = None
    target_distance: Floats | None = None
    refused: Bytes | None = None  # codes of who refused an entry, e.g. `codes.FILTER`; None: nobody
    probability: Floats | None = None  # of an entry filter

    def __len__(self) -> int:
        return len(self.rows)

    def judged(self, probability: Floats, threshold: float) -> SymbolSignals:
        """The same as a filter judges them: those below the threshold enter nothing."""
        return replace(self, refused=refusals(probability, threshold), probability=probability)

    def after(self, count: int) -> SymbolSignals:
        """All but the first `count` of them."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return replace(
            self, **{name: own[count:] for name, own in values.items() if own is not None}
        )


def refusals(probability: Floats, threshold: float) -> Bytes:
    """For each probability the code of who refuses an entry, ALLOWED where nobody does."""
    refused = np.where(probability >= threshold, ALLOWED, FILTER).astype(np.int8)
    refused[~((probability >= 0.0) & (probability <= 1.0))] = NO_MODEL  # as a bot takes it
    return refused


def signals_of(rule: SignalRule, frame: Frame, periods: Periods = DEFAULT_PERIODS) -> SymbolSignals:
    """Every signal of `rule` over `frame`, none before bar 300.

    Made once, and played under any exits, sizes, limits and costs.
    """
    if can_be_quick(rule, periods) and isinstance(rule, ScoreRule):
        found = score_sides_of([rule], frame, periods)
        if found is not None:
            rows, sides = found
            return SymbolSignals(rows, sides[0], _atr_at(rows, frame, periods))
    answers = evaluate(rule, frame, Indicators(frame, periods))
    side = np.asarray(answers.side)
    rows = np.flatnonzero(side != 0)
    rows = rows[rows >= WARM_UP_BARS]
    stop, target = answers.stop_distance, answers.target_distance
    needs_atr = stop is None or target is None
    return SymbolSignals(
        rows=rows,
        side=side[rows].astype(np.int8),
        atr=_atr_at(rows, frame, periods) if needs_atr else np.full(len(rows), np.nan),
        stop_distance=None if stop is None else np.asarray(stop, np.float64)[rows],
        target_distance=None if target is None else np.asarray(target, np.float64)[rows],
    )


def _atr_at(rows: Longs, frame: Frame, periods: Periods) -> Floats:
    candles = frame.candles
    if not len(rows):
        return np.empty(0)
    columns = candles.high, candles.low, candles.close
    # Every value carries to the end: one that is not finite is found there, and `atr_of` names it.
    atr: Floats = _ATR(*columns, periods.atr)
    if not np.isfinite(atr[-1]):
        atr = atr_of(*columns, periods.atr)
    return atr[rows]


def events_of(
    stretch: Stretch, signals: Mapping[str, SymbolSignals], is_by_atr: Sequence[bool]
) -> Events:
    """The signals that are acted on in `stretch`: a symbol's last bar has no open after it.

    `is_by_atr` tells per symbol whether exits without a distance of their own need the ATR.
    """
    starts, parts = [0], []
    for s, symbol in enumerate(stretch.market.frames):
        own = signals[symbol]
        first, last = int(stretch.candles.first[s]), int(stretch.candles.last[s])
        row = stretch.rows[s]
        begin, end = own.rows.searchsorted((row, row + last - first)).tolist()
        stop_unit, target_unit = _units(symbol, own, slice(begin, end), by_atr=is_by_atr[s])
        count = len(stop_unit)
        parts.append(
            (
                own.rows[begin:end] + (first - row),
                own.side[begin:end],
                stop_unit,
                target_unit,
                np.zeros(count, np.int8) if own.refused is None else own.refused[begin:end],
                np.full(count, np.nan) if own.probability is None else own.probability[begin:end],
            )
        )
        starts.append(starts[-1] + count)
    return Events(shown(np.array(starts, np.int64)), *map(joined, zip(*parts, strict=True)))


def _units(
    symbol: str, own: SymbolSignals, played: slice, *, by_atr: bool
) -> tuple[Floats, Floats]:
    """What the exits' factors multiply. A level that is no number would never be touched."""
    usual = own.atr[played] if by_atr else np.ones(len(own.rows[played]))
    stop = usual if own.stop_distance is None else own.stop_distance[played]
    target = usual if own.target_distance is None else own.target_distance[played]
    _require_usable(stop, symbol)
    if target is not stop:
        _require_usable(target, symbol)
    return stop, target


def _require_usable(unit: Floats, symbol: str) -> None:
    if len(unit) and not (unit.min() >= 0.0 and unit.max() < np.inf):
        raise DataError(
            f"a signal of {symbol} has no usable exit distance",
            where=symbol,
            found=float(unit[~((unit >= 0.0) & (unit < np.inf))][0]),
            allowed="a number of at least 0, in quote currency",
            todo="cointrader data check looks at its candles; a rule of your own must give one",
        )
