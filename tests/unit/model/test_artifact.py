"""Models on disk: found, believed only when checked, and published at one stroke."""

from __future__ import annotations

import json
import math
import os
import pickle  # noqa: TID251 - to show that nobody opens one
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from cointrader.domain.errors import CointraderError
from cointrader.model.artifact import (
    POINTER,
    Wanted,
    publish,
    read,
    read_files,
    require_features,
)
from cointrader.model.errors import ModelBroken, ModelMissing
from cointrader.model.manifest import manifest_of, usual_ranges
from tests.unit.model.making import NAMES, a_manifest, constant, linear, published, trees

ONNX = linear({"rsi": 0.01})
OTHERS = ("BTCUSDT", "ETHUSDT")


def broken(models, symbol="XRPUSDT", **wanted):
    """What a reader says of a model that may not be used."""
    with pytest.raises(ModelBroken) as refused:
        read(models, symbol, **wanted)
    return str(refused.value)


# ---------------------------------------------------------------------- found


def test_a_published_model_is_read_as_it_was_made(tmp_path):
    made = a_manifest(
        ONNX,
        threshold=0.61,
        left_out=("oi_change",),
        strategy={"ATR_SL_MULT": 1.5, "note": ["a", 1]},
        metrics={"auc": 0.51, "brier": math.nan},
        gate={"verdict": "passed", "net_r": 0.12},
        feature_quantiles={"rsi": (20.0, 80.0)},
    )
    publish(tmp_path / "xrpusdt", ONNX, made)

    model = read(tmp_path, "XRPUSDT", interval="15m", correlation_symbols=OTHERS, rule=["score"])

    found = model.manifest
    assert math.isnan(found.metrics["brier"])
    assert replace(found, metrics={}) == replace(made, metrics={})
    assert model.score(np.zeros(len(NAMES))) == 0.5


def test_a_folder_has_the_names_that_people_know(tmp_path):
    published(tmp_path, ONNX)
    published(tmp_path, constant(0.4), backend="mlx")

    names = {path.name for path in (tmp_path / "xrpusdt").iterdir()}
    assert names - {".publish.lock"} == {
        "active.json",
        "lgbm_filter.json",
        "lgbm_filter.onnx",
        "mlx_filter.json",
        "mlx_filter.onnx",
    }


def test_the_backend_published_last_counts(tmp_path):
    published(tmp_path, constant(0.4), backend="mlx")
    published(tmp_path, constant(0.6))
    assert read(tmp_path, "XRPUSDT").score(np.zeros(26)) == pytest.approx(0.6)

    published(tmp_path, constant(0.3), backend="mlx")
    assert read(tmp_path, "XRPUSDT").score(np.zeros(26)) == pytest.approx(0.3)


def test_without_a_folder_of_its_own_a_symbol_has_the_common_model(tmp_path):
    published(tmp_path, ONNX, folder=".")

    assert read(tmp_path, "XRPUSDT").manifest.symbol == "XRPUSDT"


def test_the_common_model_of_another_symbol_is_refused(tmp_path):
    published(tmp_path, ONNX, folder=".")

    said = broken(tmp_path, "TRXUSDT")
    assert "made for another symbol" in said
    assert "found: XRPUSDT" in said
    assert "cointrader train --symbol TRXUSDT" in said


def test_an_empty_folder_of_its_own_is_no_reason_to_take_the_common_model(tmp_path):
    published(tmp_path, ONNX, folder=".")
    (tmp_path / "xrpusdt").mkdir()

    with pytest.raises(ModelMissing):
        read(tmp_path, "XRPUSDT")


@pytest.mark.parametrize("make", [lambda path: None, lambda path: (path / "xrpusdt").mkdir()])
def test_where_nothing_is_it_says_how_to_make_one(tmp_path, make):
    make(tmp_path)

    with pytest.raises(ModelMissing, match="there is no model") as missing:
        read(tmp_path, "XRPUSDT")

    assert "cointrader train --symbol XRPUSDT" in str(missing.value)


def test_both_errors_are_of_the_family():
    assert issubclass(ModelMissing, CointraderError)
    assert issubclass(ModelBroken, CointraderError)
    assert not issubclass(ModelBroken, ModelMissing)


# ---------------------------------------------------------------------- made for something else


@pytest.mark.parametrize(
    ("changes", "wanted", "said"),
    [
        ({"symbol": "TRXUSDT"}, {}, "another symbol"),
        ({"interval": "1h"}, {"interval": "15m"}, "other bars"),
        ({"features_version": 99}, {}, "features of another version"),
        ({"rule": "mine"}, {"rule": ["score"]}, "signals of another rule"),
        (
            {"features": ("rsi", *NAMES[2:], "more")},
            {"correlation_symbols": OTHERS},
            "it misses macd_hist",
        ),
        ({"features": NAMES[::-1]}, {"correlation_symbols": OTHERS}, "in another order"),
        ({}, {"correlation_symbols": ("SOLUSDT", "ETHUSDT")}, "it misses sol_ret_1"),
    ],
)
def test_a_model_made_for_something_else_is_refused(tmp_path, changes, wanted, said):
    """Copied there by hand: nobody would publish it."""
    onnx = linear({}, names=changes.get("features", NAMES))
    folder = folder_of(tmp_path)
    made = a_manifest(onnx, **changes)
    (folder / "lgbm_filter.onnx").write_bytes(onnx)
    (folder / "lgbm_filter.json").write_bytes(made.as_json())
    (folder / POINTER).write_text(
        json.dumps({"format": 1, "backend": "lgbm", "sha256": made.sha256})
    )

    assert said in broken(tmp_path, **wanted)


def test_features_of_a_rules_own_are_known_at_the_first_signal(tmp_path):
    names = (*NAMES, "mine")
    onnx = linear({}, names=names)
    model = published(tmp_path, onnx, features=names)

    assert read(tmp_path, "XRPUSDT", correlation_symbols=OTHERS).manifest.features == names
    require_features(model.manifest, names, "here")
    with pytest.raises(ModelBroken, match="other features") as refused:
        require_features(model.manifest, NAMES, "here")
    assert "it expects mine" in str(refused.value)


# ---------------------------------------------------------------------- damaged, hostile, old


def folder_of(tmp_path):
    published(tmp_path, ONNX)
    return tmp_path / "xrpusdt"


@pytest.mark.parametrize("name", ["lgbm_filter.onnx", "lgbm_filter.json", POINTER])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_file_that_is_cut_off_is_refused(tmp_path, name, share):
    path = folder_of(tmp_path) / name
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])

    broken(tmp_path)


@pytest.mark.parametrize("name", ["lgbm_filter.onnx", "lgbm_filter.json", POINTER])
def test_a_copy_that_lacks_a_file_is_refused(tmp_path, name):
    (folder_of(tmp_path) / name).unlink()

    assert "active.json" in broken(tmp_path)


def test_files_of_two_models_are_refused(tmp_path):
    other = tmp_path / "other"
    published(other, constant(0.9))
    (other / "xrpusdt" / "lgbm_filter.onnx").replace(folder_of(tmp_path) / "lgbm_filter.onnx")

    assert "do not belong together" in broken(tmp_path)


def test_a_changed_byte_of_the_graph_is_refused(tmp_path):
    path = folder_of(tmp_path) / "lgbm_filter.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    assert "do not belong together" in broken(tmp_path)


@pytest.mark.parametrize("name", ["lgbm_filter.onnx", "lgbm_filter.json", POINTER])
def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    path = folder_of(tmp_path) / name
    path.replace(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")

    assert "out of the model's folder" in broken(tmp_path)


def test_a_link_within_the_folder_and_a_linked_folder_are_fine(tmp_path):
    folder = folder_of(tmp_path)
    (folder / "lgbm_filter.onnx").rename(folder / "kept.onnx")
    (folder / "lgbm_filter.onnx").symlink_to("kept.onnx")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "xrpusdt").symlink_to(folder)

    assert read(tmp_path / "linked", "XRPUSDT").manifest.symbol == "XRPUSDT"


def test_a_link_to_itself_is_refused(tmp_path):
    path = folder_of(tmp_path) / POINTER
    path.unlink()
    path.symlink_to(POINTER)

    broken(tmp_path)


@pytest.mark.parametrize("name", ["lgbm_filter.onnx", POINTER])
def test_a_pipe_is_not_waited_for(tmp_path, name):
    path = folder_of(tmp_path) / name
    path.unlink()
    os.mkfifo(path)

    assert "no ordinary file" in broken(tmp_path)


def test_a_folder_in_place_of_a_file_is_refused(tmp_path):
    path = folder_of(tmp_path) / "lgbm_filter.onnx"
    path.unlink()
    path.mkdir()

    broken(tmp_path)


def test_a_huge_file_is_refused_without_reading_it(tmp_path):
    path = folder_of(tmp_path) / "lgbm_filter.onnx"
    with path.open("r+b") as file:
        file.truncate(1 << 40)  # nothing of it is on the disk

    assert "too large" in broken(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_is_not_ours_to_read_is_refused(tmp_path):
    (folder_of(tmp_path) / "lgbm_filter.onnx").chmod(0)

    assert "cannot be read" in broken(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", '"active"', "{", '{"format": 1}', "[" * 100_000, '{"format": 2}',
     '{"format": 1, "backend": "../../etc", "sha256": "' + "0" * 64 + '"}',
     '{"format": 1, "backend": "lgbm", "sha256": "../x"}'],
)  # fmt: skip
def test_a_pointer_that_names_no_model_is_refused(tmp_path, text):
    (folder_of(tmp_path) / POINTER).write_text(text)

    assert "does not name a model" in broken(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "another version of cointrader"),
        ({"threshold": 1.5}, "threshold 1.5"),
        ({"threshold": None}, "not complete"),
        ({"threshold": "0.5"}, "not complete"),
        ({"features": []}, "0 features"),
        ({"features": ["rsi"] * 26}, "two features of one name"),
        ({"features": [f"f{i}" for i in range(1001)]}, "1001 features"),
        ({"backend": "pickle"}, "backend 'pickle'"),
        ({"symbol": "../../etc"}, "symbol '../../etc'"),
        ({"interval": "7m"}, "interval '7m'"),
        ({"sha256": "0"}, "sha256 '0'"),
        ({"gate": {"verdict": "sure"}}, "gate 'sure'"),
        ({"gate": {}}, "gate None"),
        ({"left_out": ["moon"]}, "leaves out what it does not have"),
        ({"feature_quantiles": {"moon": [0, 1]}}, "a range of no feature"),
        ({"feature_quantiles": {"rsi": [1, 0]}}, "a range that is none"),
        ({"metrics": {"auc": "high"}}, "not complete"),
    ],
)
def test_a_manifest_that_cannot_be_true_is_refused(change, said):
    told = json.loads(a_manifest(ONNX).as_json())
    told |= change

    with pytest.raises(ModelBroken) as refused:
        manifest_of(json.dumps(told).encode(), "here")
    assert said in str(refused.value)


@pytest.mark.parametrize("field", ["backend", "features", "rule", "sha256", "made_ms", "format"])
def test_a_manifest_that_lacks_something_is_refused(field):
    told = json.loads(a_manifest(ONNX).as_json())
    del told[field]

    with pytest.raises(ModelBroken):
        manifest_of(json.dumps(told).encode(), "here")


def test_a_manifest_may_say_more_than_this_version_knows():
    told = {**json.loads(a_manifest(ONNX).as_json()), "mood": "good"}

    assert manifest_of(json.dumps(told).encode(), "here") == a_manifest(ONNX)


class Bomb:
    """Unpickled, it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("name", ["lgbm_filter.pkl", "model.joblib", "filter.pickle"])
def test_a_pickle_is_named_with_what_to_do_and_never_opened(tmp_path, name):
    (tmp_path / "xrpusdt").mkdir()
    (tmp_path / "xrpusdt" / name).write_bytes(pickle.dumps(Bomb(tmp_path / "opened")))

    said = broken(tmp_path)

    assert name in said
    assert "cointrader train --symbol XRPUSDT" in said
    assert not (tmp_path / "opened").exists()


def test_a_pickle_under_the_name_of_a_model_is_never_opened(tmp_path):
    bomb = pickle.dumps(Bomb(tmp_path / "opened"))
    folder = folder_of(tmp_path)
    for name in ("lgbm_filter.onnx", "lgbm_filter.json", POINTER):
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(bomb)
        broken(tmp_path)
        (folder / name).write_bytes(kept)

    assert not (tmp_path / "opened").exists()


def test_a_pickle_beside_a_published_model_is_no_matter(tmp_path):
    (folder_of(tmp_path) / "lgbm_filter.pkl").write_bytes(b"old")

    assert read(tmp_path, "XRPUSDT").manifest.backend == "lgbm"


def test_a_graph_without_a_manifest_is_named_with_what_to_do(tmp_path):
    (tmp_path / "xrpusdt").mkdir()
    (tmp_path / "xrpusdt" / "mlx_filter.onnx").write_bytes(ONNX)

    said = broken(tmp_path)
    assert "no manifest" in said
    assert "cointrader train --symbol XRPUSDT" in said


def test_a_candidate_is_no_model_until_it_is_published(tmp_path):
    candidate = tmp_path / "xrpusdt" / "candidate"
    publish(candidate, ONNX, a_manifest(ONNX))

    with pytest.raises(ModelMissing):
        read(tmp_path, "XRPUSDT")
    assert read_files(candidate, "lgbm", Wanted("XRPUSDT")).manifest == a_manifest(ONNX)
    with pytest.raises(ModelMissing):
        read_files(candidate, "mlx", Wanted("XRPUSDT"))


# ---------------------------------------------------------------------- published


def test_what_no_reader_would_take_is_not_published(tmp_path):
    published(tmp_path, ONNX)

    with pytest.raises(ModelBroken):
        publish(tmp_path / "xrpusdt", b"no graph", a_manifest(b"no graph"))
    with pytest.raises(ModelBroken):
        publish(tmp_path / "xrpusdt", constant(0.4), a_manifest(ONNX))

    assert read(tmp_path, "XRPUSDT").manifest == a_manifest(ONNX)


def test_a_publisher_that_is_ended_anywhere_leaves_the_old_model_or_the_new_one(tmp_path):
    """Processes that end at their first, second, third ... touch of a file or a name."""
    old, new = a_manifest(ONNX), a_manifest(trees(NAMES, 20), threshold=0.7)
    program = [sys.executable, "-m", "tests.unit.model.ending", str(tmp_path)]
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        program, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

    found = []
    for folder in sorted(tmp_path.iterdir()):
        found.append(read(folder, "XRPUSDT").manifest)
        published(folder, constant(0.3), threshold=0.2)
        assert read(folder, "XRPUSDT").manifest.threshold == 0.2
        names = {path.name for path in (folder / "xrpusdt").iterdir() if path.name[0] != "."}
        assert names == {"active.json", "lgbm_filter.json", "lgbm_filter.onnx"}
    assert found.count(old) > 3
    assert found.count(new) > 3
    assert found == [old] * found.count(old) + [new] * found.count(new)


# ---------------------------------------------------------------------- ranges


def test_usual_ranges_leave_out_what_is_missing_and_what_nobody_knows():
    rows = np.full((1001, 2), np.nan)
    rows[:, 0] = np.arange(1001.0)
    rows[3, 0] = np.nan

    ranges = usual_ranges(("a", "b"), rows)

    assert list(ranges) == ["a"]
    assert ranges["a"] == pytest.approx((5.995, 995.005), abs=0.05)
