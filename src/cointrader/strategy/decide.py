"""The one decision: a closed candle in, what to do out.

Live trading, paper trading and backtests call `decide` and nothing else. Same inputs, same answer:
it reads no clock, no account and no file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cointrader.domain.order import Side
from cointrader.signals.rules import WARM_UP_BARS, Signal
from cointrader.strategy.plan import Exits, ExitSettings


class MarketView(NamedTuple):
    """What is known at `closed_at_ms`, the close of the bar that opened at `open_time_ms`.

    A named tuple because every bot makes one at every close, and is waited for.
    """

    symbol: str
    open_time_ms: int
    closed_at_ms: int
    bars_before: int
    signal: Signal
    atr: float  # quote currency; NaN on a bar without a signal
    features: Callable[[], NDArray[np.float64]]  # one row, made only when a filter asks


@dataclass(frozen=True, slots=True)
class FilterAnswer:
    """What the entry filter says of one signal."""

    passed: bool
    probability: float | None = None
    refusal: str = ""  # "filter", "no-model" or "no-verdict"
    detail: str = ""


class EntryFilter(Protocol):
    """The meta-model as a strategy sees it.

    One that never asks for `MarketView.features` says so by a property `reads_features` that is
    False; see the function of that name.
    """

    def judge(self, view: MarketView) -> FilterAnswer: ...


def reads_features(entry_filter: EntryFilter) -> bool:
    """Whether it may look at the features of a signal; one that says nothing of it may."""
    return bool(getattr(entry_filter, "reads_features", True))


class Unfiltered:
    """Lets every signal pass: no model is asked."""

    reads_features = False

    def judge(self, view: MarketView) -> FilterAnswer:
        return FilterAnswer(passed=True)


class NoEntries:
    """Lets no signal pass: a model is required and there is none that may be trusted."""

    reads_features = False

    def __init__(self, detail: str) -> None:
        self._detail = detail

    def judge(self, view: MarketView) -> FilterAnswer:
        return FilterAnswer(passed=False, refusal="no-model", detail=self._detail)


@dataclass(frozen=True, slots=True)
class Hold:
    """Do nothing; keep what is held."""

    why: str  # warm-up, no-signal, same-side, filter, no-model
    detail: str = ""
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Enter:
    side: Side
    exits: Exits
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """Close what is held; the opposite entry was refused by the filter."""

    why: str
    detail: str = ""
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Reverse:
    """Close what is held and, if the risk manager agrees, open the other side at the same open."""

    entry: Enter


Decision = Hold | Enter | Exit | Reverse

_NO_SIGNAL = Hold("no-signal")
_SAME_SIDE = Hold("same-side")


def decide(
    view: MarketView, held: Side | None, entry_filter: EntryFilter, exits: ExitSettings
) -> Decision:
    """Answer one closed candle.

    An opposite signal always closes, whatever the filter or the limits say of the new entry. A
    signal of the side already held changes nothing.
    """
    side = view.signal.side
    if view.bars_before < WARM_UP_BARS:
        return Hold("warm-up", f"{view.bars_before} of {WARM_UP_BARS} bars")
    if side is None:
        return _NO_SIGNAL
    if side is held:
        return _SAME_SIDE
    answer = entry_filter.judge(view)
    if not answer.passed:
        refused = Hold if held is None else Exit
        return refused(answer.refusal, answer.detail, answer.probability)
    entry = Enter(
        side,
        exits.exits(
            view.atr,
            stop_distance=view.signal.stop_distance,
            target_distance=view.signal.target_distance,
        ),
        answer.probability,
    )
    return entry if held is None else Reverse(entry)
