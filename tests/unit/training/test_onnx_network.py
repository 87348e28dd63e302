"""A network as a graph: what MLX says, with scaler and missing values inside."""

from __future__ import annotations

import numpy as np
import pytest

from cointrader.model.session import Session
from cointrader.training.calibration import UNCHANGED, Calibration
from cointrader.training.network import Network, NetworkSettings
from cointrader.training.onnx_network import Scaler
from tests.unit.training.samples import NAMES, sample

pytest.importorskip("onnx", reason="onnx is not installed here")
pytest.importorskip("mlx.core", reason="MLX is not installed here")

N = len(NAMES)
QUICK = Network(NetworkSettings(max_epochs=6, patience=2))


@pytest.fixture(scope="module")
def fitted():
    return QUICK.fit(sample(500, edge=2.0), [3, 21], seed=5)


def by_session(fitted, rows, calibration=UNCHANGED):
    return Session(fitted.graph(calibration), N).scores(rows, exactly=False)


def test_a_graph_says_what_mlx_says(fitted):
    rows = sample(2_000, seed=9, missing=0.3).rows
    rows[0] = np.nan

    for curve in (UNCHANGED, Calibration(0.4, -0.3)):
        found = by_session(fitted, rows, curve)
        assert np.abs(found - curve(fitted.margins(rows))).max() < 1e-6


def test_a_missing_value_is_the_mean_of_the_training_rows(fitted):
    rows = np.repeat(sample(1, seed=4, missing=0.0).rows, 2, axis=0)
    place = int(np.flatnonzero(fitted.used == 0)[0])
    rows[0, 0], rows[1, 0] = np.nan, fitted.scaler.mean[place]

    found = by_session(fitted, rows)

    assert found[0] == pytest.approx(found[1], abs=1e-7)
    assert fitted.scaler.mean[place] == pytest.approx(50.0, abs=3.0)


def test_columns_that_were_left_out_are_never_looked_at(fitted):
    rows = sample(50, seed=4).rows
    changed = rows.copy()
    changed[:, 3], changed[:, 21] = np.inf, np.nan

    assert (by_session(fitted, rows) == by_session(fitted, changed)).all()


def test_a_column_that_nobody_knows_harms_nothing():
    known = sample(300, edge=1.0)
    known.rows[:, 5] = np.nan
    known.rows[:, 6] = 7.0
    fitted = QUICK.fit(known, [], seed=1)
    rows = sample(50, seed=3).rows

    assert np.isfinite(by_session(fitted, rows)).all()


def test_scaling_is_mean_and_deviation_of_what_is_known():
    scaler = Scaler.of(np.array([[1.0, 5.0, np.nan], [3.0, 5.0, np.nan], [np.nan, 5.0, np.nan]]))

    assert scaler.mean.tolist() == [2.0, 5.0, 0.0]
    assert scaler.deviation.tolist() == [1.0, 1.0, 1.0]
    assert scaler(np.array([[4.0, 6.0, np.nan], [np.nan, 5.0, 2.0]])).tolist() == [
        [2.0, 1.0, 0.0],
        [0.0, 0.0, 2.0],
    ]
