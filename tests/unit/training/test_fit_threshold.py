"""The threshold: most net R for each signal, and not by keeping a handful."""

from __future__ import annotations

import numpy as np

from cointrader.training.threshold import candidates, choose, chosen_before

PROBABILITY = np.linspace(0.3, 0.7, 200)
WITH_EDGE = np.where(PROBABILITY > 0.5, 1.0, -1.0)


def test_the_rows_that_pay_are_kept():
    chosen = choose(PROBABILITY, WITH_EDGE)

    assert 0.499 < chosen.threshold < 0.501
    assert (chosen.share, chosen.mean_r, chosen.total_r) == (0.5, 1.0, 0.5)
    assert chosen.win_ratio == 1.0


def test_a_filter_that_would_only_cost_keeps_everything():
    chosen = choose(PROBABILITY, np.ones(200))

    assert chosen.threshold == 0.0
    assert chosen.share == 1.0


def test_a_losing_strategy_is_not_saved_by_refusing_nearly_all():
    chosen = choose(PROBABILITY, np.full(200, -1.0))

    assert chosen.share >= 0.25
    assert all(each.rows >= 50 for each in candidates(PROBABILITY, np.full(200, -1.0)))


def test_few_rows_are_not_cut_below_thirty():
    few = np.linspace(0.3, 0.7, 40)

    assert min(each.rows for each in candidates(few, -np.ones(40))) == 30


def test_equal_probabilities_stay_together():
    same = np.full(100, 0.5)

    assert [each.threshold for each in candidates(same, np.ones(100))] == [0.0]


def test_no_probability_lies_on_a_threshold():
    rng = np.random.default_rng(1)
    probability = np.round(rng.random(300), 3)

    for each in candidates(probability, rng.normal(size=300)):
        assert each.threshold not in probability
        assert each.rows == (probability >= each.threshold).sum()


def test_a_folds_threshold_is_chosen_before_it():
    fold = np.repeat([0, 1, 2], 200)
    probability = np.tile(PROBABILITY, 3)
    net_r = np.concatenate([WITH_EDGE, -WITH_EDGE, WITH_EDGE])

    passed, used = chosen_before(probability, net_r, fold)

    assert passed[:200].all()
    assert np.isnan(used[:200]).all()
    assert used[200] == choose(PROBABILITY, WITH_EDGE).threshold
    assert used[400] == choose(probability[:400], net_r[:400]).threshold
    assert (passed[200:] == (probability >= used)[200:]).all()
    # what comes later changes nothing
    other = np.concatenate([net_r[:400], -net_r[400:]])
    assert chosen_before(probability, other, fold)[1].tolist()[200:] == used.tolist()[200:]
