"""Forty leaks and forty innocent rules: the prover must tell them apart, and name what leaked."""

from __future__ import annotations

import pytest

pytest.importorskip("pandas", reason="these rules are written with pandas")
pytest.importorskip("scipy", reason="and with scipy")

from cointrader.signals.checked import CheckedRule
from cointrader.signals.leak_check import Effort, Kind, prove, trial_frame
from tests.leaks.innocent import clean
from tests.leaks.leaky import leak

# Less than the command line does, for a leak that is found ends the search.
SEARCH = Effort(moments=400, most_findings=1)
QUICK = Effort(moments=40, moments_of_features=4)


@pytest.fixture(scope="module")
def frame():
    return trial_frame(bars=1_800)


def name_of(rule):
    return rule.name


def test_there_are_forty_of_each():
    assert (len(leak.rules), len(clean.rules)) == (40, 40)
    assert len({rule.name for rule in (*leak.rules, *clean.rules)}) == 80


@pytest.mark.parametrize("rule", leak.rules, ids=name_of)
def test_a_leak_is_found_and_its_input_named(frame, rule):
    report = prove(CheckedRule(rule, place=f"mine.py:{rule.name}"), frame, effort=SEARCH)

    assert [finding.kind for finding in report.leaks] == [Kind.LOOK_AHEAD]
    (finding,) = report.leaks
    assert rule.source in finding.source
    if finding.source_bar_ms is not None:
        assert finding.bar_ms < finding.source_bar_ms


@pytest.mark.parametrize("rule", clean.rules, ids=name_of)
def test_an_innocent_rule_is_not_accused(frame, rule):
    report = prove(CheckedRule(rule, place=f"mine.py:{rule.name}"), frame, effort=QUICK)

    assert report.leaks == ()
    assert report.signals > 0
