import math
from statistics import NormalDist

import numpy as np
import pytest

from cointrader.backtest.statistics.sharpe import (
    Moments,
    deflated_sharpe,
    detectable,
    expected_best,
    luck,
    minimum_track_record,
    probabilistic_sharpe,
    score,
)

HEAVY = "purgedcv is a heavy check of the statistics, in no lock: pip install purgedcv"


def returns(n=365, mean=0.05, seed=1):
    return mean + np.random.default_rng(seed).standard_t(5, n)


def test_moments_are_plain_sample_moments():
    moments = Moments.of(np.array([1.0, 2.0, 3.0, 6.0]))

    assert moments.observations == 4
    assert moments.sharpe == pytest.approx(3.0 / math.sqrt(14 / 3))
    assert moments.skew == pytest.approx(4.5 / 3.5**1.5)
    assert moments.kurtosis == pytest.approx(24.5 / 3.5**2)


def test_the_paper_s_example_of_a_probabilistic_sharpe_ratio():
    # Bailey & Lopez de Prado (2012): 24 monthly returns, annual Sharpe 1.59, skew -2.448,
    # kurtosis 10.164 give 0.913 against a benchmark of 0 where normal returns give 0.982.
    monthly = 1.59 / math.sqrt(12)

    assert probabilistic_sharpe(Moments(24, monthly, 0.0, 3.0)) == pytest.approx(0.982, abs=0.002)
    assert probabilistic_sharpe(Moments(24, monthly, -2.448, 10.164)) == pytest.approx(
        0.913, abs=0.002
    )


def test_the_paper_s_example_of_a_deflated_sharpe_ratio():
    # Bailey & Lopez de Prado (2014): annual Sharpe 2.5 over 1250 days, best of 100 trials whose
    # annual Sharpe ratios have a variance of 1/2; skew -3, kurtosis 10: expected best 0.1132
    # a day, deflated Sharpe ratio 0.9004.
    moments = Moments(1250, 2.5 / math.sqrt(250), -3.0, 10.0)

    assert expected_best(100, 0.5 / 250) == pytest.approx(0.1132, abs=1e-4)
    assert deflated_sharpe(moments, 100, 0.5 / 250) == pytest.approx(0.9004, abs=1e-4)


def test_one_trial_is_not_deflated():
    moments = Moments.of(returns())

    assert expected_best(1, 1.0) == 0.0
    assert deflated_sharpe(moments, 1) == probabilistic_sharpe(moments)
    assert luck(moments, 1) == pytest.approx(1.0 - probabilistic_sharpe(moments))


def test_the_expected_best_is_what_trials_without_skill_reach():
    trials = np.random.default_rng(5).standard_normal((20_000, 324))

    assert expected_best(324, 1.0) == pytest.approx(trials.max(axis=1).mean(), abs=0.03)


def test_luck_is_how_often_the_best_of_trials_without_skill_does_as_well():
    best = np.random.default_rng(6).standard_normal((20_000, 324)).max(axis=1)
    moments = Moments(100_001, 3.5 / math.sqrt(100_000), 0.0, 3.0)  # 3.5 standard errors above 0

    assert score(moments) == pytest.approx(3.5, abs=1e-3)
    assert luck(moments, 324) == pytest.approx((best >= 3.5).mean(), abs=0.005)


def test_more_trials_leave_less_of_a_result():
    moments = Moments.of(returns(mean=0.2))
    of_many = [deflated_sharpe(moments, trials) for trials in (1, 10, 100, 1_000)]
    by_luck = [luck(moments, trials) for trials in (1, 10, 100, 1_000)]

    assert of_many == sorted(of_many, reverse=True)
    assert by_luck == sorted(by_luck)


def test_luck_far_out_is_small_and_not_0():
    moments = Moments(1_001, 12.0 / math.sqrt(1_000), 0.0, 1.0)

    assert 0.0 < luck(moments, 324) < 1e-28


def test_a_loser_is_all_luck():
    assert luck(Moments.of(returns(mean=-3.0)), 10) == pytest.approx(1.0)


def test_after_the_minimum_track_record_one_is_as_sure_as_asked():
    moments = Moments(365, 0.08, -0.4, 5.0)

    days = minimum_track_record(moments, confidence=0.95)
    reached = Moments(round(days), 0.08, -0.4, 5.0)

    assert days == pytest.approx(439.97, abs=0.01)
    assert probabilistic_sharpe(reached) == pytest.approx(0.95, abs=1e-4)


def test_no_track_record_proves_a_sharpe_ratio_that_is_not_there():
    assert minimum_track_record(Moments(365, -0.01, 0.0, 3.0)) == math.inf


def test_a_series_without_a_deviation_tells_nothing():
    moments = Moments.of(np.ones(10))

    assert math.isnan(probabilistic_sharpe(moments))
    assert math.isnan(deflated_sharpe(moments, 5))
    assert math.isnan(luck(moments, 5))
    assert math.isnan(minimum_track_record(moments))


def test_a_detectable_mean_is_found_with_the_power_it_is_told_for():
    edge = detectable(0.1, luck_limit=0.02, power=0.8)

    # A mean is taken to be real from 2.054 errors on; 80 of 100 draws around the edge are above.
    passed = 1.0 - NormalDist(edge, 0.1).cdf(0.1 * NormalDist().inv_cdf(0.98))
    assert edge == pytest.approx(0.2895, abs=1e-4)
    assert passed == pytest.approx(0.8)


@pytest.mark.parametrize("seed", range(5))
def test_probabilities_are_those_of_purgedcv(seed):
    theirs = pytest.importorskip("purgedcv", reason=HEAVY)
    values = returns(mean=0.1, seed=seed)
    moments = Moments.of(values)

    # Its moments are corrected for the sample's size and ours are not: hence the tolerance.
    assert probabilistic_sharpe(moments) == pytest.approx(
        theirs.probabilistic_sharpe_ratio(values, 0.0), abs=2e-3
    )
    assert deflated_sharpe(moments, 324, 0.002) == pytest.approx(
        theirs.deflated_sharpe_ratio(values, 324, 0.002), abs=2e-3
    )


def test_formulas_are_those_of_purgedcv_when_the_moments_are_the_same():
    theirs = pytest.importorskip("purgedcv", reason=HEAVY)

    assert math.ceil(minimum_track_record(Moments(365, 0.08, -0.4, 5.0))) == (
        theirs.min_track_record_length(0.08, 0.0, 0.05, -0.4, 5.0)
    )


def test_moments_are_those_of_scipy():
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed here")
    values = returns(seed=9)
    moments = Moments.of(values)

    assert moments.skew == pytest.approx(stats.skew(values))
    assert moments.kurtosis == pytest.approx(stats.kurtosis(values, fisher=False))
