"""Cards as Discord's embeds: what they hold, how many fit, and in which order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cointrader.domain.records import Alert
from cointrader.ops.card import Card, Tone
from cointrader.ops.embeds import compose_with_cards
from cointrader.ops.outbox import Note

NOON = 1_735_732_800_000  # 2025-01-01 12:00 UTC


def a_note(text="a line", card=None, level="info", symbol="XRPUSDT", is_late=False):
    return Note(Alert(NOON, level, symbol, text), card=card, is_late=is_late)


def units(text):
    return len(text.encode("utf-16-le")) // 2


def size(message):
    texts = [
        text
        for embed in message.embeds
        for text in (
            embed["title"],
            embed.get("description", ""),
            embed.get("footer", {}).get("text", ""),
            *(part for field in embed["fields"] for part in (field["name"], field["value"])),
        )
    ]
    return sum(map(units, texts))


def test_a_card_is_an_embed_with_its_fields_colour_time_and_prefix():
    card = Card("Exit LONG: target reached", Tone.GOOD, (("Net", "+4.20 (+1.90 R)"),), "well done")

    (message,) = compose_with_cards([a_note(card=card)], prefix="paper")

    assert message.text == ""
    assert message.embeds == (
        {
            "title": "XRPUSDT · Exit LONG: target reached",
            "description": "well done",
            "color": 0x2F9E44,
            "timestamp": "2025-01-01T12:00:00+00:00",
            "fields": [{"name": "Net", "value": r"+4.20 (+1.90 R)", "inline": True}],
            "footer": {"text": "paper"},
        },
    )


def test_lines_and_cards_keep_their_order():
    notes = [a_note("one"), a_note("two", Card("B")), a_note("three", Card("C")), a_note("four")]

    first, second, third = compose_with_cards(notes)

    assert first.text.endswith("one")
    assert [embed["title"] for embed in second.embeds] == ["XRPUSDT · B", "XRPUSDT · C"]
    assert third.text.endswith("four")


def test_ten_embeds_are_the_most_of_one_message_and_the_same_card_is_counted():
    different = [a_note(str(number), Card(f"card {number}")) for number in range(12)]
    same = [a_note("x", Card("again")) for _ in range(3)]

    assert [len(m.embeds) for m in compose_with_cards(different)] == [10, 2]
    (message,) = compose_with_cards(same)
    assert [embed["title"] for embed in message.embeds] == ["XRPUSDT · again (×3)"]
    assert list(message.finishes) == same


def test_what_was_dropped_is_said_in_words_before_the_first_card():
    first, second = compose_with_cards([a_note(card=Card("B"))], dropped=3)

    assert (first.text, first.dropped) == ("3 messages dropped", 3)
    assert second.dropped == 0


def test_markup_in_a_card_is_shown_and_not_obeyed():
    (message,) = compose_with_cards([a_note(card=Card("**loud**", text="[a](http://b.test)"))])

    assert message.embeds[0]["title"] == r"XRPUSDT · \*\*loud\*\*"
    assert message.embeds[0]["description"] == r"\[a\](http://b.test)"


texts = st.text(st.characters(codec=None), max_size=3_000)
cards = st.builds(
    Card,
    title=texts,
    tone=st.sampled_from(Tone),
    fields=st.lists(st.tuples(texts, texts), max_size=40).map(tuple),
    text=texts,
)


@given(st.lists(cards, min_size=1, max_size=14), texts)
def test_every_message_is_one_that_discord_takes(some, prefix):
    notes = [a_note(str(number), card) for number, card in enumerate(some)]

    messages = compose_with_cards(notes, prefix=prefix)

    assert [note for message in messages for note in message.finishes] == notes
    for message in messages:
        assert 1 <= len(message.embeds) <= 10
        assert size(message) <= 6_000
        for embed in message.embeds:
            assert 0 < units(embed["title"]) <= 256
            assert units(embed.get("description", "")) <= 4_096
            assert len(embed["fields"]) <= 25
            assert all(0 < units(field["name"]) <= 256 for field in embed["fields"])
            assert all(0 < units(field["value"]) <= 1_024 for field in embed["fields"])
