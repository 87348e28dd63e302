"""Cuts the future off, and changes it, at many bars; whatever answer notices has looked ahead.

Two kinds of comparison, kept apart because they mean different things. The same first bar and
another *end* (cut off, or other values): a difference is a look-ahead. The same end and another
*first* bar (all of history, or a running bot's window): a difference is a memory longer than the
window, which makes live answers differ from a backtest's but knows no future.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from cointrader.domain.clock import DAY_MS
from cointrader.domain.errors import MissingCandles
from cointrader.market.frame import Frame
from cointrader.signals.indicators import DEFAULT_PERIODS, Periods
from cointrader.signals.leak_check.answers import (
    SIDE,
    Asked,
    Comparison,
    FeatureAnswers,
    RuleAnswers,
    Table,
    shown,
)
from cointrader.signals.leak_check.blame import asked_anyway, blamed
from cointrader.signals.leak_check.findings import Finding, Kind, Report
from cointrader.signals.leak_check.inputs import Future, Input, with_future, with_holes
from cointrader.signals.leak_check.moments import moments
from cointrader.signals.leak_check.promises import impure, looks_further_back, written
from cointrader.signals.leak_check.trial_market import filled
from cointrader.signals.rules import WARM_UP_BARS, SignalRule

WINDOW_BARS = 1_000  # of a running bot
FEWEST_MOMENTS = 100
_TOGETHER_BARS = 64  # moments that near each other are asked for in one window
_SEED = 20_261_121
_MOST_BLAMED = 4  # differences that are looked into before it is enough
_LARGE = (Future.PARTED, Future.OPPOSED)
_SMALL = (Future.NOISE, Future.TURNED, Future.SHIFTED, Future.NOISE, Future.ABSENT)


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is tried. `most_findings`: of look-aheads, before it is enough."""

    moments: int = 1_000
    moments_of_all_history: int = 6
    moments_of_features: int = 40
    moments_of_look_back: int = 80
    most_findings: int = 3


def prove(
    rule: SignalRule,
    frame: Frame,
    *,
    periods: Periods = DEFAULT_PERIODS,
    fresh: Callable[[], SignalRule] | None = None,
    effort: Effort = Effort(),
    enough: Callable[[], bool] = lambda: False,
) -> Report:
    """Try to catch `rule`, or the features of its signals, knowing the future.

    Parameters
    ----------
    frame : candles and context to ask it on; inputs that are missing altogether are made up
    fresh : makes the rule anew; a deep copy of it when left out
    enough : asked between windows; True ends the search for look-aheads early

    Raises
    ------
    MissingCandles : too few bars
    DataError : the rule fails (`RuleFailed`), or the candles do
    """
    first = max(rule.warm_up, WARM_UP_BARS)
    if len(frame) < first + FEWEST_MOMENTS:
        raise MissingCandles(
            "too few candles to prove anything",
            where=frame.symbol,
            found=f"{len(frame):,} bars",
            allowed=f"{first + FEWEST_MOMENTS:,} or more: {first} of warm-up come first",
            todo="give it more candles; without --data it takes made-up ones",
        )
    whole, made_up = filled(frame)
    notes = [f"made up here, because missing: {', '.join(made_up)}"] if made_up else []
    other = copy.deepcopy(rule) if fresh is None else fresh()
    trial = _Trial(RuleAnswers(rule, periods), whole, first, effort, enough)
    found = _broken_promises(trial, RuleAnswers(other, periods))
    n_signals = 0
    if not found:
        table = trial.ask(whole)
        n_signals = int(np.count_nonzero(table[SIDE][first:]))
        found = [*trial.look_aheads(table), *trial.further_back(table)]
        if not any(finding.fails for finding in found):
            found += trial.of_features(table)
        if not any(finding.kind is Kind.LOOK_AHEAD for finding in found):
            found += trial.memories  # else they may be its doing
        if trial.ended_early:
            notes.append("the time given ended the search early; with more it looks further")
        if trial.unbearable:
            notes.append(
                f"it could not answer {trial.unbearable} of the changed futures, or candles with "
                "a gap in their context: those prove nothing"
            )
    return Report(
        symbol=frame.symbol,
        rule=rule.name,
        interval_ms=frame.interval_ms,
        bars=len(frame),
        first_ms=int(frame.open_time_ms[0]),
        last_ms=int(frame.open_time_ms[-1]),
        signals=n_signals,
        moments=trial.moments,
        answers=trial.answers,
        findings=tuple(found),
        notes=tuple(notes),
    )


def _broken_promises(trial: _Trial, fresh: RuleAnswers) -> list[Finding]:
    """Without these no comparison means anything, so nothing else is tried."""
    frame, length = trial.frame, min(len(trial.frame), WINDOW_BARS + trial.ahead)
    wrote = written(trial.ask.rule, frame, trial.ask.periods)
    if wrote is not None:
        return [wrote]
    starts = dict.fromkeys((0, (len(frame) - length) // 2, len(frame) - length))
    frames = [frame, *(frame.rows(start, start + length) for start in starts)]
    unlike = impure(trial.ask, fresh, frames)
    return [] if unlike is None else [unlike]


@dataclass(slots=True)
class _Trial:
    """One rule on one frame."""

    ask: RuleAnswers
    frame: Frame
    first: int  # row of the first decision
    effort: Effort
    enough: Callable[[], bool]
    moments: int = 0
    unbearable: int = 0
    ended_early: bool = False
    memories: list[Finding] = field(default_factory=list)
    _asked_otherwise: int = 0

    @property
    def ahead(self) -> int:
        """Bars shown after the last moment of a window: a day and a half."""
        return max(48, 3 * DAY_MS // 2 // self.frame.interval_ms)

    @property
    def answers(self) -> int:
        return self.ask.asked + self._asked_otherwise

    def look_aheads(self, table: Table) -> list[Finding]:
        """Differences between frames that end differently."""
        found: dict[tuple[str, str], Finding] = {}
        for finding in islice(self._searched(table), _MOST_BLAMED):
            found.setdefault((finding.column, finding.source), finding)
            if len(found) >= self.effort.most_findings:
                break
        return list(found.values())

    def _searched(self, table: Table) -> Iterator[Finding]:
        rng = np.random.default_rng(_SEED)
        rows = moments(self.frame, table, self.first, rng)
        for number, chunk in enumerate(_chunks(rows[: self.effort.moments])):
            if self._is_over():
                return
            start, stop = max(0, chunk[0] + 1 - WINDOW_BARS), chunk[-1] + 1 + self.ahead
            window = self.frame.rows(start, min(stop, len(self.frame)))
            holed = number % 4 == 3
            if holed:
                window = with_holes(window, rng)
            yield from self._of_window(window, [row - start for row in chunk], may_fail=holed)
            if not holed and start > 0:
                self._remember(table, chunk[0], start)
        for row in rows[: self.effort.moments_of_all_history].tolist():
            if self._is_over():
                return
            yield from self._of_window(self.frame, [row], may_fail=False)

    def _is_over(self) -> bool:
        self.ended_early = self.enough()
        return self.ended_early

    def _of_window(
        self, window: Frame, rows: Sequence[int], *, may_fail: bool
    ) -> Iterator[Finding]:
        """Look-aheads at `rows` of `window`."""
        table = asked_anyway(self.ask, window) if may_fail else self.ask(window)
        if table is None:
            self.unbearable += 1
            return
        compare = Comparison(table)
        for row in rows:
            self.moments += 1
            for other in self._other_ends(window, row):
                for name, places in compare.differing(other, slice(self.first, row + 1)):
                    yield self._blame(self.ask, window, table, other, name, int(places[-1]))
                    break
                else:
                    continue
                break  # one difference for a moment is enough

    def _other_ends(self, window: Frame, row: int) -> Iterator[Table]:
        """The answers with the future after `row` cut off, and changed in two ways."""
        yield self.ask(window.rows(0, row + 1))
        turn = self.moments
        for kind in (_LARGE[turn % len(_LARGE)], _SMALL[turn % len(_SMALL)]):
            rng = np.random.default_rng((_SEED, turn))
            table = asked_anyway(self.ask, with_future(window, row, kind, rng))
            if table is None:
                self.unbearable += 1
            else:
                yield table

    def _blame(
        self, ask: Asked, window: Frame, table: Table, other: Table, name: str, row: int
    ) -> Finding:
        culprits = blamed(ask, window, row)
        near = min((place for _, place in culprits), default=None)
        names = [c.name if isinstance(c, Input) else c for c, place in culprits if place == near]
        return Finding(
            Kind.LOOK_AHEAD,
            name,
            int(window.open_time_ms[row]),
            source=", ".join(names) or "how many bars follow it, or several inputs together",
            source_bar_ms=None if near is None else int(window.open_time_ms[near]),
            was=shown(table, name, row),
            became=shown(other, name, row),
        )

    def _remember(self, table: Table, row: int, start: int) -> None:
        """Compare the answer from all of history with that from a running bot's window."""
        if self.memories:
            return
        seen = self.ask(self.frame.rows(start, row + 1))
        mine = {name: column[start : row + 1] for name, column in table.items()}
        for name, _ in Comparison(mine).differing(seen, slice(row - start, row - start + 1)):
            self.memories.append(self._memory(name, mine, seen, row - start, row))
            return

    def _memory(self, name: str, mine: Table, seen: Table, place: int, row: int) -> Finding:
        return Finding(
            Kind.MEMORY,
            name,
            int(self.frame.open_time_ms[row]),
            was=shown(mine, name, place),
            became=shown(seen, name, place),
            detail=f"with all of history and with a running bot's {WINDOW_BARS:,} bars the answers "
            "differ: no look-ahead, but live it will not do what a backtest did",
        )

    def further_back(self, table: Table) -> list[Finding]:
        rng = np.random.default_rng(_SEED)
        rows = moments(self.frame, table, self.first, rng)[: self.effort.moments_of_look_back]
        rule, periods = self.ask.rule, self.ask.periods
        return list(looks_further_back(rule, self.frame, periods, rows.tolist(), WINDOW_BARS))

    def of_features(self, table: Table) -> list[Finding]:
        """Look-aheads of the entry filter's features, at some signals."""
        rng = np.random.default_rng(_SEED)
        signals = np.flatnonzero(table[SIDE])
        signals = signals[(signals >= self.first) & (signals < len(self.frame) - 1)]
        rows = np.sort(rng.permutation(signals)[: self.effort.moments_of_features]).tolist()
        for row in rows:
            start = max(0, row + 1 - WINDOW_BARS)
            window = self.frame.rows(start, min(row + 1 + self.ahead, len(self.frame)))
            times = [int(self.frame.open_time_ms[row])]
            ask = FeatureAnswers(self.ask.rule, self.ask.periods, times)
            finding = self._of_feature_row(ask, window, row - start)
            self._asked_otherwise += ask.asked
            if finding is not None:
                return [finding]
        return []

    def _of_feature_row(self, ask: FeatureAnswers, window: Frame, row: int) -> Finding | None:
        table = asked_anyway(ask, window)
        if table is None:
            self.unbearable += 1
            return None
        compare = Comparison(table)
        for other in (
            asked_anyway(ask, window.rows(0, row + 1)),
            *(
                asked_anyway(ask, with_future(window, row, kind, np.random.default_rng(row)))
                for kind in (Future.PARTED, Future.OPPOSED)
            ),
        ):
            if other is None:
                self.unbearable += 1
                continue
            for name, _ in compare.differing(other, slice(row, row + 1)):
                return self._blame(ask, window, table, other, name, row)
        return None


def _chunks(rows: NDArray[np.intp]) -> Iterator[list[int]]:
    """The rows in batches, the first ones first; in each batch those near each other together."""
    for begin in range(0, len(rows), FEWEST_MOMENTS):
        chunk: list[int] = []
        for row in np.sort(rows[begin : begin + FEWEST_MOMENTS]).tolist():
            if chunk and row - chunk[0] >= _TOGETHER_BARS:
                yield chunk
                chunk = []
            chunk.append(row)
        if chunk:
            yield chunk
