"""Plays the cells of a search, here or in another process.

A `Job` is what all cells have in common and travels once; a `Task` is a handful of cells. What
cells share is made once per process: frames' indicators and signals per set of signal settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from cointrader.app.backtest import settings_of
from cointrader.app.config import Config
from cointrader.app.search.cell import Cell, Judged, JudgedParts, Part, configured, parted
from cointrader.backtest.columns import Floats
from cointrader.backtest.market import Market, Stretch
from cointrader.backtest.run import run
from cointrader.backtest.score_history import can_share
from cointrader.backtest.settings import BacktestSettings
from cointrader.backtest.signals import SymbolSignals
from cointrader.backtest.sweep.cells import Sheet
from cointrader.backtest.sweep.figures import FIGURES, Windows, counted, day_of
from cointrader.backtest.sweep.shared import SharedSignals, alone, share
from cointrader.exchange.simulated.instruments import plausible_instrument, unconstrained
from cointrader.signals.configured import configured_rule
from cointrader.signals.indicators import Periods
from cointrader.signals.rules import SignalRule

Rows = NDArray[np.void]
_KEPT_FAMILIES = 4  # of whose signals a process remembers


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What all cells of a search have in common. No secret travels with it.

    Parameters
    ----------
    balance : first wallet, for account sizing
    windows : in which trades are counted, rows of `figures.Windows`
    judged : what models say of the signals of cells; of those that are missing every one passes
    """

    base: Config
    market: Market
    balance: float
    start_ms: int | None
    end_ms: int | None
    windows: tuple[tuple[int, int, int], ...]
    judged: JudgedParts = field(default_factory=dict)
    name: str = field(default_factory=lambda: uuid4().hex)  # tells jobs apart in a worker


@dataclass(frozen=True, slots=True)
class Task:
    """Some cells of a search that share their signals.

    Parameters
    ----------
    places : of the cells in the search
    family : signal settings of all cells that share with these, those of other tasks too
    """

    places: tuple[int, ...]
    cells: tuple[Cell, ...]
    family: tuple[Part, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TaskResult:
    """`figures` of shape (cells, windows), `daily` of shape (cells, days)."""

    places: tuple[int, ...]
    figures: Rows
    daily: Floats


def play_task(job: Job, task: Task) -> TaskResult:
    """Play some cells. What other tasks of the job can use again stays in this process."""
    player = _players.get(job.name)
    if player is None:
        _players.clear()
        player = _players[job.name] = Player(job)
    return player.play(task)


class Player:
    """Plays cells of one job, and remembers the signals of the last few families."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._windows = Windows.of(job.windows)
        self._families: dict[tuple[Part, ...], _Family] = {}
        self._settings: dict[Part, BacktestSettings] = {}

    @property
    def stretch(self) -> Stretch:
        """The bars that are played."""
        return self._job.market.between(self._job.start_ms, self._job.end_ms)

    def play(self, task: Task) -> TaskResult:
        """All cells of a task."""
        family = self._family(task.family)
        figures = np.zeros((len(task.cells), len(self._job.windows)), FIGURES)
        daily = np.zeros((len(task.cells), int(day_of(self.stretch)[-1]) + 1))
        for (sheet, rest), rows in self._together(family, task.cells).items():
            settings = self._settings_of(rest)
            variants = [family.place(parted(task.cells[row])[0])[1] for row in rows]
            if settings.limits.is_unlimited:
                played = family.sheet(sheet).play(
                    settings, np.array(variants, np.int64), self._windows
                )
                figures[rows], daily[rows] = played.figures, played.daily
                continue
            for row, variant in zip(rows, variants, strict=True):
                trades = self._of_account(family.signals(sheet, variant), settings)
                one = counted(trades, self.stretch, self._windows)
                figures[row], daily[row] = one.figures[0], one.daily[0]
        return TaskResult(task.places, figures, daily)

    def trades(self, cell: Cell) -> Rows:
        """Trades of one cell over the whole time, in the order in which they ended."""
        of_signals, rest = parted(cell)
        family, settings = self._family_with(of_signals), self._settings_of(rest)
        sheet, variant = family.place(of_signals)
        if settings.limits.is_unlimited:
            return family.sheet(sheet).trades(settings, variant)
        return self._of_account(family.signals(sheet, variant), settings)

    def trades_on(self, signals: Mapping[str, SymbolSignals], cell: Cell) -> Rows:
        """Trades of other signals than a cell's own, played with its settings."""
        settings = self.settings(cell)
        if not settings.limits.is_unlimited:
            return self._of_account(signals, settings)
        sheet = Sheet(
            self._job.market,
            {symbol: alone(own) for symbol, own in signals.items()},
            self._job.start_ms,
            self._job.end_ms,
        )
        return sheet.trades(settings, 0)

    def signals(self, cell: Cell) -> dict[str, SymbolSignals]:
        """Signals of one cell by symbol, as a backtest of it alone has them."""
        of_signals, _ = parted(cell)
        family = self._family_with(of_signals)
        return family.signals(*family.place(of_signals))

    def settings(self, cell: Cell) -> BacktestSettings:
        """What one cell is played with."""
        return self._settings_of(parted(cell)[1])

    def _together(
        self, family: _Family, cells: Sequence[Cell]
    ) -> dict[tuple[int, Part], list[int]]:
        """Rows of the cells that one call can play, by their sheet and their settings."""
        found: dict[tuple[int, Part], list[int]] = {}
        for row, cell in enumerate(cells):
            of_signals, rest = parted(cell)
            found.setdefault((family.place(of_signals)[0], rest), []).append(row)
        return found

    def _of_account(self, signals: Mapping[str, SymbolSignals], settings: BacktestSettings) -> Rows:
        return run(self._job.market, signals, settings, with_equity=False).trades

    def _family(self, parts: tuple[Part, ...]) -> _Family:
        if parts not in self._families:
            while len(self._families) >= _KEPT_FAMILIES:
                del self._families[next(iter(self._families))]
            self._families[parts] = _Family(self._job, parts)
        return self._families[parts]

    def _family_with(self, part: Part) -> _Family:
        for parts, family in self._families.items():
            if part in parts:
                return family
        return self._family((part,))

    def _settings_of(self, rest: Part) -> BacktestSettings:
        if rest not in self._settings:
            job = self._job
            config = configured(job.base, dict(rest))
            instruments = {
                symbol: plausible_instrument(symbol, job.market.recent_closes(symbol))
                if config.use_filters
                else unconstrained(symbol)
                for symbol in job.market.symbols
            }
            self._settings[rest] = settings_of(
                config, instruments, balance=job.balance, start_ms=job.start_ms, end_ms=job.end_ms
            )
        return self._settings[rest]


_players: dict[str, Player] = {}


class _Family:
    """Signals of some cells on as few sheets as can be: one for all, or one for each."""

    def __init__(self, job: Job, parts: tuple[Part, ...]) -> None:
        self._job, self._parts = job, parts
        self._judged = [job.judged.get(part, {}) for part in parts]
        self._order = {part: place for place, part in enumerate(parts)}
        self._rules = [_rules_of(job, part) for part in parts]
        self._is_shared = all(
            periods == self._rules[0][symbol][1]
            and can_share([rule for rule, _ in of_symbol(self._rules, symbol)], periods)
            for symbol in job.market.symbols
            for _, periods in of_symbol(self._rules, symbol)
        )
        self._shared: dict[int, dict[str, SharedSignals]] = {}
        self._sheets: dict[int, Sheet] = {}

    def place(self, part: Part) -> tuple[int, int]:
        """The sheet of some signal settings, and the variant on it."""
        order = self._order[part]
        return (0, order) if self._is_shared else (order, 0)

    def sheet(self, number: int) -> Sheet:
        if number not in self._sheets:
            job = self._job
            judged = self._judged_on(number)
            shared = {
                symbol: own.judged([each.get(symbol) for each in judged]) if any(judged) else own
                for symbol, own in self._signals(number).items()
            }
            self._sheets[number] = Sheet(job.market, shared, job.start_ms, job.end_ms)
        return self._sheets[number]

    def signals(self, number: int, variant: int) -> dict[str, SymbolSignals]:
        judged = self._judged_on(number)[variant]
        found = {symbol: own.of(variant) for symbol, own in self._signals(number).items()}
        return found | {symbol: found[symbol].judged(*told) for symbol, told in judged.items()}

    def _judged_on(self, number: int) -> Sequence[Mapping[str, Judged]]:
        """By the variants of a sheet."""
        return self._judged if self._is_shared else self._judged[number : number + 1]

    def _signals(self, number: int) -> dict[str, SharedSignals]:
        if number not in self._shared:
            chosen = self._rules if self._is_shared else self._rules[number : number + 1]
            self._shared[number] = {
                symbol: share(
                    [rule for rule, _ in of_symbol(chosen, symbol)],
                    frame,
                    chosen[0][symbol][1],
                )
                for symbol, frame in self._job.market.frames.items()
            }
        return self._shared[number]


_Rules = dict[str, tuple[SignalRule, Periods]]  # by symbol


def _rules_of(job: Job, part: Part) -> _Rules:
    config = configured(job.base, dict(part))
    found: _Rules = {}
    for symbol in job.market.symbols:
        own = config.for_symbol(symbol)
        found[symbol] = (configured_rule(own), own.periods)
    return found


def of_symbol(rules: Sequence[_Rules], symbol: str) -> list[tuple[SignalRule, Periods]]:
    """The rule and periods of one symbol in each of some configurations."""
    return [each[symbol] for each in rules]
