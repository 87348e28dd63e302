import math
from dataclasses import replace

import numpy as np
import pytest

from cointrader.backtest.statistics.comparisons import buy_and_hold
from cointrader.backtest.statistics.evidence import MEASURES, Method, Played, measured
from tests.unit.statistics.making import DAY_MS, START_MS, equity_of, trades_of

METHOD = Method(draws=500, random_plays=20)
OF_RANDOM = {"random_mean_r", "random_p"}
OF_HOLDING = {"hold_ratio", "hold_sharpe", "beta_r", "alpha_r", "alpha_r_low"}


def played(r, **changed):
    sides = np.where(np.arange(len(r)) % 2, 1, -1)
    trades = trades_of(r, fees=1.0, slippage=0.5, side=sides)
    value = 1_000.0 + np.concatenate(([0.0], np.cumsum(trades.net)))
    whole = Played(trades, equity_of(value), START_MS, START_MS + max(1, len(r)) * DAY_MS)
    return replace(whole, **changed)


def winners_and_losers(n=300, seed=1):
    return np.random.default_rng(seed).choice([-1.15, 1.85], n, p=[0.55, 0.45])


def test_everything_that_has_a_name_is_measured():
    prices = (START_MS + DAY_MS * np.arange(300), 100.0 + np.arange(300.0))
    whole = played(
        winners_and_losers(),
        random=lambda rng: trades_of(rng.standard_normal(10)),
        holding=buy_and_hold([prices]),
    )

    found = measured(whole, 1, METHOD)

    assert found.keys() == MEASURES.keys()
    assert all(math.isfinite(value) for value in found.values())


def test_comparisons_that_were_left_out_have_no_name():
    found = measured(played(winners_and_losers()), 1, METHOD)

    assert MEASURES.keys() - found.keys() == OF_RANDOM | OF_HOLDING


def test_the_plain_figures_of_a_short_list():
    found = measured(played([2.0, -1.0, -1.0, 1.0]), 7, METHOD)

    assert (found["trades"], found["days"], found["trials"]) == (4, 4, 7)
    assert (found["mean_r"], found["net"], found["profit_factor"]) == (0.25, 10.0, 1.5)
    assert found["mean_r_no_costs"] == pytest.approx(0.4)
    assert found["mean_r_pessimistic"] == pytest.approx(0.175)
    assert found["max_drawdown"] == 20.0
    assert found["mar"] == pytest.approx(10.0 * 365 / 4 / 20.0)


def test_the_order_of_the_trades_does_not_matter():
    whole = played(winners_and_losers())
    turned = replace(whole, trades=whole.trades.take(np.arange(300)[::-1]))

    assert measured(turned, 1, METHOD) == measured(whole, 1, METHOD)


def test_size_does_not_matter_to_what_is_told_in_r():
    whole = played(winners_and_losers())
    trades = whole.trades
    larger = replace(
        trades,
        **{name: 50.0 * getattr(trades, name) for name in ("net", "risk", "fees", "slippage")},
    )
    one, other = (measured(replace(whole, trades=t), 1, METHOD) for t in (trades, larger))
    in_money = {name for name, measure in MEASURES.items() if measure.unit == "money"} | {"mar"}

    assert {name: other[name] for name in one.keys() - in_money} == pytest.approx(
        {name: one[name] for name in one.keys() - in_money}
    )


def test_days_without_trades_count_as_days():
    whole = played(winners_and_losers())
    longer = replace(whole, end_ms=whole.end_ms + 300 * DAY_MS)

    short, long = measured(whole, 1, METHOD), measured(longer, 1, METHOD)

    assert (short["days"], long["days"]) == (300, 600)
    assert abs(long["sharpe_r"]) < abs(short["sharpe_r"])


def test_no_trades_at_all_are_measured_without_a_fall():
    found = measured(played([]), 1, METHOD)

    assert found["trades"] == 0
    assert math.isnan(found["mean_r"])
    assert math.isnan(found["luck"])
    assert math.isnan(found["detectable_r"])


def test_one_trade_detects_nothing():
    assert math.isnan(measured(played([1.0]), 1, METHOD)["detectable_r"])


def test_trades_that_all_win_have_an_infinite_profit_factor_and_are_measured():
    found = measured(played(np.linspace(0.5, 1.5, 40)), 1, METHOD)

    assert found["profit_factor"] == math.inf
    assert found["profit_factor_low"] == math.inf
    assert found["mean_r_low"] > 0.5
