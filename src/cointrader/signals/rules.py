"""The primary signal: what a rule is, what it answers, and the one way to ask it.

A rule of your own is a class with three things (`SignalRule`), for example::

    class Breakout:
        name = "breakout"
        warm_up = 300  # bars before the first one it may answer for
        look_back = 0  # optional, see below

        def evaluate(self, frame: Frame, indicators: Indicators) -> Signals:
            up = indicators.close > indicators.band_upper
            down = indicators.close < indicators.band_lower
            side = signed(up, down)  # +1 long, -1 short, 0 hold
            return Signals(side=side, strength=np.abs(side), parts={"breakout": side})

Rules from files come through `signals.user_rules`, and `signals.checked` holds them to this.

`evaluate` answers for every bar that `indicators` shows, and for bar i from bars up to i alone.
It must be a pure function: the same frame gives the same answer, in a backtest and live.

A rule with a `look_back` is asked quickly by a running bot: it is shown only the last
`look_back + 1` bars, through `indicators`, and only its last answer is used. So declare how many
earlier rows of `indicators` an answer reads (0: this bar's alone), and take columns from
`indicators` (`indicators.close`, not `frame.candles.close`, which is longer). Without `look_back`
the rule is always shown the whole frame.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple, Protocol, SupportsIndex, cast

import numpy as np
from numpy.typing import NDArray

from cointrader.domain.errors import DataError
from cointrader.domain.order import Side
from cointrader.market.frame import Frame
from cointrader.signals.indicators import DEFAULT_PERIODS, Floats, Indicators, Periods, Signs
from cointrader.signals.newest import Ahead, NewestBar

WARM_UP = "warm-up"
WARM_UP_BARS = 300  # no decision with fewer bars before it: indicators still remember their seed
_NOTHING: Mapping[str, float] = MappingProxyType({})


class Signal(NamedTuple):
    """A rule's answer for one bar. `side` None is HOLD; the reasons tell why, either way.

    A named tuple because every bot makes one at every close, and is waited for.
    """

    side: Side | None
    strength: int
    reasons: tuple[str, ...] = ()  # e.g. ("macd+2", "ema+1", "volume"): parts, then who refused
    stop_distance: float | None = None  # from the fill price, in quote currency; None: ATR or pct
    target_distance: float | None = None
    extra: Mapping[str, float] = _NOTHING  # features of the rule's own


@dataclass(frozen=True, slots=True)
class Signals:
    """A rule's answers for consecutive bars: arrays of one length.

    Parameters
    ----------
    side : +1 long, -1 short, 0 hold
    strength : how strong the signal of that side is; on HOLD how near the nearer side came
    parts : what the strength is made of, positive for long, negative for short
    gate : index into `gates` of what refused the bar; 0 when nothing did
    gates : names of the gates; the first is "" and means none
    stop_distance, target_distance : exits of the rule's own, distances from the fill price in
        quote currency; None to leave them to the configured exit mode
    extra : features of the rule's own, appended to the feature row in this order
    """

    side: Signs
    strength: NDArray[np.integer]
    parts: Mapping[str, Signs] = field(default_factory=dict)
    gate: Signs | None = None
    gates: tuple[str, ...] = ("",)
    stop_distance: Floats | None = None
    target_distance: Floats | None = None
    extra: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.side)

    def at(self, i: SupportsIndex) -> Signal:
        """The answer for bar `i`; -1 is the newest."""
        parts = ((name, int(part[i])) for name, part in self.parts.items())
        reasons = [f"{name}{points:+d}" for name, points in parts if points]
        if self.gate is not None and self.gate[i]:
            reasons.append(self.gates[self.gate[i]])
        return Signal(
            side=Side.of_sign(int(self.side[i])),
            strength=int(self.strength[i]),
            reasons=tuple(reasons),
            stop_distance=None if self.stop_distance is None else float(self.stop_distance[i]),
            target_distance=(
                None if self.target_distance is None else float(self.target_distance[i])
            ),
            extra={name: float(column[i]) for name, column in self.extra.items()},
        )

    def held_first(self, n_bars: int) -> Signals:
        """These signals with the first `n_bars` on HOLD, refused by the warm-up."""
        if n_bars <= 0:
            return self
        side = self.side.copy()
        side[:n_bars] = 0
        gate = np.zeros(len(side), np.int8) if self.gate is None else self.gate.copy()
        gates = self.gates if WARM_UP in self.gates else (*self.gates, WARM_UP)
        gate[:n_bars] = gates.index(WARM_UP)
        return replace(self, side=side, gate=gate, gates=gates)


class SignalRule(Protocol):
    """The plug-in port. May also have `look_back: int`, which makes a running bot faster."""

    @property
    def name(self) -> str: ...

    @property
    def warm_up(self) -> int:
        """Bars needed before the first one that is decided: bar `warm_up`, counted from 0."""
        ...

    def evaluate(self, frame: Frame, indicators: Indicators) -> Signals:
        """Answer for every bar that `indicators` shows; see the module for what is promised."""
        ...


def evaluate(rule: SignalRule, frame: Frame, indicators: Indicators) -> Signals:
    """Ask `rule`, hold it to its promises: one answer per bar, and none before its warm-up."""
    signals = rule.evaluate(frame, indicators)
    if len(signals) != len(indicators) or len(signals.strength) != len(indicators):
        raise DataError(
            f"the signal rule {rule.name!r} must answer once for every bar it is shown",
            where=frame.symbol,
            found=len(signals),
            allowed=str(len(indicators)),
            todo="build its arrays from `indicators`, or leave out `look_back`",
        )
    return signals.held_first(rule.warm_up - indicators.first)


class QuickRule(SignalRule, Protocol):
    """A rule that can also answer for the newest bar alone, from plain floats.

    It sees the candles of its own symbol, and no others.
    """

    def answer(self, bar: NewestBar) -> Signal: ...

    def holds(self, ahead: Ahead, close: float, volume: float) -> bool:
        """Whether the bar that follows `ahead`, with this close and volume, is a HOLD for certain.

        True only where `answer` would say so of that bar. Every bot asks it at every close, and
        orders of all bots wait for it.
        """
        ...


def is_quick(rule: SignalRule) -> bool:
    """Whether `rule` answers from its own symbol's newest bar: see `QuickRule`."""
    return hasattr(rule, "answer")


def latest_quick(rule: QuickRule, bar: NewestBar) -> tuple[Signal, float]:
    """`latest` of a rule that is quick, for more candles than it and every window needs."""
    signal = rule.answer(bar)
    return signal, math.nan if signal.side is None else bar.atr


def latest(
    rule: SignalRule, frame: Frame, periods: Periods = DEFAULT_PERIODS
) -> tuple[Signal, float]:
    """The answer for the newest bar of `frame`, and that bar's ATR; NaN on HOLD, where no one asks.

    Equal to ``evaluate(rule, frame, Indicators(frame, periods)).at(-1)``, but does no more work
    than the rule's `answer` or `look_back` ask for.
    """
    if is_quick(rule) and len(frame) > max(rule.warm_up, periods.reach):
        return latest_quick(cast(QuickRule, rule), NewestBar(frame.candles, periods))
    look_back = getattr(rule, "look_back", None)
    last = None if look_back is None else look_back + 1
    indicators = Indicators(frame, periods, last=last)
    signal = evaluate(rule, frame, indicators).at(-1)
    return signal, math.nan if signal.side is None else float(indicators.atr[-1])
