"""Alerts as chat messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cointrader.domain.records import Alert
from cointrader.ops.outbox import Note
from cointrader.ops.wording import compose, plain, split

NOON = 1_735_732_800_000  # 2025-01-01 12:00 UTC


def a_note(text, level="warning", symbol="", is_late=False):
    return Note(Alert(NOON, level, symbol, text), is_late=is_late)


def units(text):
    return len(text.encode("utf-16-le")) // 2


def test_a_long_text_is_split_between_words_into_several_messages():
    messages = compose([a_note("word " * 1_000)], prefix="paper")

    assert [len(message.text) for message in messages] == [1996, 1997, 1062]
    assert all(message.text.startswith("[paper] ") for message in messages)
    assert all(message.text.endswith("word") for message in messages)
    assert [len(message.finishes) for message in messages] == [0, 0, 1]


def test_a_text_without_blanks_is_cut_anywhere_but_not_within_a_smiley():
    parts = split("😀" * 9, 5)

    assert parts == ["😀😀", "😀😀", "😀😀", "😀😀", "😀"]


def test_lines_are_kept_whole_where_they_can_be():
    assert split("one two\nthree four", 12) == ["one two", "three four"]


def test_an_escape_is_not_cut_from_what_it_escapes():
    assert split(r"aaa\*bbb", 4) == ["aaa", r"\*bb", "b"]


def test_many_alerts_fill_several_messages_and_each_is_finished_by_one():
    notes = [a_note(f"{number:03} " + 90 * "x") for number in range(50)]

    messages = compose(notes, dropped=7)

    assert all(len(message.text) <= 2000 for message in messages)
    assert [note for message in messages for note in message.finishes] == notes
    assert [message.dropped for message in messages] == [7, 0, 0, 0]
    assert messages[0].text.startswith("7 messages dropped\n")


def test_identical_texts_of_different_symbols_are_different():
    messages = compose([a_note("late", symbol="XRPUSDT"), a_note("late", symbol="TRXUSDT")])

    assert messages[0].text.count("late") == 2


def test_markup_is_shown_and_not_obeyed():
    assert plain("**a** _b_ `c` ~~d~~ |e| <@1> [f](g) \\ # h") == (
        r"\*\*a\*\* \_b\_ \`c\` \~\~d\~\~ \|e\| \<@1\> \[f\](g) \\ \# h"
    )
    assert plain("a - b\n- c\n> d") == "a - b\n\\- c\n\\> d"


def test_half_characters_and_control_characters_are_replaced():
    assert plain("a\ud83d b\x00c\r\nd") == "a\ufffd b c\nd"
    assert plain("\ud83d\ude00") == "😀"


def test_an_empty_text_says_so():
    assert plain(" \n ") == "(no text)"


def test_an_endless_text_is_cut_and_says_how_much_is_missing():
    assert plain("x" * 30_000).endswith("x… (10000 more characters)")


def test_a_time_that_no_calendar_has_is_shown_as_it_is():
    assert (
        "at 99999999999999999 ms"
        in compose([Note(Alert(99_999_999_999_999_999, "info", "", "x"))])[0].text
    )


any_text = st.text(st.characters(codec=None) | st.sampled_from(" \n\\*😀\ud83d"), max_size=60)


@given(st.lists(any_text, min_size=1, max_size=8), st.integers(80, 300), st.integers(0, 3))
def test_every_message_fits_can_be_sent_and_nothing_is_left_out(texts, limit, dropped):
    notes = [a_note(text) for text in texts]

    messages = compose(notes, dropped=dropped, prefix="p", limit=limit)

    assert all(0 < units(message.text) <= limit for message in messages)
    assert sorted(map(id, notes)) == sorted(id(n) for m in messages for n in m.finishes)
    assert sum(message.dropped for message in messages) == dropped
