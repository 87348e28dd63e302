"""Tuned settings are taken only where the folds agree that they are better."""

from __future__ import annotations

import json

import pytest

from cointrader.domain.errors import ConfigError
from cointrader.training.gate_criteria import load_gate_criteria
from cointrader.training.gate_params import judge_params, publish_params, read_tuned
from cointrader.training.params import ACTIVE_FILE, read_params

RULE = load_gate_criteria().params


def tuning(tmp_path, **changes):
    told = {
        "symbol": "xrpusdt",
        "backend": "lgbm",
        "params": {"num_leaves": 15},
        "score": "auc",
        "baseline": {"folds": [0.50, 0.51, 0.52, 0.50, 0.51]},
        "tuned": {"folds": [0.53, 0.52, 0.55, 0.49, 0.54]},
        **changes,
    }
    path = tmp_path / "tuned.json"
    path.write_text(json.dumps(told))
    return path


def verdict_of(tmp_path, **changes):
    return judge_params(read_tuned(tuning(tmp_path, **changes)), RULE)


def test_settings_that_did_better_become_those_trainings_begin_with(tmp_path):
    verdict = verdict_of(tmp_path)
    path = publish_params(tmp_path / "models", verdict)

    assert verdict.passed
    assert verdict.mean_gain == pytest.approx(0.018)
    assert verdict.share_better == 0.8
    assert path == tmp_path / "models" / "xrpusdt" / ACTIVE_FILE
    assert read_params(path) == {"num_leaves": 15}


@pytest.mark.parametrize(
    ("folds", "why"),
    [
        ([0.50, 0.51, 0.52, 0.50, 0.51], "on the mean of folds"),  # the same
        ([0.49, 0.50, 0.51, 0.49, 0.50], "on the mean of folds"),
        ([0.90, 0.50, 0.51, 0.49, 0.50], "better in 20% of folds"),  # one fold makes it
    ],
)
def test_settings_that_show_no_improvement_are_refused(tmp_path, folds, why):
    verdict = verdict_of(tmp_path, tuned={"folds": folds})

    assert not verdict.passed
    assert any(why in text for text in verdict.refusals)
    with pytest.raises(ValueError, match="refused"):
        publish_params(tmp_path, verdict)


def test_two_folds_are_too_few_to_agree(tmp_path):
    verdict = verdict_of(tmp_path, baseline={"folds": [0.5, 0.5]}, tuned={"folds": [0.6, 0.6]})

    assert verdict.refusals == ("2 folds, at least 3",)


def test_no_fold_at_all_is_refused(tmp_path):
    assert not verdict_of(tmp_path, baseline={"folds": []}, tuned={"folds": []}).passed


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": ""},
        {"symbol": "../../elsewhere"},
        {"score": None},
        {"params": {}},
        {"params": {"num_leaves": 1}},
        {"params": {"no_such_thing": 1}},
        {"backend": "mlx", "params": {"dropout": 0.1}},
        {"tuned": {"folds": [0.5]}},
        {"tuned": {"folds": [0.5, 0.5, 0.5, 0.5, float("nan")]}},
        {"tuned": {"folds": "high"}},
        {"tuned": None},
    ],
)
def test_a_file_that_is_no_result_of_a_tuning_is_refused(tmp_path, changes):
    with pytest.raises(ConfigError):
        verdict_of(tmp_path, **changes)


def test_a_missing_file_and_one_that_is_no_json_are_named(tmp_path):
    (tmp_path / "text").write_text("{")
    for name in ("nothing", "text"):
        with pytest.raises(ConfigError, match="no result of a tuning"):
            read_tuned(tmp_path / name)
