"""Which bars a model learns from, and whether they are enough.

The decision population: the signals the configured strategy would act on. A model that learned
from others answers another question: looser signals shift what it sees, and bars without a signal
are told apart by their strength alone, which makes a fine AUC and worse trades. Both are options,
and whatever was chosen is told with the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cointrader.backtest.signals import SymbolSignals, signals_of
from cointrader.domain.errors import ConfigError, MissingCandles
from cointrader.market.frame import Floats, Frame
from cointrader.signals.indicators import DEFAULT_PERIODS, Indicators, Periods
from cointrader.signals.rules import WARM_UP_BARS, SignalRule, evaluate

LEAST_ROWS = 200
LEAST_OF_A_CLASS = 50


class TooFewRows(MissingCandles):
    """There are too few signals to learn from."""


@dataclass(frozen=True, slots=True)
class Population:
    """Which bars become rows.

    Parameters
    ----------
    looser : a rule whose signals are learned from in place of the configured one's; None: that one
    looser_name : what it is, for the record, e.g. ``"signal_threshold 2"``
    holds : bars without a signal per signal, as rows that lost; 0: none
    seed : of the choice of such bars
    """

    looser: SignalRule | None = None
    looser_name: str = ""
    holds: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0.0 <= self.holds <= 100.0:
            raise ConfigError(
                "impossible share of bars without a signal",
                where="holds",
                found=self.holds,
                allowed="0 (none) to 100 for each signal",
            )
        if (self.looser is not None) != bool(self.looser_name):
            raise ConfigError("looser signals are learned from under a name", where="looser_name")

    @property
    def text(self) -> str:
        """In one line, for the record."""
        parts = [self.looser_name or "the strategy's own signals"]
        if self.holds:
            parts.append(f"{self.holds:g} bars without a signal for each")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The bars that become rows, ascending.

    `signals` are labelled, `strategy` are those that end trades: the configured rule's. The rows
    of `is_own` are signals of the configured rule; `extra` are the rule's own features of each.
    """

    signals: SymbolSignals
    strategy: SymbolSignals
    strength: Floats
    is_own: np.ndarray[tuple[int], np.dtype[np.bool_]]
    extra: dict[str, Floats]
    holds: np.ndarray[tuple[int], np.dtype[np.int64]]  # bars without a signal


def chosen(
    population: Population, rule: SignalRule, frame: Frame, periods: Periods = DEFAULT_PERIODS
) -> Chosen:
    """The signals of a population over the candles of one symbol."""
    strategy = signals_of(rule, frame, periods)
    labelled = strategy
    if population.looser is not None:
        rule = population.looser
        labelled = signals_of(rule, frame, periods)
    answers = evaluate(rule, frame, Indicators(frame, periods))
    rows = labelled.rows
    place = np.minimum(np.searchsorted(strategy.rows, rows), max(len(strategy) - 1, 0))
    is_own = np.zeros(len(rows), np.bool_)
    if len(strategy):
        is_own = (strategy.rows[place] == rows) & (strategy.side[place] == labelled.side)
    silent = np.setdiff1d(np.arange(WARM_UP_BARS, max(len(frame) - 1, WARM_UP_BARS)), rows)
    count = min(round(population.holds * len(rows)), len(silent))
    rng = np.random.default_rng(population.seed)
    return Chosen(
        labelled,
        strategy,
        np.asarray(answers.strength, np.float64)[rows],
        is_own,
        {name: np.asarray(column, np.float64)[rows] for name, column in answers.extra.items()},
        np.sort(rng.choice(silent, count, replace=False)) if count else np.empty(0, np.int64),
    )


def require_enough(
    label: np.ndarray[tuple[int], np.dtype[np.int8]],
    where: str,
    *,
    least_rows: int = LEAST_ROWS,
    least_of_a_class: int = LEAST_OF_A_CLASS,
) -> None:
    """Raise `TooFewRows` where a model could only learn chance."""
    won, count = int((label == 1).sum()), len(label)
    if count < least_rows or min(won, count - won) < least_of_a_class:
        raise TooFewRows(
            "too few signals to learn from",
            where=where,
            found=f"{count} signals with a known outcome: {won} won, {count - won} lost",
            allowed=f"at least {least_rows}, and {least_of_a_class} of either outcome",
            todo="use a longer history: cointrader fetch --days N",
        )
