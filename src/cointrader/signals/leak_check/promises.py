"""What a rule promises beside not knowing the future: to be pure, to leave its input alone, to
read no more bars than it declares."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cointrader.domain.errors import DataError
from cointrader.market.frame import Frame
from cointrader.signals.checked import RuleFailed
from cointrader.signals.indicators import Indicators, Periods
from cointrader.signals.leak_check.answers import Column, Comparison, RuleAnswers, shown
from cointrader.signals.leak_check.findings import Finding, Kind
from cointrader.signals.leak_check.inputs import arrays_of, copied
from cointrader.signals.rules import Signal, SignalRule, Signals, evaluate, is_quick, latest


def written(rule: SignalRule, frame: Frame, periods: Periods) -> Finding | None:
    """Whether asking `rule` changes the frame, or the indicators, that it is shown."""
    mine = copied(frame)
    indicators = Indicators(mine, periods)
    try:
        evaluate(rule, mine, indicators)
    except RuleFailed as failed:
        if not failed.writes_input:
            raise
        return _wrote("candles", mine, 0, f"{failed.where}: {failed.found}")
    for each, array in arrays_of(frame).items():
        rows = _unequal(array, arrays_of(mine)[each])
        if len(rows):
            return _wrote(each.name, frame, int(rows[0]), "work on a copy of it")
    untouched = Indicators(frame, periods)
    for name in (name for name in vars(indicators) if not name.startswith("_")):
        value = getattr(indicators, name)
        if isinstance(value, np.ndarray):
            rows = _unequal(getattr(untouched, name), value)
            if len(rows):
                return _wrote(f"indicators.{name}", frame, int(rows[0]), "work on a copy of it")
    return None


def _wrote(what: str, frame: Frame, row: int, detail: str) -> Finding:
    at_ms = int(frame.open_time_ms[row])
    return Finding(Kind.WRITES_INPUT, what, at_ms, detail=f"the rule writes into it: {detail}")


def _unequal(one: Column, other: Column) -> NDArray[np.intp]:
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    return np.flatnonzero(~same)


def impure(ask: RuleAnswers, fresh: RuleAnswers, frames: Sequence[Frame]) -> Finding | None:
    """Whether the same frame is answered differently: again, after others, by a new object.

    Frames of one length tell a rule that remembers answers by it.
    """
    first = [ask(frame) for frame in frames]
    for asked, how in (
        (ask, "asked again, after other candles, it answers differently"),
        (fresh, "a new object of it answers differently from one that has been asked before"),
    ):
        for frame, table in reversed(list(zip(frames, first, strict=True))):
            again = asked(frame)
            for name, rows in Comparison(table).differing(again, slice(0, len(frame))):
                row = int(rows[0])
                return Finding(
                    Kind.IMPURE,
                    name,
                    int(frame.open_time_ms[row]),
                    was=shown(table, name, row),
                    became=shown(again, name, row),
                    detail=how + ": no random numbers, no clock, nothing kept from call to call",
                )
    return None


def looks_further_back(
    rule: SignalRule, frame: Frame, periods: Periods, rows: Sequence[int], window_bars: int
) -> Iterator[Finding]:
    """Bars that a running bot, asking in the quick way, would have answered otherwise."""
    if getattr(rule, "look_back", None) is None and not is_quick(rule):
        return
    for row in rows:
        window = frame.rows(max(0, row + 1 - window_bars), row + 1)
        expected = evaluate(rule, window, Indicators(window, periods))
        try:
            quick, _ = latest(rule, window, periods)
        except DataError as error:
            told = f"shown only `look_back + 1` bars it fails: {error.what}"
            yield Finding(Kind.LOOK_BACK, "answer", int(frame.open_time_ms[row]), detail=told)
            return
        difference = _difference(expected, quick)
        if difference is not None:
            name, was, became = difference
            yield Finding(
                Kind.LOOK_BACK,
                name,
                int(frame.open_time_ms[row]),
                was=was,
                became=became,
                detail="it reads more bars than its `look_back` says: raise it, or leave it out",
            )
            return


def _difference(signals: Signals, quick: Signal) -> tuple[str, str, str] | None:
    expected = signals.at(-1)
    pairs: list[tuple[str, object, object]] = [
        ("side", expected.side, quick.side),
        ("strength", expected.strength, quick.strength),
        ("stop_distance", expected.stop_distance, quick.stop_distance),
        ("target_distance", expected.target_distance, quick.target_distance),
        ("reasons", ", ".join(expected.reasons), ", ".join(quick.reasons)),
    ]
    names = (*expected.extra, *(name for name in quick.extra if name not in expected.extra))
    pairs += [(f"extra {n!r}", expected.extra.get(n), quick.extra.get(n)) for n in names]
    for name, one, other in pairs:
        if not _alike(one, other):
            return name, str(one), str(other)
    return None


def _alike(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-7) or (math.isnan(one) and math.isnan(other))
    return one == other
