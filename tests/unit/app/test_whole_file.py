"""A file is there as a whole or not at all."""

from __future__ import annotations

import pytest

from cointrader.app.whole_file import written_whole
from cointrader.domain.errors import CointraderError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_it_is_there_when_the_block_has_ended_and_not_before(tmp_path):
    path = tmp_path / "made" / "report.html"

    with written_whole(path, "the report") as file:
        file.write("one\nline")
        assert not path.exists()

    assert path.read_bytes() == b"one\nline"
    assert names(path.parent) == ["report.html"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError])
def test_what_interrupts_it_is_passed_on_and_the_old_file_stays(tmp_path, interruption):
    path = tmp_path / "report.html"
    path.write_text("old")

    def interrupted():
        with written_whole(path, "the report") as file:
            file.write("half")
            raise interruption

    with pytest.raises(interruption):
        interrupted()

    assert path.read_text() == "old"
    assert names(tmp_path) == ["report.html"]


def test_a_disk_that_refuses_is_told_and_nothing_else_is_left(tmp_path):
    folder = tmp_path / "taken"
    folder.mkdir()
    (folder / "inside").touch()  # a folder with something in it cannot be replaced by a file

    with (
        pytest.raises(CointraderError, match="the report cannot be written") as error,
        written_whole(folder, "the report", todo="go elsewhere") as file,
    ):
        file.write("all")

    assert error.value.todo == "go elsewhere"
    assert names(tmp_path) == ["taken"]
