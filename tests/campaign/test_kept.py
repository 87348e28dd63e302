"""Runs kept on disk: a campaign that was interrupted goes on where it stopped."""

from __future__ import annotations

from tests.campaign.audit import Verdict, Violation
from tests.campaign.kept import Kept
from tests.campaign.stage import Scenario


def test_a_run_that_was_judged_is_there_the_next_time_as_it_was(tmp_path):
    verdict = Verdict(7, "stale-data", [Violation("naked", "XRPUSDT", 5, "bare")], bites={"a": 2})
    Kept(tmp_path / "runs.jsonl", 8).add(verdict)

    kept = Kept(tmp_path / "runs.jsonl", 8)

    assert kept[Scenario(7, "stale-data", 8)] == verdict
    assert Scenario(8, "stale-data", 8) not in kept
    assert Scenario(7, "", 8) not in kept


def test_days_of_another_length_are_other_runs(tmp_path):
    Kept(tmp_path / "runs.jsonl", 8).add(Verdict(7, ""))

    assert Scenario(7, "", 96) not in Kept(tmp_path / "runs.jsonl", 96)


def test_a_line_that_was_cut_short_is_played_again(tmp_path):
    kept = Kept(tmp_path / "runs.jsonl", 8)
    kept.add(Verdict(7, ""))
    kept.add(Verdict(8, ""))
    kept.path.write_bytes(kept.path.read_bytes()[:-9])

    again = Kept(tmp_path / "runs.jsonl", 8)

    assert Scenario(7, "", 8) in again
    assert Scenario(8, "", 8) not in again
    again.add(Verdict(8, ""))
    assert Scenario(8, "", 8) in Kept(tmp_path / "runs.jsonl", 8)
