"""A signal rule that nobody has reviewed, held to what it promises.

It sees its input through read-only views, and whatever it does wrong ends as one `RuleFailed` that
says where. A running bot makes no entry of it, a backtest stops at it.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cointrader.domain.errors import ConfigError, DataError
from cointrader.market.frame import Columns, Frame
from cointrader.signals.answer_checks import judged
from cointrader.signals.indicators import Indicators
from cointrader.signals.rules import WARM_UP_BARS, SignalRule, Signals

LONGEST_WARM_UP = 999  # a running bot's window holds 1,000 bars, the one to be answered included
Kind = TypeVar("Kind", np.float64, np.int64)
RULE_FAILED = "rule-failed"  # the reason of a bar that a running bot's rule could not answer
_READ_ONLY = "read-only"  # how numpy names the refusal to write


class RuleFailed(DataError):
    """A signal rule raised an error, or answered what no rule may.

    `writes_input`: it tried to change the candles it was shown.
    """

    writes_input = False


class CheckedRule:
    """`rule` as a `SignalRule` that can be trusted in form, if not in sense.

    Parameters
    ----------
    rule : an object with `warm_up`, `evaluate` and, if it likes, `name` and `look_back`
    place : what to call it in messages, e.g. ``"mine.py:Breakout"``
    path : the file it stands in; a failure is told with its line there
    sha256 : of that file, see `signals.user_rules`; empty for a rule without a file

    Raises
    ------
    ConfigError : it does not declare what a rule must
    """

    def __init__(
        self, rule: Any, *, place: str, path: Path | None = None, sha256: str = ""
    ) -> None:
        _require_shape(rule, place)
        self.rule: SignalRule = rule
        self.place = place
        self.path = path
        self.sha256 = sha256
        self.name: str = getattr(rule, "name", None) or place.rpartition(":")[2]
        self.warm_up: int = int(rule.warm_up)
        look_back = getattr(rule, "look_back", None)
        self.look_back: int | None = None if look_back is None else int(look_back)

    def __repr__(self) -> str:
        return f"CheckedRule({self.place})"

    def evaluate(self, frame: Frame, indicators: Indicators) -> Signals:
        """The rule's answers, judged; `RuleFailed` when they cannot be used."""
        shown = read_only(frame)
        own = Indicators(shown, indicators.periods, last=len(indicators))
        try:
            # Divisions by nothing are everyday in a warm-up; what comes of them is judged below.
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                answer = self.rule.evaluate(shown, own)
        except Exception as error:
            raise self._failed(error, frame.symbol) from error
        try:
            return judged(answer, own, held=max(self.warm_up, WARM_UP_BARS))
        except DataError as error:
            raise RuleFailed(
                f"the signal rule {self.name!r} answered what cannot be used: {error.what}",
                where=f"{self.place}, asked for {frame.symbol}",
                found=error.found,
                allowed=error.allowed,
                todo=error.todo,
            ) from error

    def _failed(self, error: Exception, symbol: str) -> RuleFailed:
        writes = isinstance(error, ValueError) and _READ_ONLY in str(error)
        told = error.what if isinstance(error, DataError) else f"{type(error).__name__}: {error}"
        failed = RuleFailed(
            f"the signal rule {self.name!r} "
            + ("writes into the candles it is shown" if writes else "failed"),
            where=f"{self.place}{self._line_of(error)}, asked for {symbol}",
            found=told,
            todo="work on copies: close = indicators.close.copy()"
            if writes
            else "mend the rule; `cointrader data leak-check --signal FILE:Name` tries it out",
        )
        failed.writes_input = writes
        return failed

    def _line_of(self, error: Exception) -> str:
        if self.path is None:
            return ""
        own = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(self.path)]
        return f", line {own[-1].lineno}" if own else ""


def read_only(frame: Frame) -> Frame:
    """`frame` as views that cannot be written to."""
    return Frame(
        frame.symbol,
        frame.interval_ms,
        _locked(frame.open_time_ms),
        _locked_columns(frame.candles),
        {name: _locked_columns(columns) for name, columns in frame.correlated.items()},
        _locked(frame.funding_rate),
        _locked(frame.oi_change),
    )


def _locked_columns(columns: Columns) -> Columns:
    if not columns.close.flags.writeable:  # a running bot's: they are locked together
        return columns
    return Columns(*(_locked(column) for column in columns.arrays()))


def _locked(values: NDArray[Kind]) -> NDArray[Kind]:
    if not values.flags.writeable:
        return values
    view = values.view()
    view.flags.writeable = False
    return view


def _require_shape(rule: Any, place: str) -> None:
    """`ConfigError` unless `rule` declares what a rule must."""
    if not callable(getattr(rule, "evaluate", None)):
        raise ConfigError(
            "a signal rule has no method `evaluate`",
            where=place,
            found=f"a {type(rule).__name__} without it",
            allowed="def evaluate(self, frame, indicators) -> Signals",
            todo="see docs/signals.md, or begin with: cointrader new-signal NAME",
        )
    for name, is_required, most, meaning in (
        ("warm_up", True, LONGEST_WARM_UP, "bars needed before the first answer"),
        ("look_back", False, LONGEST_WARM_UP, "earlier bars that one answer reads"),
    ):
        value: Any = getattr(rule, name, None)
        if value is None and not is_required:
            continue
        is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not is_whole or not 0 <= int(value) <= most:
            raise ConfigError(
                f"a signal rule declares no usable `{name}`",
                where=place,
                found="none" if value is None else value,
                allowed=f"a whole number from 0 to {most}: {meaning}",
                todo=f"write `{name} = 300` in the class"
                if is_required
                else "leave it out, and every bar is shown",
            )
    told: object = getattr(rule, "name", None)
    if told is not None and not (isinstance(told, str) and told.strip()):
        raise ConfigError(
            "a signal rule's `name` is no text", where=place, found=told, allowed="a short text"
        )
