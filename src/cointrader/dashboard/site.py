"""What the server needs of whoever knows the journal and the running process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from cointrader.dashboard import answers
from cointrader.dashboard.query import Query
from cointrader.domain.errors import CointraderError


class NobodyRuns(CointraderError):
    """No process takes commands for this journal."""


class NoRun(CointraderError):
    """The journal is not there yet, or tells of no run."""


class NotThere(CointraderError):
    """There is no such page, symbol or file."""


class Watch(Protocol):
    """Looks whether the journal has changed. Used by one thread at a time."""

    def changed(self) -> Mapping[str, int] | None:
        """By kind of record a number that grew with the last one; None: nothing was committed
        since the last look."""
        ...

    def close(self) -> None: ...


class Site(Protocol):
    """The answers. Every method blocks, and may be called by several threads at once.

    Raises `NoRun`, `NotThere`, `NobodyRuns`, `UsageError`, and other `CointraderError`s.
    """

    def overview(self, query: Query) -> answers.Overview: ...
    def symbols(self, query: Query) -> answers.Symbols: ...
    def symbol(self, symbol: str, query: Query) -> answers.SymbolPage: ...
    def decisions(self, query: Query) -> answers.Decisions: ...
    def reasons(self, query: Query) -> answers.Reasons: ...
    def trades(self, query: Query) -> answers.Trades: ...
    def trades_csv(self, query: Query) -> str: ...
    def costs(self, query: Query) -> answers.CostPage: ...
    def models(self, query: Query) -> answers.Models: ...
    def health(self, query: Query) -> answers.Health: ...
    def alerts(self, query: Query) -> answers.Alerts: ...
    def metrics(self) -> str: ...

    def control(self, action: str, symbol: str | None) -> answers.Done:
        """Ask the running process; it writes down who asked."""
        ...

    def watch(self) -> Watch: ...

    def close(self) -> None:
        """Nothing more will be asked."""
        ...
