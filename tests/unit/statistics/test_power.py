"""The criteria on trades whose edge is known. `python -m benchmarks.power` asks more seeds."""

from dataclasses import replace

import numpy as np
import pytest

from cointrader.backtest.criteria import load_criteria
from cointrader.backtest.power import TradeLists, answers
from cointrader.backtest.statistics.daily import daily_r
from cointrader.backtest.verdict import Answer

SWEEP = 324  # cells


def quick_criteria():
    """The shipped bounds, measured with fewer draws."""
    shipped = load_criteria()
    return replace(shipped, method=replace(shipped.method, draws=1_000, random_plays=25))


def answers_at(net_r, seeds, *, cells=1, **world):
    return answers(
        TradeLists(**world), quick_criteria(), net_r=net_r, seeds=range(seeds), cells=cells
    )


def all_trades(net_r, seeds=40, **world):
    return [played.trades for s in range(seeds) for played in TradeLists(**world).play(s, net_r, 1)]


@pytest.mark.parametrize("net_r", [-0.3, 0.0, 0.3])
def test_made_up_trades_earn_what_they_shall(net_r):
    r = np.concatenate([trades.r for trades in all_trades(net_r)])

    assert len(r) == 20_000
    assert r.mean() == pytest.approx(net_r, abs=0.03)
    assert 1.3 < r.std() < 1.6  # 1.37 to 1.41 on real candles


def test_made_up_trades_follow_their_neighbours_as_told():
    def correlation(neighbours):
        lists = all_trades(0.0, neighbours=neighbours, cost_spread=0.0)
        return np.mean([np.corrcoef(trades.r[1:], trades.r[:-1])[0, 1] for trades in lists])

    assert correlation(0.0) == pytest.approx(0.0, abs=0.02)
    assert correlation(0.4) > 0.2


def test_cells_of_a_search_share_as_many_trades_as_told():
    def common(shared):
        first, second = TradeLists(shared=shared).play(1, 0.0, 2)
        return len(np.intersect1d(first.trades.net, second.trades.net)) / 500

    assert common(0.0) == 0.0
    assert common(0.8) == pytest.approx(0.64, abs=0.08)


def test_the_same_seed_plays_the_same():
    one, same, other = (next(iter(TradeLists().play(seed, 0.1, 1))) for seed in (5, 5, 6))

    assert one.trades.net.tolist() == same.trades.net.tolist()
    assert one.trades.net.tolist() != other.trades.net.tolist()
    assert len(daily_r(one.trades, one.start_ms, one.end_ms)) == 365


@pytest.mark.slow
def test_an_edge_of_0_3_r_over_500_trades_is_found():
    assert answers_at(0.3, 30)[Answer.EDGE] >= 29


@pytest.mark.slow
def test_without_an_edge_none_is_found():
    # Both where costs are just earned back, and where all of them are lost.
    assert answers_at(0.0, 30)[Answer.EDGE] <= 2
    assert answers_at(-0.3, 10) == {Answer.NO_EDGE: 10}


@pytest.mark.slow
@pytest.mark.parametrize("shared", [0.0, 0.7])
def test_the_best_of_a_sweep_without_an_edge_is_no_edge(shared):
    assert answers_at(0.0, 4, cells=SWEEP, shared=shared) == {Answer.NO_EDGE: 4}


@pytest.mark.slow
def test_the_best_of_a_sweep_would_pass_if_its_trials_were_not_counted():
    world, criteria = TradeLists(), quick_criteria()
    fooled = 0
    for seed in range(2):
        cells = list(world.play(seed, 0.0, SWEEP))
        best = max(cells, key=lambda played: played.trades.r.mean())
        lone = type("Lone", (), {"play": lambda self, *_, best=best: [best]})()
        fooled += answers(lone, criteria, net_r=0.0, seeds=[0])[Answer.EDGE]

    assert fooled >= 1


def test_a_few_trades_are_too_little_data_however_good():
    assert answers_at(0.5, 5, trades=60) == {Answer.TOO_LITTLE_DATA: 5}


@pytest.mark.slow
def test_a_smaller_edge_takes_more_trades():
    few = answers_at(0.2, 10, trades=300)[Answer.EDGE]
    many = answers_at(0.2, 10, trades=1_500)[Answer.EDGE]

    assert few < 8
    assert many == 10
