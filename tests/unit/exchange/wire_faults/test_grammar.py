"""Faults as text and in files: what is read, and what is refused in which words."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cointrader.domain.errors import UsageError
from cointrader.exchange.simulated.wire.faults import FAULTS, FaultPlan, Instant, Rule, as_text
from cointrader.exchange.simulated.wire.faults.registry import GROUPS

DOCS = Path(__file__).parents[4] / "docs" / "faults.md"
DAY = 1_748_736_000_000  # 2025-06-01


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        ("kline-late", Rule("kline-late")),
        ("kline-late:0.2", Rule("kline-late", probability=0.2)),
        ("kline-late*3", Rule("kline-late", times=3)),
        ("kline-late@3600", Rule("kline-late", at=Instant.after_s(3600))),
        ("kline-late@2025-06-01", Rule("kline-late", at=Instant.at(DAY))),
        (
            "kline-late(1..5, XRPUSDT):1*2@2025-06-01T00:00..2025-06-01T02:00+01:00",
            Rule(
                "kline-late",
                probability=1.0,
                at=Instant.at(DAY),
                until=Instant.at(DAY + 3_600_000),
                times=2,
                parameters={"seconds": "1..5", "symbol": "XRPUSDT"},
            ),
        ),
        (
            " answer-lost ( call = entry|stop , symbol=TRXUSDT ) : .5 @ 1.5 .. 9 ",
            Rule(
                "answer-lost",
                probability=0.5,
                at=Instant.after_s(1.5),
                until=Instant.after_s(9),
                parameters={"call": "entry|stop", "symbol": "TRXUSDT"},
            ),
        ),
    ],
)
def test_a_specification_is_read(spec, rule):
    assert FaultPlan.parse(spec) == FaultPlan((rule,), 1)


def test_several_faults_stand_between_commas():
    plan = FaultPlan.parse(
        "stop-vanishes:0.2,answer-lost@3600,kline-late(0..24, symbol=A),", seed=9
    )

    assert [rule.name for rule in plan.rules] == ["stop-vanishes", "answer-lost", "kline-late"]
    assert plan.seed == 9


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", "no fault is named"),
        (",", "no fault is named"),
        ("stop-vanish", "did you mean stop-vanishes?"),
        ("zzz", "see them all with"),
        ("kline-late:2", "above 0, at most 1"),
        ("kline-late:0", "above 0, at most 1"),
        ("kline-late:nan", "above 0, at most 1"),
        ("kline-late:often", "not a probability"),
        ("kline-late*0", "1 or more"),
        ("kline-late*x", "1 or more"),
        ("kline-late@soon", "seconds after the market's start"),
        ("kline-late@-5", "not a time"),
        ("kline-late@9..3", "its time ends before it begins"),
        ("kline-late(late)", "a number or a range LOW..HIGH, 0 to 86400"),
        ("kline-late(5..1)", "LOW..HIGH"),
        ("kline-late(inf)", "LOW..HIGH"),
        ("kline-late(second=1)", "did you mean seconds?"),
        ("kline-late(1,seconds=2)", "given twice"),
        ("kline-late(1, X, 3)", "no more than 2 parameters"),
        ("listen-key-gone(1)", "no more than 0 parameters"),
        ("answer-lost(everything)", "one or more of any, change"),
        ("answer-lost(symbol=a b)", "a symbol such as XRPUSDT"),
        ("kline-late(1", "not a fault"),
        ("kline late", "not a fault"),
    ],
)
def test_a_wrong_specification_is_refused_in_words(spec, words):
    with pytest.raises(UsageError) as refused:
        FaultPlan.parse(spec)

    assert words in str(refused.value)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(UsageError):
        assert FaultPlan.parse(text).rules


TOML = """
seed = 7
faults = "kline-late:0.5"

[[fault]]
name = "stop-vanishes"
probability = 0.2
at = 2025-06-01T00:00:00
until = 7200000000
times = 3
parameters = { seconds = 2.5, call = ["stop", "target"] }

[[fault]]
name = "deposit"
at = 60

[schedule]
names = ["manual-close", "sockets-aborted"]
from = 0
to = 86400
count = 5
"""


def test_a_file_is_read(tmp_path):
    path = tmp_path / "faults.toml"
    path.write_text(TOML.replace("until = 7200000000\n", ""))

    plan = FaultPlan.read(str(path))

    assert plan.seed == 7
    assert plan.rules[:3] == (
        Rule("kline-late", probability=0.5),
        Rule(
            "stop-vanishes",
            probability=0.2,
            at=Instant.at(DAY),
            times=3,
            parameters={"seconds": "2.5", "call": "stop|target"},
        ),
        Rule("deposit", at=Instant.after_s(60)),
    )
    drawn = plan.rules[3:]
    assert len(drawn) == 5
    assert {rule.name for rule in drawn} <= {"manual-close", "sockets-aborted"}
    assert all(rule.at is not None and 0 <= rule.at.ms < 86_400_000 for rule in drawn)
    assert FaultPlan.read(str(path)) == plan
    assert FaultPlan.read(str(path), seed=8).rules[3:] != drawn


def test_a_file_may_be_json(tmp_path):
    path = tmp_path / "faults.json"
    path.write_text(json.dumps({"fault": [{"name": "kline-late", "parameters": {"seconds": 3}}]}))

    assert FaultPlan.load(path).rules == (Rule("kline-late", parameters={"seconds": "3"}),)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.toml", "x = 1", "unknown key"),
        ("a.toml", "x =", "not valid"),
        ("a.json", "{", "not valid"),
        ("a.json", "[]", "no table"),
        ("a.toml", "seed = 'x'", "not a seed"),
        ("a.toml", "[fault]\nname = 'deposit'", "[[fault]]"),
        ("a.toml", "[[fault]]\nnam = 'deposit'", "unknown key"),
        ("a.toml", "[[fault]]\nprobability = 1", "has no name"),
        ("a.toml", "[[fault]]\nname = 'deposit'\nparameters = 3", "no table"),
        ("a.toml", "[[fault]]\nname = 'deposits'", "did you mean deposit?"),
        ("a.toml", "[schedule]\nto = 5", "names no faults"),
        ("a.toml", "[schedule]\nnames = ['deposit']", "has no end"),
        ("a.toml", "[schedule]\nnames = ['deposit']\nfrom = 6\nto = 5", "ends before it begins"),
    ],
)
def test_a_wrong_file_is_refused_in_words(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_text(content)

    with pytest.raises(UsageError) as refused:
        FaultPlan.read(str(path))

    assert words in str(refused.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        FaultPlan.read(str(tmp_path / "none.toml"))


def test_a_seeded_plan_is_the_same_again():
    plan = FaultPlan.seeded(["manual-close", "answer-lost"], 5, DAY, DAY + 1000)

    assert plan == FaultPlan.seeded(["manual-close", "answer-lost"], 5, DAY, DAY + 1000)
    assert plan != FaultPlan.seeded(["manual-close", "answer-lost"], 6, DAY, DAY + 1000)
    assert [rule.name for rule in plan.rules] == ["manual-close", "answer-lost"]
    assert all(rule.at is not None and DAY <= rule.at.ms < DAY + 1000 for rule in plan.rules)
    assert all(rule.most_times == 1 for rule in plan.rules)


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_named_once_in_a_sentence_and_its_defaults_fit(name):
    kind = FAULTS[name]

    assert name == kind.name == name.lower()
    assert 10 < len(kind.summary) < 100
    for parameter in kind.parameters.values():
        parameter.read(parameter.default)
    assert f"  {name} " in as_text()


def test_no_fault_is_in_two_groups():
    assert sum(len(kinds) for kinds in GROUPS.values()) == len(FAULTS) == 81


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_in_the_docs_as_it_is(name):
    kind, docs = FAULTS[name], DOCS.read_text(encoding="utf-8")

    (row,) = [line for line in docs.splitlines() if line.startswith(f"| `{name}`")]
    assert kind.summary in row
    assert all(f"`{parameter}`" in row for parameter in kind.parameters)
