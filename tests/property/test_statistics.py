"""What holds of the statistics whatever the trades."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cointrader.backtest.statistics.bootstrap import (
    interval,
    mean_of,
    optimal_block_length,
    profit_factor_of,
    stationary_rows,
)
from cointrader.backtest.statistics.columns import TradeColumns
from cointrader.backtest.statistics.costs import SCENARIOS, at_costs, bearable_costs
from cointrader.backtest.statistics.daily import daily_changes, daily_r
from cointrader.backtest.statistics.groups import by_month, by_side
from cointrader.backtest.statistics.metrics import drawdown, profit_factor
from cointrader.backtest.statistics.overfitting import DailyTable, overfitting
from cointrader.backtest.statistics.sharpe import (
    Moments,
    deflated_sharpe,
    luck,
    minimum_track_record,
    probabilistic_sharpe,
)
from tests.unit.statistics.making import DAY_MS, START_MS, equity_of

MONEY = st.floats(-1e4, 1e4, allow_nan=False).map(lambda value: round(value, 4))


def series(least=1, most=60):
    return st.integers(least, most).flatmap(lambda n: arrays(np.float64, n, elements=MONEY))


@st.composite
def trade_lists(draw):
    n = draw(st.integers(0, 40))
    risk = draw(arrays(np.float64, n, elements=st.floats(0.1, 100.0)))
    cost = draw(arrays(np.float64, n, elements=st.floats(0.0, 5.0)))
    bars = draw(arrays(np.int64, n, elements=st.integers(0, 96 * 99)))
    held = draw(arrays(np.int64, n, elements=st.integers(0, 90)))
    return TradeColumns(
        entry_ms=START_MS + bars * 900_000,
        exit_ms=START_MS + (bars + held) * 900_000,
        side=draw(arrays(np.int64, n, elements=st.sampled_from([-1, 1]))),
        net=draw(arrays(np.float64, n, elements=MONEY)),
        risk=risk,
        fees=cost,
        slippage=cost / 3.0,
        funding=np.zeros(n),
    )


@given(trade_lists())
def test_days_sides_and_months_hold_every_trade_once(trades):
    daily = daily_r(trades, START_MS, START_MS + 100 * DAY_MS)

    assert len(daily) == 100
    assert math.isclose(daily.value.sum(), trades.r.sum(), abs_tol=1e-6, rel_tol=1e-9)
    for parts in (by_side(trades), by_month(trades)):
        assert sum(part.trades for part in parts.values()) == len(trades)
        assert math.isclose(
            sum(part.net for part in parts.values()), trades.net.sum(), abs_tol=1e-6
        )


@given(trade_lists())
def test_higher_costs_never_help_and_own_costs_change_nothing(trades):
    none, own, pessimistic = (at_costs(trades, scenario).net for scenario in SCENARIOS)

    assert (none >= own).all()
    assert (own >= pessimistic).all()
    assert np.array_equal(own, trades.net)


@given(trade_lists())
def test_costs_are_earned_exactly_where_the_mean_r_is_not_below_0(trades):
    if len(trades) and trades.costs.sum() > 0.0 and abs(trades.r.mean()) > 1e-6:
        assert (bearable_costs(trades) > 1.0) is bool(trades.r.mean() > 0.0)


@given(series(), st.integers(1, 48))
def test_daily_changes_add_up_and_the_drawdown_is_within_the_range(values, hours):
    equity = equity_of(values, step_ms=hours * 3_600_000)

    assert math.isclose(daily_changes(equity).value.sum(), values[-1] - values[0], abs_tol=1e-6)
    assert 0.0 <= drawdown(equity).amount <= values.max() - values.min()


@given(series())
def test_a_profit_factor_is_above_1_exactly_for_a_profit(values):
    factor = profit_factor(values)

    if abs(values.sum()) > 1e-6:
        assert (factor > 1.0) is bool(values.sum() > 0.0)


@given(series(2), st.floats(1.0, 20.0), st.integers(0, 2**32))
def test_drawn_rows_are_rows_and_an_interval_holds_no_figure_that_none_could_have(
    values, block, seed
):
    rows = np.concatenate(
        list(stationary_rows(len(values), block, 50, np.random.default_rng(seed)))
    )
    found = interval(mean_of, values, seed=seed, draws=100, block=block)

    assert rows.shape == (50, len(values))
    assert rows.min() >= 0
    assert rows.max() < len(values)
    assert values.min() - 1e-6 <= found.low <= found.high <= values.max() + 1e-6


@given(series())
def test_profit_factors_of_drawn_series_are_never_unknown(values):
    found = interval(profit_factor_of, values, seed=1, draws=100)

    assert 0.0 <= found.low <= found.high


@given(series(1, 300))
def test_block_lengths_are_from_1_to_three_roots(values):
    assert 1.0 <= optimal_block_length(values) <= max(1.0, math.ceil(3 * len(values) ** 0.5))


@given(
    st.integers(3, 5_000),
    st.floats(-1.0, 1.0),
    st.floats(-3.0, 3.0),
    st.floats(0.0, 20.0),
    st.integers(1, 10_000),
)
def test_more_trials_never_make_a_result_better(n, sharpe, skew, beyond, trials):
    # No distribution has a kurtosis below 1 + skew squared.
    moments = Moments(n, sharpe, skew, 1.0 + skew**2 + beyond)

    assert 0.0 <= deflated_sharpe(moments, trials) <= probabilistic_sharpe(moments) <= 1.0
    assert 0.0 <= luck(moments, 1) <= luck(moments, trials) <= 1.0
    assert minimum_track_record(moments) >= 1.0


@given(st.integers(0, 2**32), st.integers(2, 8), st.sampled_from([2, 4, 6]))
def test_overfitting_does_not_depend_on_the_order_of_the_configurations(seed, columns, blocks):
    value = np.random.default_rng(seed).standard_normal((40, columns))
    days = np.arange(40)

    one = overfitting(DailyTable(days, value), blocks)
    turned = overfitting(DailyTable(days, value[:, ::-1]), blocks)

    assert 0.0 <= one.probability <= 1.0
    assert one.probability == turned.probability
