from dataclasses import fields

import numpy as np
import pytest

from cointrader.backtest.statistics.columns import (
    Equity,
    TradeColumns,
    distinct,
    joined,
    no_trades,
)
from cointrader.domain.errors import DataError
from tests.unit.statistics.making import trades_of


def columns(**changed):
    whole = {
        "entry_ms": np.array([0, 10]),
        "exit_ms": np.array([5, 20]),
        "side": np.array([1, -1]),
        "net": np.array([3.0, -1.0]),
        "risk": np.array([2.0, 4.0]),
        "fees": np.array([0.5, 0.5]),
        "slippage": np.array([0.25, 0.0]),
        "funding": np.array([0.0, 0.1]),
    }
    return TradeColumns(**(whole | changed))


def test_r_is_the_net_result_over_the_risk():
    assert columns().r.tolist() == [1.5, -0.25]


def test_costs_are_fees_and_slippage_without_funding():
    assert columns().costs.tolist() == [0.75, 0.5]


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("side", [1, 0], "row 1"),
        ("risk", [2.0, 0.0], "a trade without a stop has no R"),
        ("net", [np.nan, 1.0], "no number in row 0"),
        ("exit_ms", [5, 9], "row 1"),
        ("fees", [0.5], "shape"),
    ],
)
def test_columns_that_are_no_trades_are_refused_with_the_row(name, values, says):
    with pytest.raises(DataError, match="no trades") as refused:
        columns(**{name: np.array(values)})

    assert name in str(refused.value)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("name", "values"), [("risk", [1e-6, 1e6]), ("exit_ms", [0, 10]), ("funding", [-3.0, 3.0])]
)
def test_the_smallest_risk_and_an_exit_at_its_entry_are_trades(name, values):
    assert len(columns(**{name: np.array(values)})) == 2


def test_columns_that_all_lie_on_their_side_are_refused():
    whole = trades_of([1.0, 2.0])

    with pytest.raises(DataError, match="shape"):
        TradeColumns(*(getattr(whole, each.name)[None, :] for each in fields(whole)))


def test_trades_that_end_together_are_in_order_of_their_entries():
    trades = columns(entry_ms=np.array([10, 0]), exit_ms=np.array([20, 20]))

    assert trades.in_order().entry_ms.tolist() == [0, 10]


def test_joined_symbols_are_in_order_of_their_exits():
    late, early = trades_of([1.0, 2.0], days=[5, 7]), trades_of([3.0, 4.0], days=[2, 6])

    assert joined([late, early]).r.tolist() == [3.0, 1.0, 4.0, 2.0]


def test_no_trades_have_a_length_of_0():
    assert len(no_trades()) == 0
    assert len(no_trades().in_order()) == 0


def test_equity_may_have_two_values_at_one_time():
    assert len(Equity(np.array([1, 1]), np.array([5.0, 6.0])).value) == 2


@pytest.mark.parametrize(
    ("times", "values"),
    [([], []), ([1, 2], [1.0]), ([2, 1], [1.0, 1.0]), ([1, 2], [1.0, np.nan])],
)
def test_equity_that_is_no_column_is_refused(times, values):
    with pytest.raises(DataError, match="equity is no column"):
        Equity(np.array(times, np.int64), np.array(values))


@pytest.mark.parametrize("values", [[], [3], [3, 1, 3, 2, 1, 3], [2, 2, 2], [5, 4, 4, 4, 1]])
def test_different_values_come_once_each_and_ascending(values):
    values = np.array(values, np.int64)

    assert distinct(values).tolist() == np.unique(values).tolist()
