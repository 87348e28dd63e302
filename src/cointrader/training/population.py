"""Which bars a model learns from, and whether they are enough.

The decision population: the signals the configured strategy would act on. A model that learned
from others answers another question: looser signals shift what it sees, and bars without a signal
are told apart by their strength alone, which makes a fine AUC and worse trades. Both are options,
and whatever was chosen is told with the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

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
    looser : a rule whose signals are learned from beside the configured one's; None: those alone
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
    of `is_own` are signals of the configured rule, and all of those are among them; `extra` are
    the rule's own features of each.
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
    """The signals of a population over the candles of one symbol.

    A looser rule adds signals where the configured one has none. Where both speak, the configured
    one is heard: what it would act on is the same in every population.
    """
    own = _asked(rule, frame, periods)
    found = own
    if population.looser is not None:
        looser = _asked(population.looser, frame, periods)
        found = _joined(own, looser.take(~np.isin(looser.signals.rows, own.signals.rows)), frame)
    rows = found.signals.rows
    silent = np.setdiff1d(np.arange(WARM_UP_BARS, max(len(frame) - 1, WARM_UP_BARS)), rows)
    count = min(round(population.holds * len(rows)), len(silent))
    rng = np.random.default_rng(population.seed)
    return Chosen(
        found.signals,
        own.signals,
        found.strength,
        np.isin(rows, own.signals.rows),
        found.extra,
        np.sort(rng.choice(silent, count, replace=False)) if count else np.empty(0, np.int64),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """Signals of one rule, with the strength and the features of its own that each has."""

    signals: SymbolSignals
    strength: Floats
    extra: dict[str, Floats]

    def take(self, wanted: np.ndarray[tuple[int], np.dtype[np.bool_ | np.int64]]) -> _Asked:
        return _Asked(
            replace(self.signals, **{n: c[wanted] for n, c in _columns(self.signals).items()}),
            self.strength[wanted],
            {name: column[wanted] for name, column in self.extra.items()},
        )


def _asked(rule: SignalRule, frame: Frame, periods: Periods) -> _Asked:
    signals = signals_of(rule, frame, periods)
    answers = evaluate(rule, frame, Indicators(frame, periods))
    return _Asked(
        signals,
        np.asarray(answers.strength, np.float64)[signals.rows],
        {name: np.asarray(each, np.float64)[signals.rows] for name, each in answers.extra.items()},
    )


def _joined(own: _Asked, more: _Asked, frame: Frame) -> _Asked:
    """The signals of two rules, none of them of one bar."""
    one, other = _columns(own.signals), _columns(more.signals)
    if one.keys() != other.keys() or own.extra.keys() != more.extra.keys():
        raise ConfigError(
            "the looser rule sets other exits, or has other features, than the configured one",
            where=frame.symbol,
            found=", ".join(sorted((one.keys() ^ other.keys()) | (own.extra.keys() ^ more.extra))),
            todo="learn from a rule of the same kind",
        )
    both = _Asked(
        replace(own.signals, **{n: np.concatenate((c, other[n])) for n, c in one.items()}),
        np.concatenate((own.strength, more.strength)),
        {name: np.concatenate((each, more.extra[name])) for name, each in own.extra.items()},
    )
    return both.take(np.argsort(both.signals.rows))


def _columns(signals: SymbolSignals) -> dict[str, np.ndarray[Any, Any]]:
    told = {each.name: getattr(signals, each.name) for each in fields(signals)}
    return {name: column for name, column in told.items() if column is not None}


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
