"""Critical alerts on disk: what a damaged file still tells."""

from __future__ import annotations

import pytest

from cointrader.domain.records import Alert
from cointrader.ops.undelivered import Undelivered


def an_alert(text):
    return Alert(1, "critical", "XRPUSDT", text)


def stored(path):
    return [note.alert.text for note in Undelivered(path).load()]


def test_what_was_kept_and_not_told_is_found_in_order(tmp_path):
    path = tmp_path / "alerts"
    writer = Undelivered(path)
    notes = [writer.keep(an_alert(text)) for text in ("one", "two\nlines \ud83d", "three")]

    writer.told([notes[0]])

    assert stored(path) == ["two\nlines \ud83d", "three"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_once_all_is_told_the_file_is_gone(tmp_path):
    path = tmp_path / "alerts"
    writer = Undelivered(path)

    writer.told([writer.keep(an_alert("one"))])

    assert not path.exists()
    assert len(writer) == 0


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_cut_short_costs_no_other(tmp_path, cut):
    path = tmp_path / "alerts"
    Undelivered(path).keep(an_alert("before"))
    whole = path.read_bytes()
    Undelivered(path).keep(an_alert("cut"))
    path.write_bytes(path.read_bytes()[: len(whole) + cut])

    Undelivered(path).keep(an_alert("after"))

    assert stored(path) == ["before", "after"]


@pytest.mark.parametrize(
    "garbage", [b"\xff\xfe\x00", b'[1]\n3\n"told"\nnull\n{}', b'{"told": []}', b"[" * 100_000]
)
def test_garbage_is_skipped(tmp_path, garbage):
    path = tmp_path / "alerts"
    path.write_bytes(garbage)
    Undelivered(path).keep(an_alert("good"))

    assert stored(path) == ["good"]


def test_an_alert_kept_by_this_process_is_not_found_again(tmp_path):
    writer = Undelivered(tmp_path / "alerts")
    writer.keep(an_alert("mine"))

    assert writer.load() == []


def test_without_a_file_it_is_memory():
    writer = Undelivered(None)
    note = writer.keep(an_alert("one"))

    assert len(writer) == 1
    assert not writer.is_stored
    writer.told([note])
    assert len(writer) == 0
