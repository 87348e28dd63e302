"""The queue of alerts: what is dropped, and who goes first."""

from __future__ import annotations

from cointrader.domain.records import Alert
from cointrader.ops.outbox import Note, Outbox


def a_note(text):
    level = {"i": "info", "w": "warning", "c": "critical"}[text[0]]
    return Note(Alert(0, level, "", text))


def an_outbox(*texts, capacity=100):
    outbox = Outbox(capacity)
    for text in texts:
        outbox.add(a_note(text))
    return outbox


def taken(outbox, limit=100):
    return [note.alert.text for note in outbox.take(limit)]


def test_past_capacity_the_oldest_info_goes_first_then_the_oldest_warning():
    outbox = an_outbox("w1", "i1", "c1", "i2", "w2", "w3", "w4", capacity=3)

    assert taken(outbox) == ["c1", "w2", "w3", "w4"]
    assert outbox.dropped == 3


def test_an_info_finds_no_place_among_warnings():
    assert taken(an_outbox("w1", "w2", "i1", capacity=2)) == ["w1", "w2"]


def test_critical_notes_are_never_dropped():
    outbox = an_outbox(*(f"c{number}" for number in range(50)), capacity=1)

    assert len(outbox) == 50
    assert outbox.dropped == 0


def test_the_most_urgent_are_taken_first_and_told_in_order():
    outbox = an_outbox("i1", "w1", "c1", "w2", "c2")

    assert taken(outbox, 3) == ["w1", "c1", "c2"]
    assert taken(outbox, 3) == ["i1", "w2"]


def test_of_what_was_refused_only_critical_notes_come_back():
    outbox = an_outbox("w1", "c1")

    outbox.park(outbox.take(10))

    assert (len(outbox), outbox.parked, outbox.dropped) == (0, 1, 1)
    outbox.unpark()
    assert taken(outbox) == ["c1"]
