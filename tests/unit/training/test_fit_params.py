"""Settings of a backend: from a file, judged."""

from __future__ import annotations

import json

import pytest

from cointrader.domain.errors import ConfigError
from cointrader.training.params import backend_of, read_params


def test_a_file_of_tuned_parameters_is_read_with_or_without_its_wrapping(tmp_path):
    path = tmp_path / "active_lgbm_params.json"
    inner = {"num_leaves": 15, "learning_rate": 0.05}
    for told in ({"params": inner, "study": "x"}, inner):
        path.write_text(json.dumps(told))
        settings = backend_of("lgbm", read_params(path)).settings
        assert (settings["num_leaves"], settings["learning_rate"]) == (15, 0.05)
        assert settings["num_boost_round"] == 150


def test_other_names_for_the_same_are_known():
    settings = backend_of("lgbm", {"n_estimators": 77, "reg_lambda": 2, "subsample": 1}).settings

    assert (settings["num_boost_round"], settings["lambda_l2"]) == (77, 2.0)
    assert isinstance(settings["lambda_l2"], float)
    assert settings["bagging_fraction"] == 1.0


@pytest.mark.parametrize(
    ("backend", "params", "told"),
    [
        ("lgbm", {"weight_scale": 2.0}, "weight_scale"),
        ("lgbm", {"objective": "regression"}, "objective"),
        ("lgbm", {"num_leaves": 1}, "2 to 4096"),
        ("lgbm", {"num_leaves": 15.5}, "whole number"),
        ("lgbm", {"learning_rate": float("nan")}, "learning_rate"),
        ("lgbm", {"learning_rate": "fast"}, "fast"),
        ("lgbm", {"num_boost_round": 10, "n_estimators": 10}, "twice"),
        ("mlx", {"num_leaves": 15}, "num_leaves"),
        ("mlx", {"dropout": 1.0}, "0.95"),
        ("catboost", {}, "lgbm or mlx"),
    ],
)
def test_what_is_unknown_or_impossible_is_refused_by_name(backend, params, told):
    with pytest.raises(ConfigError) as error:
        backend_of(backend, params, "params.json")

    assert told in str(error.value)
    assert "params.json" in str(error.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'"x"', b"\x80\x04.", b"[" * 100_000])
def test_a_file_that_holds_no_parameters_says_so(tmp_path, content):
    path = tmp_path / "params.json"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match="holds no parameters"):
        read_params(path)


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(ConfigError, match="holds no parameters"):
        read_params(tmp_path / "none.json")
