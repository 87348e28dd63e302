"""Five folds of training beside LightGBM alone, and one scored row beside an empty graph.

Every figure is a ratio within one run, of the best of many rounds that take turns.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from cointrader.model.artifact import Model
from cointrader.model.session import INPUT, LOG_ODDS, Session
from cointrader.signals.features import feature_names
from cointrader.training.backend import Sample
from cointrader.training.boosting import Boosting
from cointrader.training.calibration import Calibration, sigmoid
from cointrader.training.onnx_graph import Graph
from cointrader.training.pieces import Job, Piece, fit_piece
from tests.unit.model.making import a_manifest

lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is not installed here")
pytest.importorskip("onnx", reason="onnx is not installed here")

N = len(feature_names(["BTCUSDT", "ETHUSDT"]))
HOUR_MS = 3_600_000
Split = tuple[NDArray[np.int64], NDArray[np.int64]]


def sample(count: int) -> Sample:
    """So many signals ten hours apart; the first column says a little of the label."""
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(count, N))
    label = (rng.random(count) < sigmoid(0.3 * rows[:, 0])).astype(np.int8)
    rows[rng.random(rows.shape) < 0.02] = np.nan
    times = 10 * HOUR_MS * np.arange(count)
    return Sample(rows, label, np.exp(2.0 * np.arange(count) / count), times, times + 6 * HOUR_MS)


def expanding(made: Sample, folds: int = 5) -> list[Split]:
    part = len(made) // (folds + 1)
    return [(np.arange(fold * part), np.arange(fold * part, (fold + 1) * part))
            for fold in range(1, folds + 1)]  # fmt: skip


def bare(made: Sample, splits: Sequence[Split], told: dict[str, object]) -> list[Any]:
    """The same fits and scores by LightGBM alone."""
    found = []
    for train, test in splits:
        data = lightgbm.Dataset(
            made.rows[train], made.label[train].astype(np.float32), weight=made.weight[train]
        )
        booster = lightgbm.train(told, data)
        found.append(booster.predict(made.rows[test], raw_score=True, num_threads=1))
    return found


def best_ms(rounds: int, *functions: Callable[[], object]) -> list[float]:
    """Best processor time of each; they take turns, so that what disturbs one disturbs all."""
    best = [float("inf")] * len(functions)
    for _ in range(rounds):
        for place, function in enumerate(functions):
            started = time.thread_time_ns()
            function()
            best[place] = min(best[place], (time.thread_time_ns() - started) / 1e6)
    return best


@pytest.mark.parametrize("count", [600, 6_000], ids=["a symbol-year", "ten symbol-years"])
def test_five_folds_beside_lightgbm_alone(benchmark: Any, count: int) -> None:
    made, backend = sample(count), Boosting()
    splits = expanding(made)
    job = Job(made, splits, backend, (), 1)
    told = {
        **backend.settings, "objective": "binary", "seed": 1, "deterministic": True,
        "force_col_wise": True, "num_threads": 1, "verbosity": -1, "feature_pre_filter": False,
    }  # fmt: skip

    def folds() -> list[Any]:
        return [fit_piece(job, Piece(fold)).margins for fold in range(5)]

    def limit() -> list[Any]:
        return bare(made, splits, told)

    ours = benchmark.pedantic(folds, rounds=1)
    assert len(ours) == len(limit()) == 5
    least, whole = best_ms(4 if count > 1_000 else 15, limit, folds)

    print(
        f"\n{platform.machine()}, 5 folds of {count:,} rows: LightGBM {least:.0f} ms; with ONNX, "
        f"its checks and its scores {whole:.0f} ms, {whole / least:.2f} times"
    )
    benchmark.extra_info.update(limit_ms=least, folds_ms=whole)


def test_one_row_beside_an_empty_graph(benchmark: Any) -> None:
    made = sample(600)
    onnx = Boosting().fit(made, [3], 1).graph(Calibration(0.8, 0.1))
    manifest = a_manifest(onnx, features=feature_names(["BTCUSDT", "ETHUSDT"]))
    model = Model(manifest, Session(onnx, N), Path())
    empty = Graph()
    empty.node("IsNaN", [INPUT], "missing")
    empty.node("Cast", ["missing"], "counted", to=11)  # to double
    empty.node("ReduceSum", ["counted", empty.constant("axes", np.array([1]))], LOG_ODDS)
    nothing = Session(empty.finished(N), N)
    rows = list(made.rows)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    usual = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])

    def scored_by(score: Callable[[Any], object]) -> Callable[[], object]:
        return lambda: [score(row) for row in rows]

    def by_the_library(row: Any) -> object:
        return usual.run([LOG_ODDS], {INPUT: row[None]})

    benchmark.pedantic(scored_by(model.score), rounds=1)

    def the_same_row(_row: Any) -> object:  # whose branches the processor has learned
        return model.score(rows[0])

    told = best_ms(30, *map(scored_by, (nothing.score, by_the_library, the_same_row, model.score)))
    least, library, known, whole = (1e3 * each / len(rows) for each in told)

    print(
        f"\n{platform.machine()}, one row: a graph that only counts {least:.1f} µs; 150 trees by "
        f"the library's run {library:.1f} µs, by ours, calibrated {whole:.1f} µs, "
        f"{whole / library:.2f} times; the same row again and again {known:.1f} µs"
    )
    benchmark.extra_info.update(limit_us=least, library_us=library, row_us=whole, same_row_us=known)
