"""Alerts as chat messages: merged, escaped, and cut to the length a message may have. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cointrader.ops.card import Card
from cointrader.ops.outbox import LEVELS, Note

LONGEST_MESSAGE = 2_000  # in UTF-16 units: a smiley counts as two, so no way to count exceeds it
LONGEST_TEXT = 20_000  # characters of one alert; ten messages of it are enough
_LONGEST_PREFIX = 100
_SPECIAL = re.compile(r"[\\*_~`|<>\[\]#]|^[-+](?=\s)", re.MULTILINE)
_CONTROL = re.compile(r"[^\S\n ]|[\x00-\x09\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Message:
    """One message to post. `finishes` are the notes that are told completely once it arrived.

    It is `text`, or where a channel has them `embeds`.
    """

    text: str
    finishes: tuple[Note, ...] = ()
    dropped: int = 0  # how many left-out messages it owns up to
    begins: tuple[Note, ...] = ()  # too long for one message: later ones tell the rest
    embeds: tuple[Mapping[str, Any], ...] = ()

    @property
    def level(self) -> str:
        """The highest of what it tells."""
        return max((note.alert.level for note in self.notes), key=LEVELS.index, default=LEVELS[0])

    @property
    def notes(self) -> tuple[Note, ...]:
        """All that it tells something of."""
        return self.begins + self.finishes


def compose(
    notes: Sequence[Note],
    *,
    dropped: int = 0,
    prefix: str = "",
    limit: int = LONGEST_MESSAGE,
    is_marked_up: bool = True,
) -> list[Message]:
    """All of `notes` in as few messages as their order allows, identical ones counted.

    `prefix` stands at the head of each message; `limit` is its greatest length. A channel that
    knows no markup is sent none, and nothing escaped.
    """
    shown = prefix[:_LONGEST_PREFIX]
    head = f"[{plain(shown) if is_marked_up else clean(shown)}] " if prefix else ""
    room = limit - _units(head)
    messages: list[Message] = []
    lines: list[str] = []
    told: list[Note] = []

    def close(begun: Sequence[Note] = ()) -> None:
        if lines:
            text = head + "\n".join(lines)
            owned = 0 if messages else dropped
            messages.append(Message(text, tuple(told), owned, tuple(begun)))
            lines.clear()
            told.clear()

    if dropped:
        lines.append(f"{dropped} message{'s' if dropped > 1 else ''} dropped")
    for same in alike(notes):
        text = _line(same[0], is_marked_up) + (f" (×{len(same)})" if len(same) > 1 else "")
        if lines and _units("\n".join([*lines, text])) > room:
            close()
        *full, last = split(text, room)
        for part in full:
            lines.append(part)
            close(begun=same)
        lines.append(last)
        told += same
    close()
    return messages


def alike(notes: Iterable[Note]) -> list[list[Note]]:
    """The notes that say the same together, in the order in which each was said first."""
    groups: dict[tuple[str, str, str, bool, Card | None], list[Note]] = {}
    for note in notes:
        alert = note.alert
        same = (alert.level, alert.symbol, alert.text, note.is_late, note.card)
        groups.setdefault(same, []).append(note)
    return list(groups.values())


def _line(note: Note, is_marked_up: bool) -> str:
    alert = note.alert
    late = ", told late" if note.is_late else ""
    shown = plain if is_marked_up else clean
    symbol = f" {shown(alert.symbol)}" if alert.symbol else ""
    level = f"**{alert.level.upper()}**" if is_marked_up else alert.level.upper()
    return f"{level}{symbol} {_utc(alert.at_ms)}{late}: {shown(alert.text)}"


def _utc(at_ms: int) -> str:
    try:
        return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return f"at {at_ms} ms"


def plain(text: str) -> str:
    """`text` so that a chat with markup shows it as it is."""
    return _SPECIAL.sub(r"\\\g<0>", clean(text))


def clean(text: str) -> str:
    """`text` without control characters or half characters, and not endless."""
    if len(text) > LONGEST_TEXT:
        text = f"{text[:LONGEST_TEXT]}… ({len(text) - LONGEST_TEXT} more characters)"
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    lines = _CONTROL.sub(" ", whole.replace("\r\n", "\n")).strip()
    return lines or "(no text)"


def cut(text: str, limit: int) -> str:
    """At most `limit` UTF-16 units of `text`; what was longer ends with an ellipsis."""
    return text if _units(text) <= limit else f"{text[: _cut(text, limit - 1)].rstrip()}…"


def split(text: str, limit: int) -> list[str]:
    """`text` in parts of at most `limit` UTF-16 units: at a line's end, at a blank, or anywhere."""
    parts: list[str] = []
    while _units(text) > limit:
        cut = _cut(text, limit)
        parts.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*parts, text]


def _cut(text: str, limit: int) -> int:
    longest = len(text.encode("utf-16-le")[: 2 * limit].decode("utf-16-le", "ignore"))
    for boundary in ("\n", " "):
        at = text.rfind(boundary, longest // 2, longest + 1)
        if at > 0:
            return at
    before = text[:longest]
    backslashes = len(before) - len(before.rstrip("\\"))
    return longest - backslashes % 2  # not between a backslash and what it escapes


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
