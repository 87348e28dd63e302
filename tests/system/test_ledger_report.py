"""A paper run, its report and its ledger: three ways to the same money."""

from __future__ import annotations

import json
import os
from decimal import Decimal

import pytest

from cointrader.cli.main import main

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The journal of a week of a synthetic market, played to its end."""
    path = tmp_path_factory.mktemp("run") / "paper.db"
    with pytest.MonkeyPatch.context() as patch:
        for name in set(os.environ) - {"PATH", "HOME", "TMPDIR"}:
            patch.delenv(name)
        patch.chdir(path.parent)
        assert main(["paper", "--to", "2026-01-12", "--quiet", "--journal", str(path)]) == 0
    return path


def told(capsys, *arguments):
    capsys.readouterr()
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_report_and_ledger_of_a_run_tell_the_same_money(run, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "month.html"
    arguments = ("--month", "--of", "2026-01", "--journal", str(run), "--out", str(page))

    code, report = told(capsys, "report", *arguments)
    assert code == 0
    code, ledger = told(capsys, "ledger", "--journal", str(run))
    assert (code, ledger["is_reconciled"], ledger["differences"]) == (0, True, [])

    costs, (usdt,) = report["costs"], ledger["accounts"]
    sums = {each["kind"]: Decimal(each["amount"]) for each in ledger["sums"]}
    assert report["total"]["trades"] > 20
    assert Decimal(costs["net"]) == Decimal(usdt["booked"])
    assert Decimal(costs["gross"]) == sums["REALIZED_PNL"]
    assert Decimal(costs["fees"]) == -sums["COMMISSION"]
    assert Decimal(costs["funding"]) == sums["FUNDING_FEE"]
    assert Decimal(usdt["closing"]["wallet"]) == 1000 + Decimal(usdt["booked"])
    assert sum(day["net"] for day in report["days"]) == pytest.approx(float(usdt["booked"]))
    assert len(report["days"]) == 11
    assert page.read_text().count('class="histogram"') == 2
