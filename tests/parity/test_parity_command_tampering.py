"""A journal that was changed afterwards is found out: exit code 4, and the change is named."""

from __future__ import annotations

import pytest

from cointrader.app.parity.parity import parity
from cointrader.cli.main import main
from tests.parity.tampering import TAMPERINGS, tampered
from tests.parity.test_parity_command import played


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    limits = ("--max-same-direction", "1")  # so that there are refusals to tamper with
    return played(tmp_path_factory.mktemp("run"), "--to", "2026-01-08", *limits)


def test_untouched_it_is_equal(journal):
    assert parity(journal).verdict == "equal"


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_change_is_unexplained_and_named(name, journal, tmp_path):
    change, aspects = TAMPERINGS[name]
    report = parity(tampered(journal, change, tmp_path / "j.db"))

    assert report.verdict == "unexplained"
    assert {found.aspect for found in report.unexplained} & aspects


def test_the_exit_code_of_a_changed_journal_is_4(journal, tmp_path, capsys):
    change, _ = TAMPERINGS["a net improved"]

    code = main(["parity", str(tampered(journal, change, tmp_path / "j.db"))])

    shown = capsys.readouterr().out
    assert code == 4
    assert "its fills say" in shown
    assert shown.splitlines()[-1].startswith("unexplained: ")
