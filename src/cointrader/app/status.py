"""How a run stands, read from its journal: also while another process writes it."""

from __future__ import annotations

import fcntl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from cointrader.app.model_words import served_in_words
from cointrader.app.verdict.told import verdict_line
from cointrader.app.words import r_multiple, result_at_stop
from cointrader.domain.errors import JournalError
from cointrader.domain.ports import Account
from cointrader.domain.position import Trade
from cointrader.domain.records import Alert, BotState, Decision, PositionOpened, RunStarted
from cointrader.journal.export import in_result_order
from cointrader.journal.reader import JournalReader
from cointrader.risk.limits import daily_loss_reached
from cointrader.risk.standing import Standing
from cointrader.risk.state import restored

_SHOWN = 5  # of the latest alerts and trades


@dataclass(frozen=True, slots=True)
class Writer:
    """The process that writes a journal now."""

    pid: int | None
    since_ms: int


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """Money and limits, in quote currency; a limit of None is off, other None are unknown."""

    base: Decimal
    wallet: Decimal
    equity: Decimal
    unrealised: Decimal
    open_risk: Decimal  # lost from here if every stop is hit
    day_start: Decimal | None  # what today's loss is measured from
    day_loss: Decimal | None
    day_loss_ratio: float | None
    max_daily_loss: float | None
    is_day_halted: bool
    halted_days: int
    high_water: Decimal | None
    drawdown_ratio: float | None
    max_drawdown: float | None
    is_drawdown_halted: bool
    is_paused: bool
    unknown_results: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SymbolStatus:
    """One symbol: its bot, its position, what it did. `bot` as in `BotState`, or "stopped"."""

    symbol: str
    bot: str
    detail: str
    position: PositionOpened | None
    last_decision: Decision | None
    trades: int
    net: Decimal
    kill_switches: tuple[str, ...]  # tripped ones


@dataclass(frozen=True, slots=True)
class NumberedTrade:
    """A closed trade and its place among all, from 1; `r` is its net in units of its risk."""

    number: int
    trade: Trade
    r: float | None


@dataclass(frozen=True, slots=True)
class Status:
    """How the run in a journal stands. `phase`: running, finished, resumable or stopped."""

    journal: Path
    writer: Writer | None
    phase: str
    run: RunStarted  # the last one
    starts: int
    from_ms: int
    to_ms: int  # the last that is known of it
    account: AccountStatus
    symbols: Sequence[SymbolStatus]
    trades: int
    net: Decimal
    refusals: Mapping[str, int]
    last_alerts: Sequence[Alert]
    last_trades: Sequence[NumberedTrade]
    verdict: str | None = None  # how it stands, where the run was asked for one
    models: str | None = None  # what judged signals when the run began, where it tells


def newest_journal(folder: Path, pattern: str = "*.db") -> Path:
    """The journal in `folder` that was written last. `JournalError` when there is none."""
    journals = [path for path in folder.glob(pattern) if path.is_file()]
    if not journals:
        raise JournalError(
            "there is no journal yet",
            where=f"{folder}/",
            todo="make one with `cointrader paper`, or name the file",
        )
    return max(journals, key=lambda path: (_written_ns(path), path.name))


def _written_ns(journal: Path) -> int:
    """When it was last written: what is recent may still be in the file beside it."""
    recent = journal.with_name(f"{journal.name}-wal")
    return max(p.stat().st_mtime_ns for p in (journal, recent) if p.exists())


def writer_of(journal: Path) -> Writer | None:
    """Who writes this journal now; None when nobody does."""
    try:
        with journal.with_name(f"{journal.name}.lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # closing the file frees it
            except BlockingIOError:
                pid = lock.read(32).strip()
                since_ms = Path(lock.name).stat().st_mtime_ns // 1_000_000
                return Writer(int(pid) if pid.isdigit() else None, since_ms)
    except OSError:  # there is no such file, or it is not ours to read
        return None
    return None


def required_run(reader: JournalReader) -> RunStarted:
    """The last run in a journal. `JournalError` when nothing was started with it yet."""
    run = reader.last_run()
    if run is None:
        raise JournalError(
            "this journal tells of no run yet",
            where=str(reader.path),
            todo="look again once the bots have started, or name another file with --journal",
        )
    return run


def numbered_trades(reader: JournalReader, symbols: Sequence[str]) -> list[Trade]:
    """All closed trades in the order in which reports number them, the first is 1."""
    return in_result_order((record.trade for record in reader.trades()), symbols)


def first_stop(reader: JournalReader, trade_id: str) -> Decimal | None:
    """The stop a position began with; None when it was never protected."""
    first = next(iter(reader.positions(trade_id=trade_id)), None)
    return None if first is None else first.stop


def read_status(reader: JournalReader) -> Status:
    """Read how things stand. `JournalError` when nothing was ever started with this journal."""
    run = required_run(reader)
    runs = list(reader.runs())
    writer = writer_of(reader.path)
    phase = phase_of(reader, run, writer)
    to_ms = last_known_ms(reader, run)
    trades = numbered_trades(reader, run.symbols)
    recorded = reader.risk_state()
    standing = Standing() if recorded is None else restored(recorded.state)[0]
    bots = reader.bot_states()
    symbols = [
        _symbol_status(
            reader, symbol, bots.get(symbol), trades, standing, is_running=writer is not None
        )
        for symbol in run.symbols
    ]
    positions = [each.position for each in symbols if each.position is not None]
    return Status(
        journal=reader.path,
        writer=writer,
        phase=phase,
        run=run,
        starts=len(runs),
        from_ms=runs[0].at_ms,
        to_ms=to_ms,
        account=account_status(reader, run, standing, positions),
        symbols=symbols,
        trades=len(trades),
        net=sum((trade.net for trade in trades), Decimal(0)),
        refusals=reader.count_refusals(),
        last_alerts=list(reader.alerts(last=_SHOWN)),
        last_trades=[
            _numbered(reader, number, trade)
            for number, trade in enumerate(trades, 1)
            if number > len(trades) - _SHOWN
        ],
        verdict=verdict_line(run.source, to_ms),
        models=served_in_words(run.source),
    )


def _numbered(reader: JournalReader, number: int, trade: Trade) -> NumberedTrade:
    stop = first_stop(reader, trade.trade_id)
    return NumberedTrade(number, trade, None if stop is None else r_multiple(trade, stop))


def phase_of(reader: JournalReader, run: RunStarted, writer: Writer | None) -> str:
    """running, finished, resumable or stopped."""
    if writer is not None:
        return "running"
    exchange = reader.exchange_state()
    if run.mode != "paper" or exchange is None:
        return "stopped"
    return "finished" if exchange.state.get("resume_ms") is None else "resumable"


def last_known_ms(reader: JournalReader, run: RunStarted) -> int:
    """The last moment that a journal knows of its last run."""
    moments = [record.at_ms for record in reader.equity(last=1)]
    moments += [record.bar_open_ms for record in reader.decisions(last=1)]
    return max([run.at_ms, *moments])


# ------------------------------------------------------------------ symbols


def _symbol_status(
    reader: JournalReader,
    symbol: str,
    bot: BotState | None,
    trades: Sequence[Trade],
    standing: Standing,
    *,
    is_running: bool,
) -> SymbolStatus:
    state = "unknown" if bot is None else bot.state
    if not is_running and state in ("running", "crashed"):
        state = "stopped"
    own = [trade for trade in trades if trade.symbol == symbol]
    return SymbolStatus(
        symbol=symbol,
        bot=state,
        detail="" if bot is None else " ".join(bot.detail.split()),
        position=reader.open_position(symbol),
        last_decision=next(iter(reader.decisions(symbol, last=1)), None),
        trades=len(own),
        net=sum((trade.net for trade in own), Decimal(0)),
        kill_switches=tripped_switches(standing, symbol),
    )


def tripped_switches(standing: Standing, symbol: str) -> tuple[str, ...]:
    """The kill switches that keep `symbol` from entries, by their reason keys."""
    switch = standing.switches.get(symbol)
    tripped = () if switch is None else (switch.is_fast_tripped, switch.is_slow_tripped)
    return tuple(
        name for name, is_on in zip(("kill-fast", "kill-slow"), tripped, strict=False) if is_on
    )


# ------------------------------------------------------------------ money


def account_status(
    reader: JournalReader,
    run: RunStarted,
    standing: Standing,
    positions: Sequence[PositionOpened],
) -> AccountStatus:
    """Money and limits; `positions` are those open now."""
    money = _newest_account(reader, run, standing)
    is_realised = run.settings.get("DAILY_LOSS_BASIS") == "realised"
    start = _measured(standing.day_start, is_realised)
    now = money.wallet if is_realised else money.equity
    max_daily_loss = limit_of(run, "MAX_DAILY_LOSS")
    high = standing.high_water
    at_stops = sum((result_at_stop(position) for position in positions), Decimal(0))
    return AccountStatus(
        base=run.base_balance if standing.base is None else standing.base,
        wallet=money.wallet,
        equity=money.equity,
        unrealised=money.equity - money.wallet,
        open_risk=max(money.equity - money.wallet - at_stops, Decimal(0)),
        day_start=start,
        day_loss=None if start is None else start - now,
        day_loss_ratio=None if not start else float((start - now) / start),
        max_daily_loss=max_daily_loss,
        is_day_halted=standing.is_day_latched
        or (
            start is not None
            and max_daily_loss is not None
            and daily_loss_reached(float(start), float(now), max_daily_loss)
        ),
        halted_days=standing.halted_days,
        high_water=high,
        drawdown_ratio=None if not high else max(float((high - money.equity) / high), 0.0),
        max_drawdown=limit_of(run, "MAX_DRAWDOWN"),
        is_drawdown_halted=standing.is_drawdown_halted,
        is_paused=standing.is_paused,
        unknown_results=standing.unknown,
    )


def _newest_account(reader: JournalReader, run: RunStarted, standing: Standing) -> Account:
    """The account as last read: by the risk manager's state, or at a bar since then."""
    marked = next(iter(reader.equity(last=1)), None)
    recorded = reader.risk_state()
    known = standing.account
    if known is not None and (marked is None or recorded is None or recorded.at_ms >= marked.at_ms):
        return known
    if marked is None:
        return Account(run.base_balance, run.base_balance, run.base_balance)
    return Account(marked.wallet, marked.equity, marked.wallet)


def _measured(money: Account | None, is_realised: bool) -> Decimal | None:
    if money is None:
        return None
    return money.wallet if is_realised else money.equity


def limit_of(run: RunStarted, name: str) -> float | None:
    """A limit as the run's settings say; None where it is off, or no limit counts at all."""
    text = run.settings.get(name, "off")
    is_unlimited = run.settings.get("SIZING", "").startswith("fixed")
    return None if text == "off" or is_unlimited else float(text)
