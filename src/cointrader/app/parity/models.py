"""What judged the signals of a journal, asked again: the same model, shown what the bot had.

A journal tells which model each of its runs began with, and when another came. Where exactly that
model is still in its folder its probabilities are made again; where it is not, they are taken as
the journal tells them, and the report says so.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cointrader.app.model_words import BROKEN, FOLDER, NONE, OFF, SERVED, THRESHOLDS, pairs
from cointrader.backtest import codes
from cointrader.backtest.filtered import as_a_bot_has_it, filtered
from cointrader.backtest.parity.answers import WINDOW_BARS
from cointrader.backtest.parity.facts import Facts
from cointrader.backtest.signals import SymbolSignals
from cointrader.domain.errors import ModelError
from cointrader.domain.records import RunStarted
from cointrader.market.frame import Floats, Frame
from cointrader.model.artifact import Model, Wanted, folder_of, read_active, read_files
from cointrader.model.manifest import BACKENDS
from cointrader.model.session import is_probability
from cointrader.signals.features import feature_row
from cointrader.signals.indicators import Indicators, Periods
from cointrader.signals.rules import SignalRule
from cointrader.strategy.decide import FilterAnswer, MarketView
from cointrader.strategy.entry_filter import BROKEN_MODEL, FILTER, NEW_MODEL, NO_MODEL

_PAPER = "paper"
_UNKNOWN = "unknown"  # another model, and it cannot be found


@dataclass(frozen=True, slots=True)
class _Stretch:
    """What judged from a moment on, and the threshold that was set (None: the model's own)."""

    from_ms: int
    identity: str
    threshold: float | None


@dataclass(frozen=True, slots=True, eq=False)
class JudgedAgain:
    """An entry filter that answers as that of one symbol's bot did.

    Parameters
    ----------
    stretches : ascending in time, the first from the journal's beginning on
    models : those that can still be found, by identity
    frame : the whole history of the symbol
    """

    symbol: str
    stretches: Sequence[_Stretch]
    models: Mapping[str, Model]
    facts: Facts
    frame: Frame
    periods: Periods

    @property
    def passes_everything(self) -> bool:
        """Whether no signal was judged at all."""
        return all(each.identity == OFF for each in self.stretches)

    @property
    def passes_nothing(self) -> bool:
        """Whether there was no model from the first bar to the last, where one was asked for."""
        return all(each.identity in (NONE, BROKEN) for each in self.stretches)

    @property
    def note(self) -> str:
        """What of it cannot be asked again; "" where all can."""
        lost = [e for e in self.stretches if e.identity not in (*self.models, OFF, NONE, BROKEN)]
        if not lost:
            return ""
        return f"a model of {self.symbol} cannot be found any more: taken as the journal tells it"

    def judge(self, view: MarketView) -> FilterAnswer:
        """Asked of a signal that the bot's filter was asked of."""
        now = self._at(view.closed_at_ms)
        if now.identity == OFF:
            return FilterAnswer(passed=True)
        if now.identity in (NONE, BROKEN):
            return FilterAnswer(passed=False, refusal=NO_MODEL)
        model = self.models.get(now.identity)
        if model is None:
            return self._as_told(view.open_time_ms)
        try:
            probability = model.score(self._row(view))
        except Exception:  # as the bot's filter takes it
            return FilterAnswer(passed=False, refusal=NO_MODEL)
        if not is_probability(probability):
            return FilterAnswer(passed=False, refusal=NO_MODEL)
        if probability >= _passes(model, now.threshold):
            return FilterAnswer(passed=True, probability=probability)
        return FilterAnswer(passed=False, probability=probability, refusal=FILTER)

    def over(self, signals: SymbolSignals, rule: SignalRule) -> SymbolSignals | None:
        """All signals of the history as a backtest judges them; None where that cannot be done."""
        if self.passes_everything:
            return signals
        if self.passes_nothing:
            return replace(signals, refused=np.full(len(signals), codes.NO_MODEL, np.int8))
        kinds = {(each.identity, each.threshold) for each in self.stretches}
        identity, threshold = kinds.pop()
        model = self.models.get(identity)
        if kinds or model is None:
            return None
        passes = _passes(model, threshold)
        return filtered(signals, rule, self.frame, model, passes, self.periods)

    def _at(self, closed_ms: int) -> _Stretch:
        place = bisect_right([each.from_ms for each in self.stretches], closed_ms) - 1
        return self.stretches[max(place, 0)]

    def _row(self, view: MarketView) -> Floats:
        """The features of a bar from a bot's window, which ends with it."""
        end = int(self.frame.open_time_ms.searchsorted(view.open_time_ms)) + 1
        window = as_a_bot_has_it(self.frame.rows(max(0, end - WINDOW_BARS), end))
        return feature_row(window, Indicators(window, self.periods), view.signal)

    def _as_told(self, bar_open_ms: int) -> FilterAnswer:
        told = self.facts.decisions.get(self.symbol, {}).get(bar_open_ms)
        if told is None:
            return FilterAnswer(passed=True)
        is_refused = told.refusal in (FILTER, NO_MODEL)
        return FilterAnswer(not is_refused, told.probability, told.refusal if is_refused else "")


def judged_again(
    symbol: str, facts: Facts, frame: Frame, periods: Periods, *, is_off: bool
) -> JudgedAgain:
    """The filter of a journal's bot. `is_off`: the configuration asks for none."""
    folders = dict.fromkeys(Path(r.source[FOLDER]) for r in facts.runs if FOLDER in r.source)
    models = {m.manifest.identity: m for folder in folders for m in _found(folder, symbol)}
    stretches = list(_stretches(symbol, facts, models, is_off=is_off))
    return JudgedAgain(symbol, stretches, models, facts, frame, periods)


def _stretches(
    symbol: str, facts: Facts, models: Mapping[str, Model], *, is_off: bool
) -> Iterator[_Stretch]:
    changes: list[tuple[int, RunStarted | str]] = [(run.at_ms, run) for run in facts.runs]
    changes += [
        (alert.at_ms, alert.text)
        for alert in facts.alerts
        if alert.symbol == symbol and alert.text.startswith((NEW_MODEL, BROKEN_MODEL))
    ]
    threshold = None
    for at_ms, change in sorted(changes, key=lambda each: each[0]):
        if isinstance(change, RunStarted):
            identity = _began_with(change, symbol, is_off=is_off)
            set_one = pairs(change.source.get(THRESHOLDS, "")).get(symbol)
            threshold = None if set_one is None else float(set_one)
        elif change.startswith(BROKEN_MODEL):
            identity = BROKEN
        else:
            identity = next((each for each in models if each in change), _UNKNOWN)
        # A bar is answered a moment after its close, and what is told then counts for it.
        yield _Stretch(at_ms // facts.bar_ms * facts.bar_ms, identity, threshold)


def _began_with(run: RunStarted, symbol: str, *, is_off: bool) -> str:
    is_paper = run.mode == _PAPER
    usual = OFF if is_off or (is_paper and SERVED not in run.source) else NONE
    identity = pairs(run.source.get(SERVED, "")).get(symbol, usual)
    return OFF if identity == NONE and is_paper else identity


def _found(folder: Path, symbol: str) -> Iterator[Model]:
    """Every model of `symbol` that is there, the active one first."""
    place, wanted = folder_of(folder, symbol), Wanted(symbol)
    with suppress(ModelError, OSError):
        yield read_active(place, wanted)
    for backend in BACKENDS:
        with suppress(ModelError, OSError):
            yield read_files(place, backend, wanted)


def _passes(model: Model, threshold: float | None) -> float:
    return model.manifest.threshold if threshold is None else threshold
