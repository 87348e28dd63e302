"""One event with more room than a line: a title, a few named values, a colour. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Tone(Enum):
    """How an event feels; a channel chooses the colour."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"
    WARNING = "warning"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Card:
    """`fields` are pairs of a name and a value, in the order in which they are shown."""

    title: str
    tone: Tone = Tone.PLAIN
    fields: tuple[tuple[str, str], ...] = ()
    text: str = ""  # below the title
