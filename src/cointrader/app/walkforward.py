"""A walk-forward as the configuration and the command line ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cointrader.app.backtest import market_of, require_enough
from cointrader.app.paper_market import PaperMarket
from cointrader.app.search_play import Job, Player
from cointrader.app.search_space import Space
from cointrader.app.sweep import Progress, Where, counted_data, play_all, record
from cointrader.backtest.own_trades import columns_of
from cointrader.backtest.statistics.columns import Equity, TradeColumns, joined, no_trades
from cointrader.backtest.statistics.evidence import Method, Played, measured
from cointrader.backtest.sweep.cells import counted, day_of
from cointrader.backtest.sweep.marking import marked_equity
from cointrader.backtest.sweep.ranking import Choice
from cointrader.backtest.trial_ledger import DataSet, TrialLedger
from cointrader.backtest.walkforward.choosing import (
    FoldFilter,
    Tested,
    choose,
    stitched,
    tested,
    with_risk,
)
from cointrader.backtest.walkforward.folds import (
    Fold,
    coverage,
    first_decision_ms,
    folds_of,
    require_coverage,
    windows_of,
)
from cointrader.domain.clock import DAY_MS
from cointrader.domain.errors import ConfigError

Rows = NDArray[np.void]
LEAST_TRADES = 30


@dataclass(frozen=True, slots=True)
class Plan:
    """How time is cut. Lengths in days.

    Parameters
    ----------
    anchored : training begins with the candles, and grows; else it is `train` long and rolls on
    embargo : between training and test
    """

    train: float = 180.0
    test: float = 30.0
    embargo: float = 1.0
    anchored: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class WalkForwardResult:
    """What choosing on the past came to.

    Parameters
    ----------
    folds : all of them; `tested` those that had a choice
    trades, equity : of all tests together; equity from the first test on, from a start of `balance`
    measures : figures of `statistics.evidence` over the tests
    coverage : share of the time from the first test on that was tested
    """

    space: Space
    plan: Plan
    folds: tuple[Fold, ...]
    tested: tuple[Tested, ...]
    trades: Rows
    columns: TradeColumns
    equity: Equity
    measures: Mapping[str, float]
    coverage: float
    data: DataSet
    trials: int
    remembered: int


def walk_forward(
    space: Space,
    market: PaperMarket,
    plan: Plan,
    *,
    balance: float = 1000.0,
    least_trades: int = LEAST_TRADES,
    by: Choice = "t",
    where: Where | None = None,
    retrain: FoldFilter | None = None,
    method: Method | None = None,
    on_progress: Progress = lambda _done, _all: None,
) -> WalkForwardResult:
    """Choose a cell on each training, and judge it on the test that follows.

    All cells are played once over the whole time with a fixed size: indicators, positions and
    trailing stops are warm wherever a test begins. Every cell is in the ledger of trials before.

    Parameters
    ----------
    least_trades : that a cell needs in a training to be chosen
    retrain : an entry filter for the tests, trained anew for each fold
    method : how the tests are measured

    Raises
    ------
    MissingCandles : too little time, or too little of it could be tested
    ConfigError : a size that is not fixed
    """
    where = where or Where()
    if space.base.fixed_notional is None or any("SIZING" in cell for cell in space.cells):
        raise ConfigError(
            "a walk-forward judges a strategy's own trades, of a fixed size",
            where="sizing",
            found=space.base.sizing,
            allowed="fixed:N",
            todo="leave --sizing out",
        )
    candles = market_of(space.base, market.source)
    require_enough(candles, market.end_ms)
    stretch = candles.between(market.start_ms, market.end_ms)
    times = stretch.candles.time_ms
    folds = folds_of(
        first_decision_ms(stretch),
        stretch.to_ms,
        train_ms=round(plan.train * DAY_MS),
        test_ms=round(plan.test * DAY_MS),
        embargo_ms=round(plan.embargo * DAY_MS),
        anchored=plan.anchored,
    )
    windows = windows_of(folds, times)
    rows = tuple(
        (int(first), int(end), int(known)) for first, end, known in zip(*windows, strict=True)
    )
    job = Job(space.base, candles, balance, market.start_ms, market.end_ms, rows)
    data = counted_data(candles, market)
    with TrialLedger(where.ledger) as ledger:
        record(ledger, data, space, "walkforward")
        trials = ledger.count(data)
    shape = (len(rows), int(day_of(stretch)[-1]) + 1)
    figures, _, remembered = play_all(job, space, data, shape, where, on_progress)
    player = Player(job)

    def trades_of(fold: Fold, cell: int) -> Rows:
        if retrain is None:
            return player.trades(space.cells[cell])
        signals = player.signals(space.cells[cell])
        return player.trades_on(retrain(fold, candles, signals), space.cells[cell])

    choices = choose(figures, by, least_trades)
    found = tested(
        figures, folds, choices, times, trades_of, lambda t: counted(t, stretch).figures[0]
    )
    share = coverage([each.fold for each in found], times, folds[0].test_from_ms)
    require_coverage(share)
    columns = _columns(found, player, space, times)
    trades = stitched([each.trades for each in found])
    equity = _from(marked_equity(trades, stretch, balance), folds[0].test_from_ms)
    played = Played(columns, equity, folds[0].test_from_ms, stretch.to_ms)
    return WalkForwardResult(
        space=space,
        plan=plan,
        folds=folds,
        tested=tuple(found),
        trades=trades,
        columns=columns,
        equity=equity,
        measures=measured(played, trials, method) if len(columns) else {},
        coverage=share,
        data=data,
        trials=trials,
        remembered=remembered,
    )


def _columns(
    found: Sequence[Tested], player: Player, space: Space, times: NDArray[np.int64]
) -> TradeColumns:
    parts = [
        columns_of(with_risk(each.trades), times, player.settings(space.cells[each.cell]).slippage)
        for each in found
    ]
    return joined(parts) if parts else no_trades()


def _from(equity: Equity, from_ms: int) -> Equity:
    kept = equity.time_ms >= from_ms
    return Equity(equity.time_ms[kept], equity.value[kept])
