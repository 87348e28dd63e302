"""Cards as Discord shows them: embeds, as many in one message as it allows. Pure.

Limits as in Discord's documentation of the embed object, November 2026: a title of 256 characters,
a text of 4,096, 25 fields of 256 and 1,024, ten embeds and 6,000 characters in a message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from cointrader.ops.card import Tone
from cointrader.ops.outbox import Note
from cointrader.ops.wording import Message, alike, clean, compose, cut, plain

EMBEDS_PER_MESSAGE = 10
LONGEST_OF_ALL = 5_500  # UTF-16 units of a message's embeds; 6,000 are allowed
LONGEST_TITLE, LONGEST_TEXT, LONGEST_NAME, LONGEST_VALUE, MOST_FIELDS = 250, 1_500, 100, 300, 12
_LONGEST_PREFIX = 100
_COLOURS = {
    Tone.PLAIN: 0x5C7CFA,
    Tone.GOOD: 0x2F9E44,
    Tone.BAD: 0xF08C00,
    Tone.WARNING: 0xF2B705,
    Tone.ALARM: 0xE03131,
}

Embed = Mapping[str, Any]


def compose_with_cards(
    notes: Sequence[Note], *, dropped: int = 0, prefix: str = ""
) -> list[Message]:
    """All of `notes` in order: lines merged into messages, cards into messages of embeds."""
    messages: list[Message] = []
    if dropped and notes and notes[0].card is not None:
        messages += compose([], dropped=dropped, prefix=prefix)
        dropped = 0
    for has_card, group in groupby(alike(notes), key=lambda same: same[0].card is not None):
        if has_card:
            messages += _of_cards(group, prefix)
        else:
            plain_notes = [note for same in group for note in same]
            messages += compose(plain_notes, dropped=dropped, prefix=prefix)
        dropped = 0
    return messages


def _of_cards(groups: Iterable[Sequence[Note]], prefix: str) -> Iterator[Message]:
    embeds: list[Embed] = []
    told: list[Note] = []
    used = 0
    for same in groups:
        embed = _embed(same, prefix)
        size = _size(embed)
        if embeds and (len(embeds) == EMBEDS_PER_MESSAGE or used + size > LONGEST_OF_ALL):
            yield Message("", tuple(told), embeds=tuple(embeds))
            embeds, told, used = [], [], 0
        embeds.append(embed)
        told += same
        used += size
    if embeds:
        yield Message("", tuple(told), embeds=tuple(embeds))


def _embed(same: Sequence[Note], prefix: str) -> Embed:
    alert, card = same[0].alert, same[0].card
    assert card is not None  # it was chosen for that
    counted = f" (×{len(same)})" if len(same) > 1 else ""
    symbol = f"{alert.symbol} · " if alert.symbol else ""
    embed: dict[str, Any] = {
        "title": cut(plain(f"{symbol}{card.title}"), LONGEST_TITLE) + counted,
        "color": _COLOURS[card.tone],
        "timestamp": _moment(alert.at_ms),
        "fields": [
            {
                "name": cut(plain(name), LONGEST_NAME),
                "value": cut(plain(value), LONGEST_VALUE),
                "inline": True,
            }
            for name, value in card.fields[:MOST_FIELDS]
        ],
    }
    if card.text:
        embed["description"] = cut(plain(card.text), LONGEST_TEXT)
    told_by = clean(prefix[:_LONGEST_PREFIX]) if prefix else ""
    told_by += " · told late" if same[0].is_late else ""
    if told_by:
        embed["footer"] = {"text": told_by}
    return embed


def _size(embed: Embed) -> int:
    texts = [embed["title"], embed.get("description", ""), embed.get("footer", {}).get("text", "")]
    texts += [text for field in embed["fields"] for text in (field["name"], field["value"])]
    return sum(len(text.encode("utf-16-le")) // 2 for text in texts)


def _moment(at_ms: int) -> str:
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC).isoformat()
