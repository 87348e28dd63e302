"""Signals of many variants of a rule, on one list of bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cointrader.backtest.columns import Bytes, Floats, Longs
from cointrader.backtest.score_history import can_share, score_sides_of
from cointrader.backtest.signals import SymbolSignals, refusals, signals_of
from cointrader.backtest.statistics.columns import distinct
from cointrader.market.frame import Frame
from cointrader.risk.limits import ALLOWED
from cointrader.signals.indicators import Periods
from cointrader.signals.indicators import atr as atr_of
from cointrader.signals.rules import SignalRule
from cointrader.signals.score import ScoreRule

ABSENT = -1


@dataclass(frozen=True, slots=True, eq=False)
class SharedSignals:
    """Every bar of one symbol on which some variant has a signal, and which ones have it.

    Parameters
    ----------
    all : the signals of all variants together, by row; both sides of a bar where variants differ
    marks : int8 of shape (variants, len(all)): ABSENT; ALLOWED; or the code of who refuses entries
    """

    all: SymbolSignals
    marks: Bytes

    @property
    def variants(self) -> int:
        return len(self.marks)

    def of(self, variant: int) -> SymbolSignals:
        """The signals of one variant, as a backtest of it alone has them."""
        own, mark = self.all, self.marks[variant]
        kept = np.flatnonzero(mark != ABSENT)
        return SymbolSignals(
            rows=own.rows[kept],
            side=own.side[kept],
            atr=own.atr[kept],
            stop_distance=None if own.stop_distance is None else own.stop_distance[kept],
            target_distance=None if own.target_distance is None else own.target_distance[kept],
            refused=None if own.refused is None else mark[kept],
            probability=None if own.probability is None else own.probability[kept],
        )

    def judged(self, of_each: Sequence[tuple[Floats, float] | None]) -> SharedSignals:
        """The same as filters judge them: of each variant probabilities and threshold, or none."""
        marks = self.marks.copy()
        for variant, told in enumerate(of_each):
            if told is not None:
                marks[variant, marks[variant] != ABSENT] = refusals(*told)
        return SharedSignals(self.all, marks)


def alone(own: SymbolSignals) -> SharedSignals:
    """One variant that shares with nobody."""
    refused = np.zeros(len(own), np.int8) if own.refused is None else own.refused
    return SharedSignals(own, refused.reshape(1, -1).astype(np.int8))


def drawn_together(drawn: Sequence[tuple[Longs, Bytes]], atr: Floats) -> SharedSignals:
    """Signals of one symbol that were drawn: rows, ascending, and sides of each variant.

    `atr` is that of every row of the frame.
    """
    keys = [2 * rows + (side > 0) for rows, side in drawn]
    every = distinct(np.concatenate(keys))
    marks = np.full((len(drawn), len(every)), ABSENT, np.int8)
    place = np.empty(2 * len(atr), np.int32)  # of a key among all
    place[every] = np.arange(len(every))
    for mark, key in zip(marks, keys, strict=True):
        mark[place[key]] = ALLOWED
    rows, side = every >> 1, (2 * (every & 1) - 1).astype(np.int8)
    return SharedSignals(SymbolSignals(rows, side, atr[rows]), marks)


def share(rules: Sequence[SignalRule], frame: Frame, periods: Periods) -> SharedSignals:
    """Signals of `rules` over one frame, a variant for each.

    Many rules share where `score_history.can_share` says so; of any other kind there is one.
    Raises `ValueError` for several that cannot, `DataError` as `signals_of`.
    """
    scores = [rule for rule in rules if isinstance(rule, ScoreRule)]
    is_shared = len(scores) == len(rules) and can_share(rules, periods)
    found = score_sides_of(scores, frame, periods) if is_shared else None
    if found is not None:
        return _together(*found, frame, periods)
    if len(rules) != 1 and not is_shared:
        raise ValueError(f"{len(rules)} rules that share nothing")
    return alone(signals_of(rules[0], frame, periods))  # which says what is wrong with a candle


def _together(rows: Longs, sides: Bytes, frame: Frame, periods: Periods) -> SharedSignals:
    candles, atr = frame.candles, np.empty(0)
    if len(rows):
        atr = atr_of(candles.high, candles.low, candles.close, periods.atr)[rows]
    side = (sides.max(axis=0, initial=0) + sides.min(axis=0, initial=0)).astype(np.int8)
    marks = np.where(sides != 0, ALLOWED, ABSENT).astype(np.int8)
    return SharedSignals(SymbolSignals(rows, side, atr), marks)
