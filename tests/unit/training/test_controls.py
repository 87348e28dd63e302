"""Shuffled labels: nothing is found, unless the procedure itself gives it away."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cointrader.training.boosting import Boosting, BoostingSettings
from cointrader.training.out_of_fold import CONTROLS, Procedure
from cointrader.training.pieces import Job, labels_of
from cointrader.training.train import train
from tests.unit.training.samples import NAMES, QUICK, SUBJECT, expanding, material, plan, sample

pytest.importorskip("lightgbm", reason="LightGBM is not installed here")
pytest.importorskip("onnx", reason="onnx is not installed here")

BOLD = Boosting(BoostingSettings(num_boost_round=30, num_leaves=31, min_data_in_leaf=2,
                                 learning_rate=0.3, lambda_l2=0.0))  # fmt: skip


def test_shuffled_labels_rank_nothing_even_where_there_is_an_edge(tmp_path):
    made = material(count=900, edge=2.0)
    card = train(SUBJECT, made, expanding(made.sample), plan(controls=CONTROLS), tmp_path).card
    controls: Any = card.controls

    assert len(controls.aucs) == 20
    assert controls.mean == pytest.approx(0.5, abs=0.03)
    assert controls.as_expected
    assert controls.at_or_above == 0
    assert controls.lowest < 0.5 < controls.highest


def test_a_procedure_that_leaks_is_found_out_by_its_controls(tmp_path):
    made = material(count=500)
    everything = np.arange(len(made.sample))
    leaking = [(everything, test) for _, test in expanding(made.sample)]

    controls: Any = train(SUBJECT, made, leaking, plan(BOLD), tmp_path).card.controls

    assert controls.mean > 0.9
    assert not controls.as_expected


def test_a_shuffle_deals_the_same_labels_out_anew():
    made = sample(300)
    job = Job(made, [], QUICK, (), 1)
    first, second = labels_of(job, 0), labels_of(job, 1)

    assert first.sum() == second.sum() == made.label.sum()
    assert (first != made.label).any()
    assert (first != second).any()
    assert (first == labels_of(job, 0)).all()
    assert labels_of(job, None) is made.label


def test_every_piece_has_a_name_of_its_own():
    pieces = Procedure.of(NAMES, 5).pieces()

    assert len(pieces) == 5 * (1 + 2 + 20)
    assert len({piece.key for piece in pieces}) == len(pieces)
