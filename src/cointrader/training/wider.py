"""What a model may learn from beside the signals it is asked about, as it was asked for.

The decision population is what a bot acts on: the configured rule's signals of one symbol. More can
be learned from, as options that are off, and each is dangerous in a way of its own: bars without a
signal give themselves away by their missing strength, looser signals are others than those that are
decided, and another symbol may be moved by something else.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wider:
    """The defaults are: nothing.

    Parameters
    ----------
    holds : bars without a signal for each signal, as rows that lost
    threshold : a looser `signal_threshold`, whose signals are learned from too
    is_pooled : rows of several symbols make one model
    """

    holds: float = 0.0
    threshold: int | None = None
    is_pooled: bool = False


NOTHING_ELSE = Wider()
