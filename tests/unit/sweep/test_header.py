"""What a search is worth: noise is told to be noise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cointrader.backtest.sweep import ranking
from cointrader.backtest.sweep.figures import FIGURES
from cointrader.backtest.sweep.header import CellTable, header_of

CELLS, DAYS = 324, 365


def a_table(daily, *, trades=300):
    """One trade of that R a day; the past is the first 70 % of the days."""
    figures = np.zeros((len(daily), 3), FIGURES)
    cut = round(0.7 * daily.shape[1])
    for window, part in enumerate((daily, daily[:, :cut], daily[:, cut:])):
        row = figures[:, window]
        row["trades"] = row["with_r"] = trades * part.shape[1] // daily.shape[1]
        row["r"] = row["net"] = part.sum(axis=1)
        row["r_squared"] = (part**2).sum(axis=1)
        row["won"] = np.maximum(part, 0).sum(axis=1)
        row["lost"] = -np.minimum(part, 0).sum(axis=1)
    return CellTable(figures, daily, 20_000)


def noise(seed, *, cells=CELLS, mean=0.0):
    return np.random.default_rng(seed).normal(mean, 1.0, (cells, DAYS))


def slump_of(header):
    assert header.slump is not None
    return header.slump


def test_the_best_of_pure_noise_is_told_to_be_luck():
    headers = [header_of(a_table(noise(s)), trials=CELLS, least_trades=100) for s in range(8)]

    assert 0.35 < np.mean([header.overfitting for header in headers]) < 0.65
    assert np.mean([header.best_mean_r for header in headers]) > 0.12  # and looks well
    assert np.mean([header.luck for header in headers]) > 0.2
    assert np.mean([header.deflated_sharpe for header in headers]) < 0.7
    slumps = [slump_of(header) for header in headers]
    falls = [slump.past_mean_r - slump.future_mean_r for slump in slumps]
    assert min(falls) > 0.0  # what was chosen on noise does not stay


def test_one_cell_that_is_truly_better_is_told_to_be():
    daily = noise(1)
    daily[77] += 0.35

    header = header_of(a_table(daily), trials=CELLS, least_trades=100)

    assert header.best == 77
    assert header.overfitting < 0.05
    assert header.deflated_sharpe > 0.95
    assert header.luck < 0.01
    assert slump_of(header).cell == 77
    assert slump_of(header).future_mean_r > 0.2


def test_more_trials_deflate_more():
    table = a_table(noise(1, cells=40, mean=0.1))

    few, many = (header_of(table, trials=n, least_trades=100) for n in (40, 40_000))

    assert many.deflated_sharpe < few.deflated_sharpe
    assert many.luck > few.luck


def test_a_cell_of_few_trades_is_not_the_best():
    daily = noise(2, cells=20)
    daily[3] += 1.0
    table = a_table(daily)
    table.figures["trades"][3] = 16

    header = header_of(table, trials=20, least_trades=100)

    assert header.best != 3
    assert header.enough == 19


def test_where_no_cell_has_enough_trades_nothing_is_told():
    header = header_of(a_table(noise(2, cells=5), trades=50), trials=5, least_trades=100)

    assert header.best is None
    assert header.slump is None
    for value in (
        header.profitable,
        header.best_mean_r,
        header.deflated_sharpe,
        header.overfitting,
    ):
        assert math.isnan(value)


def test_figures_of_a_row_are_the_usual_ones():
    r = np.array([2.0, -1.0, -1.0, 2.0, -1.0, 0.5])
    row = np.zeros(1, FIGURES)
    row["trades"] = row["with_r"] = 6
    row["wins"] = 3
    row["r"], row["r_squared"] = r.sum(), (r**2).sum()
    row["won"], row["lost"] = 4.5, 3.0

    assert ranking.mean_r(row)[0] == pytest.approx(0.25)
    assert ranking.deviation_r(row)[0] == pytest.approx(r.std(ddof=1))
    assert ranking.t_value(row)[0] == pytest.approx(0.25 / (r.std(ddof=1) / math.sqrt(6)))
    assert ranking.profit_factor(row)[0] == 1.5
    assert ranking.win_ratio(row)[0] == 0.5


def test_a_profit_factor_without_a_loss_is_infinite():
    row = np.zeros(2, FIGURES)
    row["won"] = 3.0, 0.0

    factors = ranking.profit_factor(row)

    assert factors[0] == math.inf
    assert math.isnan(factors[1])


@pytest.mark.parametrize("by", ranking.CHOICES)
def test_the_first_of_equals_is_chosen(by):
    rows = np.zeros(3, FIGURES)
    rows["trades"] = rows["with_r"] = 10
    rows["r"], rows["r_squared"], rows["net"], rows["won"], rows["lost"] = 1.0, 5.0, 1.0, 3.0, 2.0

    assert ranking.chosen(rows, by, 10) == 0
    assert ranking.chosen(rows, by, 11) is None
