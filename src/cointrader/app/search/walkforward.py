"""A walk-forward as the configuration and the command line ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cointrader.app.backtest import market_of, require_enough
from cointrader.app.paper.market import PaperMarket
from cointrader.app.search.fold_filter import (
    FoldChoice,
    FoldFilter,
    Judgement,
    judged_signals,
    require_some,
    trials_of,
)
from cointrader.app.search.play import Job, Player
from cointrader.app.search.space import Space
from cointrader.app.search.sweep import Progress, Where, counted_data, now_ms, play_all, record
from cointrader.backtest.market import Stretch
from cointrader.backtest.own_trades import columns_of
from cointrader.backtest.signals import SymbolSignals
from cointrader.backtest.statistics.columns import Equity, TradeColumns, joined, no_trades
from cointrader.backtest.statistics.evidence import Method, Played, measured
from cointrader.backtest.sweep.figures import counted, day_of
from cointrader.backtest.sweep.marking import marked_equity
from cointrader.backtest.sweep.ranking import Choice
from cointrader.backtest.trial_ledger import DataSet, TrialLedger
from cointrader.backtest.walkforward.choosing import (
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
class Filtered:
    """What the filters of a walk-forward did.

    Parameters
    ----------
    name : of what made them
    judgements : of each fold with a choice and each symbol
    unfiltered : the same tests without a filter, fold by fold, one row of `figures.FIGURES` each
    measures : figures of all these tests, as the result's own
    """

    name: str
    judgements: tuple[Judgement, ...]
    unfiltered: tuple[Rows, ...]
    measures: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class WalkForwardResult:
    """What choosing on the past came to.

    Parameters
    ----------
    folds : all of them; `tested` those that had a choice
    trades, equity : of all tests together; equity from the first test on, from a start of `balance`
    measures : figures of `statistics.evidence` over the tests
    coverage : share of the time from the first test on that was tested
    filtered : what the filters did; None: there were none
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
    filtered: Filtered | None = None


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
    retrain : makes an entry filter for each fold; cells are chosen before it, on all their trades
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
    n_cells, n_filters = len(space.cells), len(folds) * len(candles.symbols) * (retrain is not None)

    def advance(done: int, _of: int) -> None:
        on_progress(done, n_cells + n_filters)

    with TrialLedger(where.ledger) as ledger:
        record(ledger, data, space, "walkforward")
    shape = (len(rows), int(day_of(stretch)[-1]) + 1)
    figures, _, remembered = play_all(job, space, data, shape, where, advance)
    choices = choose(figures, by, least_trades)
    chosen = [
        FoldChoice(number, fold, space.cells[cell], space.identities[cell])
        for number, (fold, cell) in enumerate(zip(folds, choices, strict=True))
        if cell is not None
    ]
    with TrialLedger(where.ledger) as ledger:
        if retrain is not None:
            told = trials_of(chosen, retrain)
            ledger.record(data, told, at_ms=now_ms(), source="walkforward")
        trials = ledger.count(data)
    walk = _Walk(Player(job), space, stretch, folds, figures, choices, balance)
    found, filtered = walk.tested(), None
    if retrain is not None:
        judgements = tuple(retrain(job, chosen, data, where, advance))
        require_some(judgements, retrain)
        alone, found = (
            found,
            walk.tested(
                {
                    each.fold: judged_signals(walk.player, candles, each, judgements)
                    for each in chosen
                }
            ),
        )
        filtered = Filtered(
            retrain.name,
            judgements,
            tuple(each.test for each in alone),
            walk.measures(alone, trials, method),
        )
    share = coverage([each.fold for each in found], times, folds[0].test_from_ms)
    require_coverage(share)
    trades = stitched([each.trades for each in found])
    return WalkForwardResult(
        space=space,
        plan=plan,
        folds=folds,
        tested=tuple(found),
        trades=trades,
        columns=walk.columns(found),
        equity=walk.equity(trades),
        measures=walk.measures(found, trials, method),
        coverage=share,
        data=data,
        trials=trials,
        remembered=remembered,
        filtered=filtered,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Walk:
    """Cells, folds and choices; what the tests come to, with filters and without."""

    player: Player
    space: Space
    stretch: Stretch
    folds: tuple[Fold, ...]
    figures: Rows
    choices: Sequence[int | None]
    balance: float

    @property
    def times(self) -> NDArray[np.int64]:
        return self.stretch.candles.time_ms

    def tested(
        self, judged: Mapping[Fold, Mapping[str, SymbolSignals]] | None = None
    ) -> list[Tested]:
        """The folds that have a choice, played on the cell's signals, or on judged ones."""

        def trades_of(fold: Fold, cell: int) -> Rows:
            if judged is None:
                return self.player.trades(self.space.cells[cell])
            return self.player.trades_on(judged[fold], self.space.cells[cell])

        return tested(
            self.figures,
            self.folds,
            self.choices,
            self.times,
            trades_of,
            lambda trades: counted(trades, self.stretch).figures[0],
        )

    def columns(self, found: Sequence[Tested]) -> TradeColumns:
        parts = [
            columns_of(
                with_risk(each.trades),
                self.times,
                self.player.settings(self.space.cells[each.cell]).slippage,
            )
            for each in found
        ]
        return joined(parts) if parts else no_trades()

    def equity(self, trades: Rows) -> Equity:
        """Marked, from the first test on."""
        whole = marked_equity(trades, self.stretch, self.balance)
        kept = whole.time_ms >= self.folds[0].test_from_ms
        return Equity(whole.time_ms[kept], whole.value[kept])

    def measures(
        self, found: Sequence[Tested], trials: int, method: Method | None
    ) -> Mapping[str, float]:
        """Nothing where no trade was made."""
        columns = self.columns(found)
        if not len(columns):
            return {}
        equity = self.equity(stitched([each.trades for each in found]))
        played = Played(columns, equity, self.folds[0].test_from_ms, self.stretch.to_ms)
        return measured(played, trials, method)
