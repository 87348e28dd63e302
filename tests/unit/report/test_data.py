"""The numbers of a report are those of the backtest, the verdict and the criteria."""

import math
from dataclasses import replace

import numpy as np
import pytest

from cointrader.app.summary import max_drawdown
from cointrader.backtest.own_trades import trade_columns
from cointrader.backtest.report import report_data
from cointrader.backtest.report.data import fall_ratio, notes_of
from cointrader.backtest.report.figures import histogram, months_between
from cointrader.backtest.report.inputs import HeatMap
from cointrader.backtest.statistics.costs import by_costs
from cointrader.backtest.statistics.groups import by_month
from cointrader.domain.errors import DataError
from cointrader.market.quality import Finding, Kind, Severity
from tests.unit.report.making import SYMBOLS, played_inputs


@pytest.fixture(scope="module")
def inputs():
    return played_inputs()


@pytest.fixture(scope="module")
def data(inputs):
    return report_data(inputs)


def test_the_account_is_the_one_that_was_played(inputs, data):
    account, result = data.account, inputs.account

    assert account.final_wallet == result.final_wallet
    assert account.trades.trades == len(result.trades) > 20
    assert account.trades.wins == int((result.trades["net"] > 0).sum())
    assert account.trades.net == pytest.approx(result.final_wallet - result.start_wallet)
    assert account.max_drawdown_ratio == pytest.approx(max_drawdown(result.equity.tolist()))


def test_the_own_trades_are_those_that_were_judged(inputs, data):
    measures, own = inputs.judged.verdict.measures, data.own.trades

    assert own.trades == measures["trades"] > data.account.trades.trades
    assert own.mean_r == pytest.approx(measures["mean_r"])
    assert own.profit_factor == pytest.approx(measures["profit_factor"])
    assert (own.low, own.high) == (measures["mean_r_low"], measures["mean_r_high"])


def test_cost_scenarios_are_those_of_the_statistics(inputs, data):
    columns = trade_columns(inputs.judged.result, inputs.slippage)

    assert data.own.scenarios == by_costs(columns)
    found = data.own.scenarios
    assert found["pessimistic"].mean_r < found["own"].mean_r < found["none"].mean_r


def test_costs_add_up_to_the_net_result(inputs):
    costs = inputs.costs

    assert costs.gross - costs.fees + costs.funding == pytest.approx(costs.net)
    assert costs.slippage > 0


def test_months_add_up_to_the_whole(inputs, data):
    assert [month.name for month in data.months] == ["2025-01", "2025-02", "2025-03"]
    assert sum(month.own_trades for month in data.months) == data.own.trades.trades
    assert sum(month.own_r for month in data.months) == pytest.approx(
        inputs.judged.result.r_multiples.sum()
    )
    assert sum(month.account_trades for month in data.months) == data.account.trades.trades
    assert sum(month.account_net for month in data.months) == pytest.approx(data.account.trades.net)
    grown = math.prod(1.0 + month.account_ratio for month in data.months)
    assert grown == pytest.approx(data.account.final_wallet / data.account.start_wallet)


def test_months_are_those_of_the_statistics(inputs, data):
    expected = by_month(trade_columns(inputs.judged.result, inputs.slippage))

    for month in data.months:
        assert month.own_trades == expected[month.name].trades
        assert month.own_r / month.own_trades == pytest.approx(expected[month.name].mean_r)


def test_months_without_a_trade_are_there_too():
    november_to_february = months_between(1_731_000_000_000, 1_739_000_000_000)

    assert november_to_february == ["2024-11", "2024-12", "2025-01", "2025-02"]


def test_sides_and_symbols_divide_all_trades(inputs, data):
    measures = inputs.judged.verdict.measures

    assert [group.name for group in data.sides] == ["long", "short"]
    assert data.sides[0].mean_r == pytest.approx(measures["mean_r_long"])
    assert data.sides[1].mean_r == pytest.approx(measures["mean_r_short"])
    assert [group.name for group in data.symbols] == SYMBOLS
    for groups in (data.sides, data.symbols):
        assert sum(group.trades for group in groups) == data.own.trades.trades
        assert all(group.low < group.mean_r < group.high for group in groups)
    for groups in (data.account_sides, data.account_symbols):
        assert sum(group.net for group in groups) == pytest.approx(data.account.trades.net)


def test_reasons_and_refusals_are_counted_as_the_result_counts_them(inputs, data):
    assert {each.key: each.count for each in data.refusals} == inputs.account.refusals
    assert {each.key: each.count for each in data.reasons} == inputs.judged.result.reasons
    assert {each.key: each.count for each in data.account_reasons} == inputs.account.reasons
    assert all(each.words for each in (*data.refusals, *data.reasons))


def test_without_a_verdict_the_account_is_all_there_is():
    data = report_data(played_inputs(is_judged=False))

    assert data.own is None
    assert sum(group.trades for group in data.sides) == data.account.trades.trades
    assert sum(data.histogram.counts) == data.account.trades.trades
    assert data.charts["own"] is None
    assert all(month.own_trades == 0 for month in data.months)


def test_without_equity_there_is_no_curve_and_no_monthly_return(inputs):
    bare = replace(inputs.account, equity=np.zeros(0), wallet=np.zeros(0))

    data = report_data(replace(inputs, account=bare))

    assert data.account.curve is None
    assert all(math.isnan(month.account_ratio) for month in data.months)


def test_a_backtest_without_a_trade_is_told_too(inputs):
    def none_of(result):
        return replace(result, trades=result.trades[:0], final_wallet=result.start_wallet)

    quiet = replace(played_inputs(is_judged=False), account=none_of(inputs.account))

    data = report_data(quiet)

    assert data.histogram.counts == ()
    assert data.account.trades.trades == 0
    assert math.isnan(data.account.trades.mean_r)


def test_histogram_holds_every_trade_and_no_bar_mixes_winners_and_losers():
    r = np.array([-1.1, -1.0, -0.01, 0.0, 0.24, 0.25, 1.9, np.nan])

    found = histogram(r)

    assert found.edges[0] == -1.25
    assert found.edges[-1] == 2.0
    assert dict(zip(found.edges, found.counts, strict=False)) == {
        -1.25: 1, -1.0: 1, -0.75: 0, -0.5: 0, -0.25: 1,
        0.0: 2, 0.25: 1, 0.5: 0, 0.75: 0, 1.0: 0, 1.25: 0, 1.5: 0, 1.75: 1,
    }  # fmt: skip
    assert found.without_r == 1
    assert found.median == 0.0


def test_histogram_counts_far_results_in_its_outermost_bars():
    found = histogram(np.array([-80.0, -1.0, 2.0, 500.0]))

    assert sum(found.counts) == 4
    assert found.counts[0] == found.counts[-1] == 1
    assert len(found.counts) <= 50
    assert found.edges[0] >= -13.0
    assert found.edges[-1] <= 13.0


def test_histogram_of_equal_results_is_one_bar():
    assert histogram(np.array([1.0, 1.0])).counts == (2,)


def test_fall_is_measured_from_the_highest_value_so_far():
    fall = fall_ratio(np.array([100.0, 110.0, 99.0, 121.0, 60.5]))

    assert fall.tolist() == pytest.approx([0.0, 0.0, -0.1, 0.0, -0.5])


def test_findings_of_one_kind_are_told_in_one_line(inputs):
    findings = [
        Finding(Kind.JUMP, 5, 1_000, "away", Severity.SUSPECT),
        Finding(Kind.JUMP, 9, 2_000, "far away", Severity.SUSPECT),
        Finding(Kind.ZERO_VOLUME, 3, 3_000, "nothing", Severity.SUSPECT),
    ]

    notes = notes_of(replace(inputs, findings={"XRPUSDT": findings}))

    assert [(note.kind, note.count, note.detail) for note in notes] == [
        ("jump", 2, "away"),
        ("zero-volume", 1, "nothing"),
    ]


def test_a_heat_map_must_fit_its_axes():
    with pytest.raises(DataError, match="do not fit"):
        HeatMap("a", ("1",), "b", ("1", "2"), np.zeros((2, 1)), np.zeros((2, 1), np.int64), "x")


def test_the_same_inputs_give_the_same_numbers(inputs, data):
    again = report_data(inputs)

    assert again.charts == data.charts
    assert again.months == data.months
    assert again.sides == data.sides
