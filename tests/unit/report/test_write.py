"""A report on disk: asked for before the run, written whole, and never over something else."""

import os

import pytest

from cointrader.app.backtest_report import write_report
from cointrader.app.report_file import require_report_writable
from cointrader.domain.errors import CointraderError, UsageError
from tests.unit.report.making import played_inputs

is_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")


def test_a_report_is_written_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "report.html"
    require_report_writable(path)

    write_report(path, played_inputs())

    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_looking_first_writes_nothing(tmp_path):
    require_report_writable(tmp_path / "report.html")

    assert list(tmp_path.iterdir()) == []


def test_a_report_may_be_written_anew(tmp_path):
    path = tmp_path / "report.html"
    write_report(path, played_inputs(is_judged=False))

    require_report_writable(path)
    write_report(path, played_inputs())

    assert "Too little data" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["no/such/folder/report.html", "."])
def test_a_place_that_cannot_be_written_is_refused_before_the_run(tmp_path, name):
    with pytest.raises(UsageError) as refused:
        require_report_writable(tmp_path / name)

    assert refused.value.where == "--report"


def test_a_file_that_is_no_report_is_not_overwritten(tmp_path):
    path = tmp_path / "notes.html"
    path.write_text("<!doctype html><title>my notes</title>", encoding="utf-8")

    with pytest.raises(UsageError, match="something else than a report"):
        require_report_writable(path)


@is_root
def test_a_folder_of_somebody_else_is_refused(tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o500)

    with pytest.raises(UsageError, match="not yours"):
        require_report_writable(folder / "report.html")


def test_what_was_there_survives_a_failed_write(tmp_path):
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "report.html").mkdir()  # what replaces it cannot be moved into place

    with pytest.raises(CointraderError, match="cannot be written"):
        write_report(folder / "report.html", played_inputs())

    assert [each.name for each in folder.iterdir()] == ["report.html"]
