"""When a fault bites: how often, from when on, how many times. Values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Instant:
    """A time: epoch ms, or counted from when the market starts."""

    ms: int
    is_absolute: bool = False

    @staticmethod
    def after_s(seconds: float) -> Instant:
        """So many seconds of the exchange's time after the market's start."""
        return Instant(round(seconds * 1000))

    @staticmethod
    def at(epoch_ms: int) -> Instant:
        return Instant(epoch_ms, is_absolute=True)

    def epoch_ms(self, start_ms: int) -> int:
        """This time on a market that starts at `start_ms`."""
        return self.ms if self.is_absolute else start_ms + self.ms


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault and when it bites.

    Parameters
    ----------
    name : of the fault
    probability : chance at every opportunity; without it, every one
    at : not before; alone it means once, at the first opportunity from then on
    until : not from then on
    times : how often at most; without it once for an `at` alone, else without end
    parameters : by name, as text, as in a specification
    """

    name: str
    probability: float | None = None
    at: Instant | None = None
    until: Instant | None = None
    times: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def most_times(self) -> int | None:
        """How often it bites at most; None for without end."""
        if self.times is not None:
            return self.times
        return 1 if self.at is not None and self.until is None else None
