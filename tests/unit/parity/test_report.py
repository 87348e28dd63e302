"""Counts, verdict, certificate and page of a comparison."""

from __future__ import annotations

import json

from cointrader.backtest.parity.difference import Difference, same
from cointrader.backtest.parity.page import render
from cointrader.backtest.parity.report import ParityReport, seal

AT_MS = 1_767_225_600_000


def a_report(*differences):
    return ParityReport(
        journal="run <1>.db",
        digest="d",
        version="0",
        mode="testnet",
        market="Binance testnet",
        profile="default",
        symbols=("XRPUSDT",),
        interval="15m",
        starts=1,
        from_ms=AT_MS,
        to_ms=AT_MS + 900_000,
        compared=10,
        trades=1,
        differences=differences,
        whole=None,
        why_no_whole="settings changed",
    )


def a_difference(aspect, cause="unexplained"):
    return Difference("XRPUSDT", AT_MS, aspect, "1", "2", cause, "seen")


def test_without_a_difference_it_is_equal():
    assert a_report().verdict == "equal"


def test_one_that_is_unexplained_decides():
    report = a_report(a_difference("fill", "latency"), a_difference("fee"))

    assert report.verdict == "unexplained"
    assert report.by_cause == {"latency": 1}
    assert [each.aspect for each in report.unexplained] == ["fee"]


def test_two_differences_of_one_decision_are_one_differing_decision():
    report = a_report(a_difference("fill", "latency"), a_difference("size", "latency"))

    assert report.differing == 1
    assert report.certificate()["decisions"] == {"compared": 10, "equal": 9, "differing": 1}


def test_the_seal_covers_every_value_and_outlives_json():
    told = json.loads(json.dumps(a_report(a_difference("fill", "latency")).certificate()))

    assert seal(told) == told["seal"]
    for name in set(told) - {"seal"}:
        assert seal({**told, name: "else"}) != told["seal"]


def test_the_page_names_cause_evidence_and_why_the_run_was_not_played_whole():
    page = render(a_report(a_difference("fill", "latency")), "s" * 64)

    assert "run &lt;1&gt;.db" in page
    assert "latency: seen" in page
    assert "settings changed" in page
    assert "<script" not in page


def test_equal_but_for_rounding_is_the_same():
    assert same(0.1 + 0.2, 0.3)
    assert not same(1.0, 1.0 + 1e-8)
    assert same(1e-7, 2e-7, scale=1000.0)
