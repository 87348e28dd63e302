"""A search over settings: played, counted in the ledger of trials, and judged as a whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cointrader import __version__
from cointrader.app.backtest import learned_from, market_of, require_enough
from cointrader.app.paper.market import PaperMarket
from cointrader.app.search.cell import Judged, JudgedParts, Part, parted
from cointrader.app.search.play import Job, Player, Task, TaskResult, play_task
from cointrader.app.search.space import Space
from cointrader.app.search.spread import spread_if_worth
from cointrader.app.search.store import ResultStore, default_folder
from cointrader.backtest import score_history
from cointrader.backtest.columns import Floats
from cointrader.backtest.fingerprint import hash_of_arrays, hash_of_settings
from cointrader.backtest.kernel import play_compiled
from cointrader.backtest.market import Market
from cointrader.backtest.sweep import cells
from cointrader.backtest.sweep.data import data_set_of
from cointrader.backtest.sweep.figures import FIGURES, FOREVER, day_of
from cointrader.backtest.sweep.header import CellTable, SearchHeader, header_of
from cointrader.backtest.sweep.ranking import Choice
from cointrader.backtest.trial_ledger import DataSet, Trial, TrialLedger
from cointrader.domain.clock import DAY_MS
from cointrader.domain.errors import UsageError
from cointrader.market.synthetic import SyntheticSource

if TYPE_CHECKING:  # which knows models: seldom needed
    from cointrader.app.search.model_filter import ModelFilter

Rows = NDArray[np.void]
Progress = Callable[[int, int], None]  # cells done, and of how many

LEAST_TRADES = 100
PAST = 0.7  # share of the time that is the past of the slump
_CELLS_TO_A_TASK = 64


@dataclass(frozen=True, slots=True)
class Where:
    """Where a search is played and what is kept.

    Parameters
    ----------
    jobs : processes, None: as many as are worth it
    cluster : address of a Dask scheduler instead
    store : file of finished cells, None: the user's own, named by the data
    is_stored : False keeps no cell and looks for none
    ledger : file of trials, None: the user's own
    """

    jobs: int | None = None
    cluster: str | None = None
    store: Path | None = None
    is_stored: bool = True
    ledger: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SweepResult:
    """A search that was played. Cells in the order of `space.cells`.

    Where models have `learned` from the candles, what comes out is their memory: nothing is judged.
    """

    space: Space
    table: CellTable
    header: SearchHeader
    data: DataSet
    from_ms: int
    to_ms: int
    split_ms: int  # where the past of the slump ends
    remembered: int  # cells that were not played, as they had been before
    new_trials: int
    judged: JudgedParts  # what models said of signals
    learned: Mapping[str, int]  # symbols whose model learned from these candles, until when (ms)


def sweep(
    space: Space,
    market: PaperMarket,
    *,
    balance: float = 1000.0,
    least_trades: int = LEAST_TRADES,
    by: Choice = "t",
    past: float = PAST,
    models: ModelFilter | None = None,
    where: Where | None = None,
    on_progress: Progress = lambda _done, _all: None,
) -> SweepResult:
    """Play every cell of a search on a market.

    `models` judge the signals of every cell; the space must have been made with them.

    Every configuration is in the ledger of trials before its first trade is played. Raises
    `MissingCandles`, `DataError`, `ConfigError`; what was finished before stays in the store.
    """
    where = where or Where()
    if not 0.0 < past < 1.0:
        raise UsageError("no share of the time", where="--past", found=past, allowed="0 to 1")
    candles = market_of(space.base, market.source)
    require_enough(candles, market.end_ms)
    data = counted_data(candles, market)
    stretch = candles.between(market.start_ms, market.end_ms)
    times = stretch.candles.time_ms
    split_ms = (int(times[0] + past * (stretch.to_ms - times[0])) // DAY_MS + 1) * DAY_MS
    split = int(np.searchsorted(times, split_ms))
    windows = ((0, FOREVER, FOREVER), (0, split, split), (split, FOREVER, FOREVER))
    judged: JudgedParts = {}
    learned: Mapping[str, int] = {}
    if models is not None:
        learned = learned_from(space.base, candles, market.start_ms, models.models())
        judged = models.judged(space.cells, candles)
    job = Job(space.base, candles, balance, market.start_ms, market.end_ms, windows, judged)
    with TrialLedger(where.ledger) as ledger:
        new_trials = record(ledger, data, space, "sweep")
        trials = ledger.count(data)
    shape = (len(windows), int(day_of(stretch)[-1]) + 1)
    figures, daily, remembered = play_all(job, space, data, shape, where, on_progress)
    table = CellTable(figures, daily, int(times[0]) // DAY_MS)
    header = header_of(table, trials=trials, least_trades=least_trades, by=by)
    return SweepResult(
        space=space,
        table=table,
        header=header.unjudged() if learned else header,
        data=data,
        from_ms=stretch.from_ms,
        to_ms=stretch.to_ms,
        split_ms=split_ms,
        remembered=remembered,
        new_trials=new_trials,
        judged=judged,
        learned=learned,
    )


def counted_data(candles: Market, market: PaperMarket) -> DataSet:
    """The candles of a search, as the ledger of trials knows them.

    A made-up market shares its trials with no other: its symbols are names only.
    """
    data = data_set_of(candles, market.start_ms, market.end_ms)
    return replace(data, symbols=()) if isinstance(market.source, SyntheticSource) else data


def record(ledger: TrialLedger, data: DataSet, space: Space, source: str) -> int:
    """Write the cells of a search down as trials; how many were new on these data."""
    trials = [
        Trial(identity, " ".join(f"{name}={text}" for name, text in cell.items()))
        for identity, cell in zip(space.identities, space.cells, strict=True)
    ]
    return ledger.record(data, trials, at_ms=now_ms(), source=source)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def play_all(
    job: Job,
    space: Space,
    data: DataSet,
    shape: tuple[int, int],
    where: Where,
    on_progress: Progress,
) -> tuple[Rows, Floats, int]:
    """Figures and daily R of every cell, and how many of them were known.

    `shape` is (windows, days).
    """
    n_cells = len(space.cells)
    figures, daily = np.zeros((n_cells, shape[0]), FIGURES), np.zeros((n_cells, shape[1]))
    if not where.is_stored:
        with closing(_results(job, space, range(n_cells), where)) as results:
            for result in results:
                places = list(result.places)
                figures[places], daily[places] = result.figures, result.daily
                on_progress(len(places), n_cells)
        return figures, daily, 0
    keys = _keys(job, space, data)
    with ResultStore(store_path(where, data)) as store:
        known = store.found(keys, *shape)
        for place, (figure, by_day) in known.items():
            figures[place], daily[place] = figure, by_day
        on_progress(len(known), n_cells)
        missing = [place for place in range(n_cells) if place not in known]
        with closing(_results(job, space, missing, where)) as results:
            for result in results:
                places = list(result.places)
                figures[places], daily[places] = result.figures, result.daily
                store.keep([keys[place] for place in places], result)
                on_progress(len(places), n_cells)
    return figures, daily, len(known)


def store_path(where: Where, data: DataSet) -> Path:
    """The file of what is finished of all searches over these candles."""
    return where.store or default_folder() / f"{data.hash[:16]}.db"


def _keys(job: Job, space: Space, data: DataSet) -> list[str]:
    """By what a cell's result is found again."""
    common = {
        "version": __version__,
        "rules": [
            each.digest() for each in (play_compiled, *cells.COMPILED, *score_history.COMPILED)
        ],
        "data": data.hash,
        "symbols": list(job.market.symbols),
        "start": data.start_ms,
        "end": data.end_ms,
        "interval": job.market.interval_ms,
        "balance": job.balance,
        "windows": [list(row) for row in job.windows],
    }
    head = hash_of_settings(common)
    heads = {
        part: hash_of_settings({"common": head, "judged": _hash_of_judged(of_symbol)})
        for part, of_symbol in job.judged.items()
    }
    return [
        f"{heads.get(parted(cell)[0], head)[:32]}{identity}"
        for cell, identity in zip(space.cells, space.identities, strict=True)
    ]


def _hash_of_judged(of_symbol: Mapping[str, Judged]) -> str:
    """Of probabilities: they follow from more than the candles that are counted as the data."""
    return hash_of_arrays((symbol, own.probability) for symbol, own in of_symbol.items())


def _results(
    job: Job, space: Space, places: Sequence[int], where: Where
) -> Generator[TaskResult, None, None]:
    tasks = tasks_of(space, places)
    return spread_if_worth(play_task, job, tasks, jobs=where.jobs, cluster=where.cluster)


def tasks_of(space: Space, places: Sequence[int]) -> list[Task]:
    """Some cells in handfuls. Those that share signals, or exits, come together."""
    families: dict[Part, set[Part]] = {}
    order: list[tuple[Part, Part, int]] = []
    for place in places:
        of_signals, rest = parted(space.cells[place])
        families.setdefault(_apart(of_signals), set()).add(of_signals)
        order.append((_apart(of_signals), rest, place))
    order.sort()
    tasks: list[Task] = []
    for own, members in families.items():
        family = tuple(sorted(members))
        of_family = [place for apart, _, place in order if apart == own]
        for begin in range(0, len(of_family), _CELLS_TO_A_TASK):
            part = tuple(of_family[begin : begin + _CELLS_TO_A_TASK])
            tasks.append(Task(part, tuple(space.cells[place] for place in part), family))
    return tasks


def _apart(of_signals: Part) -> Part:
    """What of some signal settings cannot be shared: all but thresholds, of `score` or a filter."""
    return tuple(item for item in of_signals if not item[0].startswith(_THRESHOLDS))


_THRESHOLDS = ("SIGNAL_THRESHOLD", "VOL_MULTIPLIER", "ADX_THRESHOLD", "ML_THRESHOLD")


def player_of(result: SweepResult, market: PaperMarket, balance: float = 1000.0) -> Player:
    """Plays single cells of a finished search again, with all their trades."""
    candles = market_of(result.space.base, market.source)
    whole = ((0, FOREVER, FOREVER),)
    span = market.start_ms, market.end_ms
    return Player(Job(result.space.base, candles, balance, *span, whole, result.judged))
