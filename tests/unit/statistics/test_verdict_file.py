import json
import math

import pytest

from cointrader.backtest.criteria import load_criteria
from cointrader.backtest.statistics.evidence import MEASURES
from cointrader.backtest.verdict import AccountRun, Answer, Subject, judge
from cointrader.backtest.verdict_file import as_json, json_number, read_verdict
from cointrader.domain.errors import DataError

GOOD = dict.fromkeys(MEASURES, 1.0) | {
    "trades": 500.0,
    "days": 365.0,
    "detectable_r": 0.2,
    "luck": 0.001,
    "random_p": 0.005,
    "profit_factor": math.inf,
    "bearable_costs": 2.0,
    "payoff": math.nan,
}
SUBJECT = Subject("c0ffee", "da7a", "30de1")
ACCOUNT = AccountRun(1_000.0, 703.38, 65, 0.31, 1_743_206_400_000, "drawdown")


def a_verdict(**measures):
    return judge(GOOD | measures, load_criteria(), SUBJECT, ACCOUNT)


def written(verdict, path):
    path.write_text(json.dumps(as_json(verdict), allow_nan=False))


def changed(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_verdict_comes_back_as_it_was_written(tmp_path):
    path = tmp_path / "xrp.json"
    verdict = a_verdict()

    written(verdict, path)
    back = read_verdict(path)

    assert math.isnan(back.measures["payoff"])
    assert back.measures["profit_factor"] == math.inf
    assert back.findings == verdict.findings
    assert (back.answer, back.subject, back.account) == (Answer.EDGE, SUBJECT, ACCOUNT)
    assert (back.criteria_hash, back.summary) == (verdict.criteria_hash, verdict.summary)
    assert [file.name for file in path.parent.iterdir()] == ["xrp.json"]


def test_a_verdict_is_json_that_every_reader_knows():
    text = json.dumps(as_json(a_verdict()), allow_nan=False)
    document = json.loads(text)

    assert document["measures"]["profit_factor"] == "inf"
    assert document["measures"]["payoff"] is None
    assert (document["configuration"], document["data"], document["model"]) == (
        "c0ffee",
        "da7a",
        "30de1",
    )
    assert document["account"]["halted_ms"] == 1_743_206_400_000
    assert document["account"]["text"] == (
        "the account: 1,000.00 became 703.38 in 65 trades, largest fall 31 %, "
        "halted on 2025-03-29 (drawdown)"
    )
    assert document["criteria"]["findings"][0]["text"] == (
        "passed: number of trades 500, at least 200"
    )


@pytest.mark.parametrize(
    ("value", "shown"), [(1.5, 1.5), (math.inf, "inf"), (-math.inf, "-inf"), (math.nan, None)]
)
def test_numbers_that_json_does_not_have_are_written_otherwise(value, shown):
    assert json_number(value) == shown


def test_a_verdict_without_an_account_run_says_so(tmp_path):
    path = tmp_path / "v.json"
    written(judge(GOOD, load_criteria(), SUBJECT), path)

    assert read_verdict(path).account is None


def test_an_answer_that_its_findings_contradict_is_refused(tmp_path):
    path = tmp_path / "v.json"
    written(a_verdict(luck=0.9), path)
    changed(path, answer="edge")

    with pytest.raises(DataError, match="cannot be read") as error:
        read_verdict(path)

    assert "contradict" in str(error.value)


def test_a_finding_that_its_number_contradicts_is_refused(tmp_path):
    path = tmp_path / "v.json"
    written(a_verdict(), path)
    document = json.loads(path.read_text())
    document["criteria"]["findings"][3]["value"] = 0.5  # luck, which passed at 0.1 %
    path.write_text(json.dumps(document))

    with pytest.raises(DataError, match="cannot be read"):
        read_verdict(path)


def test_a_file_of_the_time_before_models_were_named_speaks_by_its_configuration(tmp_path):
    path = tmp_path / "v.json"
    written(a_verdict(), path)
    document = json.loads(path.read_text())
    own = document["configuration"]
    path.write_text(json.dumps(document | {"version": 1, "model": ""}))

    old = read_verdict(path)

    assert old.subject.model is None
    assert old.refusal(configuration=own, model="m" * 64) is None
    assert "another configuration" in (old.refusal(configuration="other", model="") or "")
    written(old, path)
    assert read_verdict(path) == old


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"version": 3}', '{"version": 2}', '{"version": 1}']
)
def test_a_file_that_is_no_verdict_is_refused(tmp_path, text):
    path = tmp_path / "v.json"
    path.write_text(text)

    with pytest.raises(DataError, match="cannot be read"):
        read_verdict(path)


def test_a_verdict_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_verdict(tmp_path / "none.json")
