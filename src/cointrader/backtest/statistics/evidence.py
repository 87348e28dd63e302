"""Everything that is measured of a strategy's own trades, by name.

Its own trades are those of a fixed size that no halt kept from being made: what a rule is worth is
one question, how an account fares with it another. The names are those that criteria ask for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cointrader.backtest.statistics import costs, groups, metrics
from cointrader.backtest.statistics.bootstrap import (
    DRAWS,
    Interval,
    interval,
    mean_of,
    profit_factor_of,
)
from cointrader.backtest.statistics.columns import Equity, Floats, TradeColumns
from cointrader.backtest.statistics.comparisons import (
    RANDOM_PLAYS,
    Holding,
    RandomEntries,
    against_random,
    market_share,
)
from cointrader.backtest.statistics.daily import daily_changes, daily_r
from cointrader.backtest.statistics.sharpe import (
    Moments,
    deflated_sharpe,
    detectable,
    luck,
    minimum_track_record,
    probabilistic_sharpe,
)


@dataclass(frozen=True, slots=True)
class Method:
    """How things are measured; part of the criteria, as it moves the numbers.

    Parameters
    ----------
    confidence : share of the drawn figures inside an interval, and what the minimum track record
        length is for
    draws : resampled series per interval
    seed : of everything that is drawn
    random_plays : plays with random entries
    luck_limit, power : for which `detectable_r` is told
    """

    confidence: float = 0.95
    draws: int = DRAWS
    seed: int = 1
    random_plays: int = RANDOM_PLAYS
    luck_limit: float = 0.01
    power: float = 0.80


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """One configuration played over one data set with a fixed size and no halts.

    Parameters
    ----------
    trades : the closed trades, in any order
    equity : marked at each bar's open; from any starting value
    start_ms, end_ms : the time in which entries could be made, end excluded
    random : plays the same with random entries; None leaves that comparison out
    holding : buying and keeping the same symbols; None leaves that comparison out
    """

    trades: TradeColumns
    equity: Equity
    start_ms: int
    end_ms: int
    random: RandomEntries | None = None
    holding: Holding | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """What a name means, in words that finish "the strategy's ..."."""

    words: str
    unit: str  # "R", "money", "ratio", "share", "count", "days", "times"


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "trades": Measure("number of trades", "count"),
        "days": Measure("days played", "days"),
        "months": Measure("months with trades", "count"),
        "trials": Measure("configurations tried on these data, this one included", "count"),
        "net": Measure("net result", "money"),
        "mean_r": Measure("mean result of a trade", "R"),
        "mean_r_low": Measure("mean result of a trade, lower end of its interval", "R"),
        "mean_r_high": Measure("mean result of a trade, upper end of its interval", "R"),
        "detectable_r": Measure("smallest true mean that so many trades would show", "R"),
        "deviation_r": Measure("deviation of a trade's result", "R"),
        "win_ratio": Measure("share of winners", "share"),
        "payoff": Measure("mean winner over mean loser", "times"),
        "profit_factor": Measure("profit factor", "times"),
        "profit_factor_low": Measure("profit factor, lower end of its interval", "times"),
        "profit_factor_high": Measure("profit factor, upper end of its interval", "times"),
        "mean_r_long": Measure("mean result of a long trade", "R"),
        "mean_r_short": Measure("mean result of a short trade", "R"),
        "weakest_side_r": Measure("mean result of the worse side", "R"),
        "mean_r_without_best_month": Measure("mean result without the best month", "R"),
        "winning_months": Measure("share of winning months", "share"),
        "mean_r_no_costs": Measure("mean result without costs", "R"),
        "mean_r_pessimistic": Measure("mean result at costs half as high again", "R"),
        "bearable_costs": Measure("costs that would eat all profit, over those paid", "times"),
        "sharpe": Measure("Sharpe ratio a year, of daily marked profit", "ratio"),
        "sharpe_r": Measure("Sharpe ratio a year, of R by day", "ratio"),
        "probabilistic_sharpe": Measure("probability of a Sharpe ratio above 0", "share"),
        "deflated_sharpe": Measure("deflated Sharpe ratio", "share"),
        "luck": Measure("probability of so good a result by luck, all trials counted", "share"),
        "minimum_track_record_days": Measure("days needed to tell its Sharpe from 0", "days"),
        "max_drawdown": Measure("largest fall of marked equity", "money"),
        "longest_drawdown_days": Measure("longest time below a former high", "days"),
        "mar": Measure("profit a year over the largest fall", "times"),
        "random_mean_r": Measure("mean result of random entries", "R"),
        "random_p": Measure("how often random entries do as well", "share"),
        "hold_ratio": Measure("result of buying and holding", "share"),
        "hold_sharpe": Measure("Sharpe ratio a year of buying and holding", "ratio"),
        "beta_r": Measure("R earned a day per unit of the market's return", "R"),
        "alpha_r": Measure("R earned a year without the market", "R"),
        "alpha_r_low": Measure("R earned a year without the market, lower end", "R"),
    }
)


def measured(played: Played, trials: int, method: Method | None = None) -> dict[str, float]:
    """Every figure of `MEASURES` that this run can tell.

    Parameters
    ----------
    trials : configurations ever tried on these data, this one included

    Returns
    -------
    NaN for what these trades cannot tell, such as a deviation of one trade; infinity where that is
    the answer. Names of a comparison that was left out are missing.
    """
    method = method or Method()
    trades = played.trades.in_order()
    return {
        **_counts(trades, played, trials),
        **_results(trades, method),
        **_groups(trades),
        **_sharpes(trades, played, trials, method),
        **_comparisons(trades, played, method),
    }


def _counts(trades: TradeColumns, played: Played, trials: int) -> dict[str, float]:
    return {
        "trades": float(len(trades)),
        "days": float(len(daily_r(trades, played.start_ms, played.end_ms))),
        "months": float(len(groups.by_month(trades))),
        "trials": float(trials),
    }


def _results(trades: TradeColumns, method: Method) -> dict[str, float]:
    total = metrics.totals(trades)
    mean = _interval(mean_of, trades.r, method)
    factor = _interval(profit_factor_of, trades.net, method)
    return {
        "net": total.net,
        "mean_r": total.mean_r,
        "mean_r_low": mean.low,
        "mean_r_high": mean.high,
        "detectable_r": _detectable(mean.error, len(trades), method),
        "deviation_r": total.deviation_r,
        "win_ratio": total.win_ratio,
        "payoff": total.payoff,
        "profit_factor": total.profit_factor,
        "profit_factor_low": factor.low,
        "profit_factor_high": factor.high,
    }


def _interval(figure: Callable[[Floats], Floats], values: Floats, method: Method) -> Interval:
    return interval(
        figure, values, seed=method.seed, confidence=method.confidence, draws=method.draws
    )


def _detectable(error: float, trades: int, method: Method) -> float:
    """NaN for a single trade, whose error would be 0."""
    if trades < 2:
        return math.nan
    return detectable(error, luck_limit=method.luck_limit, power=method.power)


def _groups(trades: TradeColumns) -> dict[str, float]:
    sides, at_costs = groups.by_side(trades), costs.by_costs(trades)
    return {
        "mean_r_long": sides["LONG"].mean_r,
        "mean_r_short": sides["SHORT"].mean_r,
        "weakest_side_r": groups.weakest_side(trades),
        "mean_r_without_best_month": groups.without_best_month(trades),
        "winning_months": groups.winning_months(trades),
        "mean_r_no_costs": at_costs["none"].mean_r,
        "mean_r_pessimistic": at_costs["pessimistic"].mean_r,
        "bearable_costs": costs.bearable_costs(trades),
    }


def _sharpes(trades: TradeColumns, played: Played, trials: int, method: Method) -> dict[str, float]:
    by_day = daily_r(trades, played.start_ms, played.end_ms).value
    moments = Moments.of(by_day)
    fall = metrics.drawdown(played.equity)
    yearly = metrics.per_year(float(trades.net.sum()), played.start_ms, played.end_ms)
    return {
        "sharpe": metrics.sharpe(daily_changes(played.equity).value),
        "sharpe_r": metrics.sharpe(by_day),
        "probabilistic_sharpe": probabilistic_sharpe(moments),
        "deflated_sharpe": deflated_sharpe(moments, trials),
        "luck": luck(moments, trials),
        "minimum_track_record_days": minimum_track_record(moments, confidence=method.confidence),
        "max_drawdown": fall.amount,
        "longest_drawdown_days": fall.longest_days,
        "mar": metrics.return_over_drawdown(yearly, fall.amount),
    }


def _comparisons(trades: TradeColumns, played: Played, method: Method) -> dict[str, float]:
    told: dict[str, float] = {}
    if played.random is not None:
        random = against_random(trades, played.random, seed=method.seed, plays=method.random_plays)
        told |= {"random_mean_r": metrics.mean(random.random), "random_p": random.p_value}
    if played.holding is not None:
        by_day = daily_r(trades, played.start_ms, played.end_ms)
        share = market_share(
            by_day,
            played.holding.returns,
            seed=method.seed,
            confidence=method.confidence,
            draws=method.draws,
        )
        told |= {
            "hold_ratio": played.holding.total_ratio,
            "hold_sharpe": played.holding.sharpe,
            "beta_r": share.beta,
            "alpha_r": share.alpha.value,
            "alpha_r_low": share.alpha.low,
        }
    return told
