"""A running process has the model that a fresh start would have, and sees when it changes."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from cointrader.model.artifact import POINTER, Model, Wanted
from cointrader.model.serving import Nothing, Serving
from tests.unit.model.making import constant, linear, published

XRP = Wanted("XRPUSDT")
ROW = np.zeros(26)


class Heard(list):
    """What a serving said of its changes."""

    def __call__(self, change):
        self.append(change.now)


def probability(served):
    assert isinstance(served, Model), served
    return pytest.approx(served.score(ROW))


def why(served):
    assert isinstance(served, Nothing)
    return str(served.why)


def a_serving(models, **options):
    heard = Heard()
    return Serving(models, XRP, on_change=heard, **options), heard


def test_a_model_is_loaded_once_and_kept(tmp_path):
    published(tmp_path, constant(0.6))
    serving, heard = a_serving(tmp_path)

    first = serving.look()

    assert probability(first) == 0.6
    assert serving.look() is first
    assert len(heard) == 1


def test_another_model_is_seen_at_the_next_look(tmp_path):
    published(tmp_path, constant(0.6))
    serving, heard = a_serving(tmp_path)
    serving.look()

    published(tmp_path, constant(0.3))

    assert probability(serving.look()) == 0.3
    assert len(heard) == 2


def test_another_threshold_of_the_same_graph_is_another_model(tmp_path):
    published(tmp_path, constant(0.6))
    serving, heard = a_serving(tmp_path)
    serving.look()

    published(tmp_path, constant(0.6), threshold=0.9)

    assert serving.look().manifest.threshold == 0.9
    assert len(heard) == 2


def test_the_same_model_published_again_is_no_news(tmp_path):
    published(tmp_path, constant(0.6))
    serving, heard = a_serving(tmp_path)
    serving.look()

    published(tmp_path, constant(0.6))

    assert probability(serving.look()) == 0.6
    assert len(heard) == 1


def test_a_first_model_is_seen_where_there_was_none(tmp_path):
    serving, heard = a_serving(tmp_path)
    assert serving.look().is_missing
    assert serving.look().is_missing

    published(tmp_path, constant(0.6))

    assert probability(serving.look()) == 0.6
    assert len(heard) == 2


def test_a_broken_replacement_ends_the_old_model_and_is_told_once(tmp_path):
    """Somebody wanted the old one replaced, and nobody knows by what."""
    published(tmp_path, constant(0.6))
    serving, heard = a_serving(tmp_path)
    serving.look()

    (tmp_path / "xrpusdt" / POINTER).write_text("half")

    for _ in range(3):
        served = serving.look()
        assert not served.is_missing
        assert "does not name a model" in why(served)
    assert len(heard) == 2

    published(tmp_path, constant(0.4))
    assert probability(serving.look()) == 0.4


def test_a_copy_that_comes_file_by_file_is_served_once_it_is_whole(tmp_path):
    made, models = tmp_path / "made", tmp_path / "models"
    published(made, constant(0.6))
    (models / "xrpusdt").mkdir(parents=True)
    serving, _ = a_serving(models)
    assert serving.look().is_missing

    shutil.copy(made / "xrpusdt" / "lgbm_filter.onnx", models / "xrpusdt")
    assert "no manifest" in why(serving.look())
    shutil.copy(made / "xrpusdt" / "lgbm_filter.json", models / "xrpusdt")
    assert "active.json" in why(serving.look())
    shutil.copy(made / "xrpusdt" / POINTER, models / "xrpusdt")

    assert probability(serving.look()) == 0.6


def test_files_changed_behind_the_pointer_do_not_disturb_what_was_checked(tmp_path):
    published(tmp_path, constant(0.6))
    serving, _ = a_serving(tmp_path)
    first = serving.look()

    (tmp_path / "xrpusdt" / "lgbm_filter.onnx").write_bytes(b"somebody works here")

    assert serving.look() is first


def test_a_model_that_is_gone_is_not_one_that_never_was(tmp_path):
    published(tmp_path, constant(0.6))
    serving, _ = a_serving(tmp_path)
    serving.look()

    shutil.rmtree(tmp_path / "xrpusdt")

    assert not serving.look().is_missing
    assert "is gone" in why(serving.look())
    published(tmp_path, constant(0.6))
    assert probability(serving.look()) == 0.6


def test_a_symbols_own_folder_takes_over_from_the_common_one(tmp_path):
    published(tmp_path, constant(0.6), folder=".")
    serving, _ = a_serving(tmp_path)
    assert probability(serving.look()) == 0.6

    published(tmp_path, constant(0.5), folder=".")
    assert probability(serving.look()) == 0.5
    published(tmp_path, constant(0.3))
    assert probability(serving.look()) == 0.3
    published(tmp_path, constant(0.9), folder=".")
    assert probability(serving.look()) == 0.3


def test_a_model_that_may_not_serve_is_nothing(tmp_path):
    published(tmp_path, linear({}), gate={"verdict": "failed"})
    serving, _ = a_serving(tmp_path, may_serve=lambda m: "no" if not m.is_passed else "")

    assert why(serving.look()).startswith("no")
    published(tmp_path, linear({}), gate={"verdict": "passed"})
    assert probability(serving.look()) == 0.5


@pytest.mark.parametrize("found", ["a file", "a link that leads nowhere"])
def test_something_else_in_the_place_of_its_folder_is_no_missing_model(tmp_path, found):
    own = tmp_path / "xrpusdt"
    if found == "a file":
        own.write_text("half of an archive")
    else:
        own.symlink_to(tmp_path / "gone")
    serving, heard = a_serving(tmp_path)

    now = serving.look()

    assert found in why(now)
    assert isinstance(now, Nothing)
    assert not now.is_missing
    own.unlink()
    published(tmp_path, constant(0.6))
    assert probability(serving.look()) == 0.6
    assert len(heard) == 2
