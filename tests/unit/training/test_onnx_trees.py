"""Trees as a graph: the booster's own numbers, on every row there can be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cointrader.backtest.market import Market
from cointrader.domain.errors import ModelError
from cointrader.market.source import FolderSource
from cointrader.model.session import Session
from cointrader.signals.features import features
from cointrader.signals.indicators import Indicators
from cointrader.training.boosting import Boosting, BoostingSettings
from cointrader.training.calibration import UNCHANGED, Calibration
from cointrader.training.onnx_trees import trees_of
from tests.parity.playing import SHARED
from tests.unit.training.samples import NAMES, sample

lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is not installed here")
pytest.importorskip("onnx", reason="onnx is not installed here")

FOLDER = SHARED / "combined"
N = len(NAMES)
DEEP = Boosting(BoostingSettings(num_boost_round=60, num_leaves=31, min_data_in_leaf=5))


@pytest.fixture(scope="module")
def fitted():
    return DEEP.fit(sample(800, edge=1.0), [3, 21], seed=5)


def by_session(fitted, rows, calibration=UNCHANGED):
    return Session(fitted.graph(calibration), N).scores(rows, exactly=False)


def by_booster(fitted, rows, calibration=UNCHANGED):
    return calibration(fitted.margins(rows))


def test_a_graph_says_what_the_booster_says(fitted):
    rows = sample(2_000, seed=9).rows

    assert np.abs(by_session(fitted, rows) - by_booster(fitted, rows)).max() < 1e-12


def test_rows_exactly_on_thresholds_and_beside_them_take_the_boosters_branch(fitted):
    trees = trees_of(fitted.booster.model_to_string())
    column = fitted.used[trees.feature]
    on = np.repeat(sample(1, seed=3, missing=0.0).rows, len(column), axis=0)
    on[np.arange(len(column)), column] = trees.threshold
    rows = np.concatenate([on, on, on])
    place = np.arange(len(column))
    rows[len(column) + place, column] = np.nextafter(trees.threshold, np.inf)
    rows[2 * len(column) + place, column] = np.nextafter(trees.threshold, -np.inf)

    found = by_session(fitted, rows)

    assert np.abs(found - by_booster(fitted, rows)).max() < 1e-12
    assert len(np.unique(found)) > 100, "the rows must lie on different sides of thresholds"
    # in single precision, the difference that this guards against
    with np.errstate(over="ignore"):
        single = rows.astype(np.float32).astype(np.float64)
    assert np.abs(found - by_booster(fitted, single)).max() > 1e-4


def test_missing_values_go_where_the_booster_sends_them():
    gaps = DEEP.fit(sample(800, edge=1.0, missing=0.2), [], seed=5)
    whole = DEEP.fit(sample(800, edge=1.0, missing=0.0), [], seed=5)  # never saw one: reads it as 0
    rows = sample(1_000, seed=8, missing=0.5).rows
    rows[0], rows[1] = np.nan, 0.0
    rows[2], rows[3] = np.inf, -np.inf
    centred = rows - 50.0 * (np.arange(N) == 0)  # so that 0 lies on either side of thresholds

    for fitted in (gaps, whole):
        for shown in (rows, centred):
            assert np.abs(by_session(fitted, shown) - by_booster(fitted, shown)).max() < 1e-12
    assert by_session(whole, rows)[0] == by_session(whole, rows)[1]
    assert by_session(gaps, rows)[0] != by_session(gaps, rows)[1]


def test_columns_that_were_left_out_are_never_looked_at(fitted):
    rows = sample(50, seed=4).rows
    changed = rows.copy()
    changed[:, 3], changed[:, 21] = np.inf, np.nan
    seen = rows.copy()
    seen[:, 0] = 20.0

    assert (by_session(fitted, rows) == by_session(fitted, changed)).all()
    assert (by_session(fitted, rows) != by_session(fitted, seen)).any()


def test_calibration_is_inside(fitted):
    rows, curve = sample(300, seed=4).rows, Calibration(0.4, -0.3)

    found = by_session(fitted, rows, curve)

    assert np.abs(found - by_booster(fitted, rows, curve)).max() < 1e-12
    assert found.max() < by_session(fitted, rows).max()


def test_a_row_has_one_probability_alone_and_among_others(fitted):
    session = Session(fitted.graph(Calibration(0.7, 0.1)), N)
    rows = sample(1_003, seed=12).rows

    together = session.scores(rows)

    assert together.tolist() == [session.score(row) for row in rows]
    assert together[::-1].tolist() == session.scores(rows[::-1]).tolist()


@pytest.mark.parametrize("edge", [0.0, 1.0])
def test_trees_without_a_split_give_the_share_of_ones(edge):
    few = Boosting(BoostingSettings(num_boost_round=3, min_data_in_leaf=1_000))
    known = sample(200, edge=edge)
    fitted = few.fit(known, [], seed=1)
    rows = sample(20, seed=2).rows

    found = by_session(fitted, rows)

    assert len(set(found.tolist())) == 1
    assert np.abs(found - by_booster(fitted, rows)).max() < 1e-12
    share = (known.weight * known.label).sum() / known.weight.sum()
    assert found[0] == pytest.approx(share, abs=1e-6)


@pytest.mark.parametrize(
    ("told", "columns"),
    [
        ({"objective": "regression"}, []),
        ({"objective": "binary", "sigmoid": 2.0}, []),
        ({"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, []),
        ({"objective": "binary", "zero_as_missing": True}, []),
        ({"objective": "binary", "linear_tree": True}, []),
        ({"objective": "binary"}, [NAMES.index("signal_strength")]),
    ],
    ids=["regression", "sigmoid", "forest", "zeros", "linear", "categories"],
)
def test_a_booster_of_another_kind_is_refused(told, columns):
    known = sample(300, edge=1.0)
    told = {**told, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5, "cat_smooth": 1.0}
    rows = known.rows.copy()
    if columns:
        rows = np.abs(np.nan_to_num(rows[:, columns]))
    data = lightgbm.Dataset(
        rows, known.label.astype(float), categorical_feature=[0] if columns else "auto", params=told
    )
    booster = lightgbm.train(told, data, 5)

    with pytest.raises(ModelError, match="cannot be written"):
        trees_of(booster.model_to_string())


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared real candles are not here")
def test_a_year_of_real_rows_and_not_one_is_another():
    source = FolderSource(FOLDER, ["XRPUSDT"], correlation_symbols=["BTCUSDT", "ETHUSDT"])
    frame = Market.of(source, ["XRPUSDT"], ["BTCUSDT", "ETHUSDT"]).frames["XRPUSDT"]
    indicators = Indicators(frame)
    side = np.where(np.arange(len(frame)) % 2, 1, -1)
    rows = features(frame, indicators, side, np.full(len(frame), 3.0))[300:]
    close = frame.candles.close
    later = np.append(close[24:], np.repeat(close[-1], 24))
    label = (later > close)[300:].astype(np.int8)
    known = sample(len(rows))
    learned = replace(known, rows=rows, label=label).take(np.arange(0, len(rows), 10))
    fitted = DEEP.fit(learned, [], seed=1)

    worst = np.abs(by_session(fitted, rows) - by_booster(fitted, rows)).max()

    assert len(rows) > 30_000
    assert worst < 1e-7
