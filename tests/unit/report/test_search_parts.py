"""Heat maps of a search: medians over the settings that a map does not show."""

import numpy as np
import pytest

from cointrader.app.backtest_report import sweep_part, walk_forward_part
from cointrader.app.config import Config
from cointrader.app.paper.market import synthetic_market
from cointrader.app.search.space import search_space
from cointrader.app.search.sweep import Where, sweep
from cointrader.app.search.walkforward import Plan, walk_forward
from cointrader.backtest.report.heat import MOST_MAPS, heat_maps
from cointrader.backtest.statistics.evidence import Method
from tests.unit.report.making import DAY_MS, START_MS

CELLS = [
    {"SL": sl, "TP": tp, "MODE": mode} for sl in ("1", "10", "2") for tp in ("3", "4")
    for mode in ("a", "b")
]  # fmt: skip


def maps_of(value, **more):
    counts = np.arange(len(CELLS)) * 10
    return heat_maps(CELLS, np.asarray(value, float), counts, measure="mean R", **more)


def test_every_pair_of_settings_has_a_map():
    found = maps_of(range(12))

    assert [(each.row_name, each.column_name) for each in found] == [
        ("SL", "TP"),
        ("SL", "MODE"),
        ("TP", "MODE"),
    ]


def test_a_cell_is_the_median_over_the_other_settings():
    first = maps_of([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])[0]

    assert first.rows == ("1", "2", "10")  # numbers by size
    assert first.value.tolist() == [[0.5, 2.5], [8.5, 10.5], [4.5, 6.5]]
    assert first.trades.tolist() == [[5, 25], [85, 105], [45, 65]]
    assert first.others == "median over the other settings"


def test_what_is_not_known_is_left_out():
    first = maps_of([np.nan, 1, np.nan, np.nan, *range(8)])[0]

    assert first.value[0, 0] == 1.0
    assert first.trades[0].tolist() == [10, 0]
    assert np.isnan(first.value[0, 1])


def test_the_chosen_cell_is_marked_in_every_map():
    found = maps_of(range(12), chosen=CELLS[-1])

    assert [each.chosen for each in found] == [(1, 1), (1, 1), (1, 1)]


def test_a_setting_of_one_value_has_no_map():
    cells = [{"SL": "1", "TP": value} for value in "234"]

    assert heat_maps(cells, np.zeros(3), np.zeros(3, np.int64), measure="mean R") == ()


def test_a_search_of_many_settings_has_a_limited_number_of_maps():
    cells = [{f"S{i}": str(n >> i & 1) for i in range(8)} for n in range(256)]

    found = heat_maps(cells, np.zeros(256), np.zeros(256, np.int64), measure="mean R")

    assert len(found) == MOST_MAPS


@pytest.fixture(scope="module")
def search():
    """A market and six configurations to try on it."""
    given = {"symbols": ["XRPUSDT"], "correlation_symbols": [], "sizing": "fixed:1000"}
    config = Config(overrides=given, environ={}, folder="/nonexistent")
    market = synthetic_market(config, 3, START_MS, START_MS + 40 * DAY_MS)
    return search_space(config, ["ATR_SL_MULT=1,2", "ATR_TP_MULT=2,3,4"]), market


def test_a_search_that_was_played_becomes_a_part_of_the_report(search, tmp_path):
    where = Where(jobs=1, is_stored=False, ledger=tmp_path / "trials.db")
    space, market = search
    result = sweep(space, market, least_trades=5, where=where)

    part = sweep_part(result)

    (heat,) = part.maps
    assert heat.value.shape == (2, 3)
    assert heat.chosen is not None
    assert heat.value[heat.chosen] == pytest.approx(result.header.best_mean_r)
    assert part.figures[0].value == result.header.trials == 6


def test_a_walk_forward_that_was_played_becomes_a_part_of_the_report(search, tmp_path):
    where = Where(jobs=1, is_stored=False, ledger=tmp_path / "trials.db")
    plan = Plan(train=15.0, test=8.0, embargo=1.0)
    space, market = search
    result = walk_forward(
        space, market, plan, least_trades=3, where=where, method=Method(draws=100)
    )

    part = walk_forward_part(result)

    assert part.kind == "rolling"
    assert part.coverage_ratio == result.coverage >= 0.95
    assert sum(fold.test.trades for fold in part.folds) == len(result.trades) > 0
    for told, played in zip(part.folds, result.tested, strict=True):
        assert told.test.from_ms == played.fold.test_from_ms >= told.train.to_ms
        assert told.chosen.startswith("ATR_SL_MULT ")
    assert part.equity is result.equity
