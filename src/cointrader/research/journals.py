"""A journal as frames: what a run on paper, the testnet or Binance really did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cointrader.app.status import numbered_trades, required_run
from cointrader.domain.position import Trade
from cointrader.domain.records import Alert, Decision, EquityMarked, FillSeen, FundingPaid
from cointrader.journal.reader import JournalReader
from cointrader.research.frames import Column, frame

if TYPE_CHECKING:
    import polars as pl

_TEXT = frozenset(
    [
        "trade_id",
        "symbol",
        "side",
        "reason",
        "action",
        "reasons",
        "refusal",
        "detail",
        "client_order_id",
        "level",
        "text",
    ]
)
Columns = Sequence[tuple[str, Callable[[Any], object]]]

_TRADES: Columns = (
    ("trade_id", lambda t: t.trade_id),
    ("symbol", lambda t: t.symbol),
    ("side", lambda t: str(t.side)),
    ("entry_time_ms", lambda t: t.entry_time_ms),
    ("exit_time_ms", lambda t: t.exit_time_ms),
    ("entry_price", lambda t: t.entry_price),
    ("exit_price", lambda t: t.exit_price),
    ("quantity", lambda t: t.quantity),
    ("reason", lambda t: str(t.reason)),
    ("gross", lambda t: t.gross),
    ("fee", lambda t: t.fee),
    ("funding", lambda t: t.funding),
    ("net", lambda t: t.net),
)
_DECISIONS: Columns = (
    ("symbol", lambda d: d.symbol),
    ("bar_ms", lambda d: d.bar_open_ms),
    ("action", lambda d: d.action),
    ("side", lambda d: "" if d.side is None else str(d.side)),
    ("strength", lambda d: d.strength),
    ("reasons", lambda d: ", ".join(d.reasons)),
    ("refusal", lambda d: d.refusal),
    ("detail", lambda d: d.detail),
)
_EQUITY: Columns = (
    ("time_ms", lambda e: e.at_ms),
    ("wallet", lambda e: e.wallet),
    ("equity", lambda e: e.equity),
)
_FILLS: Columns = (
    ("symbol", lambda f: f.fill.symbol),
    ("time_ms", lambda f: f.fill.at_ms),
    ("side", lambda f: str(f.fill.side)),
    ("price", lambda f: f.fill.price),
    ("quantity", lambda f: f.fill.quantity),
    ("fee", lambda f: f.fill.fee),
    ("client_order_id", lambda f: f.fill.client_order_id),
)
_FUNDING: Columns = (
    ("symbol", lambda f: f.symbol),
    ("time_ms", lambda f: f.at_ms),
    ("rate", lambda f: f.rate),
    ("amount", lambda f: f.amount),
)
_ALERTS: Columns = (
    ("time_ms", lambda a: a.at_ms),
    ("level", lambda a: a.level),
    ("symbol", lambda a: a.symbol),
    ("text", lambda a: a.text),
)


@dataclass(frozen=True, slots=True, eq=False)
class JournalFrames:
    """What a journal told when it was read. Money as the nearest float64, quote currency."""

    mode: str  # paper, rehearsal, testnet or live
    market: str
    symbols: tuple[str, ...]
    settings: dict[str, str]  # of the last run
    trades: pl.DataFrame
    decisions: pl.DataFrame
    equity: pl.DataFrame
    fills: pl.DataFrame
    funding: pl.DataFrame
    alerts: pl.DataFrame


def load_journal(path: Path | str) -> JournalFrames:
    """Read a journal; also while a process writes it. `JournalError` where it tells of no run."""
    with JournalReader(path) as reader:
        run = required_run(reader)
        trades: Iterable[Trade] = numbered_trades(reader, run.symbols)
        decisions: Iterable[Decision] = reader.decisions()
        equity: Iterable[EquityMarked] = reader.equity()
        fills: Iterable[FillSeen] = reader.fills()
        funding: Iterable[FundingPaid] = reader.funding()
        alerts: Iterable[Alert] = reader.alerts()
        return JournalFrames(
            mode=run.mode,
            market=run.market,
            symbols=run.symbols,
            settings=dict(run.settings),
            trades=_frame(_TRADES, trades),
            decisions=_frame(_DECISIONS, decisions),
            equity=_frame(_EQUITY, equity),
            fills=_frame(_FILLS, fills),
            funding=_frame(_FUNDING, funding),
            alerts=_frame(_ALERTS, alerts),
        )


def _frame(columns: Columns, records: Iterable[object]) -> pl.DataFrame:
    found = list(records)
    return frame({name: _column(name, [read(each) for each in found]) for name, read in columns})


def _column(name: str, values: list[Any]) -> Column:
    if name in _TEXT:
        return values
    kind = np.int64 if name.endswith("_ms") or name == "strength" else np.float64
    return np.array([kind(value) for value in values], kind)
