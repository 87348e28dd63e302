import numpy as np
import pytest

from cointrader.backtest.statistics.overfitting import DailyTable, overfitting
from cointrader.domain.errors import MissingCandles

HEAVY = "purgedcv is a heavy check of the statistics, in no lock: pip install purgedcv"


def a_table(days=320, configurations=40, seed=1, edge=0.0):
    """Noise; the first configuration earns `edge` deviations a day."""
    value = np.random.default_rng(seed).standard_normal((days, configurations))
    value[:, 0] += edge
    return DailyTable(np.arange(days), value)


def test_the_best_of_noise_is_about_as_often_in_the_worse_half():
    probabilities = [overfitting(a_table(seed=seed), blocks=10).probability for seed in range(20)]

    assert 0.35 < np.mean(probabilities) < 0.65


def test_a_configuration_that_earns_stays_the_best():
    found = overfitting(a_table(edge=0.5))

    assert found.probability < 0.01
    assert found.loss_ratio < 0.01
    assert (found.future > 0.0).mean() > 0.99


def test_choosing_what_only_shone_once_is_overfitting():
    # Each configuration earns in one stretch of days and loses it in the others.
    value = np.full((160, 8), -0.1)
    for column in range(8):
        value[column * 20 : (column + 1) * 20, column] = 1.0
    value += 0.01 * np.random.default_rng(2).standard_normal(value.shape)

    assert overfitting(DailyTable(np.arange(160), value), blocks=8).probability > 0.9


def test_a_search_among_equals_has_found_nothing():
    column = np.random.default_rng(3).standard_normal(64)
    table = DailyTable(np.arange(64), np.tile(column[:, None], 5))

    assert overfitting(table, blocks=8).probability == 1.0


def test_there_are_as_many_splits_as_ways_to_choose_half_of_the_blocks():
    assert len(overfitting(a_table(), blocks=6).logits) == 20
    assert len(overfitting(a_table()).logits) == 12_870


def test_scale_does_not_matter():
    table = a_table(edge=0.1)
    tiny = DailyTable(table.day, table.value * 1e-9)

    assert overfitting(tiny).logits == pytest.approx(overfitting(table).logits)


def test_a_configuration_that_never_traded_is_no_obstacle():
    table = a_table()
    table.value[:, 5] = 0.0

    assert np.isfinite(overfitting(table, blocks=6).logits).all()


def test_a_table_on_its_side_is_refused():
    with pytest.raises(ValueError, match="a row is a day"):
        DailyTable(np.arange(320), np.zeros((40, 320)))


def test_too_few_days_for_the_blocks_are_told():
    with pytest.raises(MissingCandles, match="too few days") as refused:
        overfitting(a_table(days=31))

    assert "at least 32" in str(refused.value)


@pytest.mark.parametrize("blocks", [0, 7])
def test_halves_need_an_even_number_of_blocks(blocks):
    with pytest.raises(ValueError, match="even"):
        overfitting(a_table(), blocks=blocks)


@pytest.mark.parametrize(("days", "edge", "seed"), [(320, 0.0, 4), (365, 0.05, 5), (100, 0.1, 6)])
def test_probability_and_ranks_are_those_of_purgedcv(days, edge, seed):
    theirs = pytest.importorskip("purgedcv", reason=HEAVY)
    table = a_table(days=days, configurations=12, seed=seed, edge=edge)

    ours = overfitting(table, blocks=8)
    found = theirs.probability_of_backtest_overfitting(table.value.T.copy(), n_splits=8)

    assert ours.probability == found.pbo
    assert sorted(ours.logits) == pytest.approx(sorted(found.logits))
    assert sorted(ours.future) == pytest.approx(sorted(found.is_oos_performance[:, 1]))
