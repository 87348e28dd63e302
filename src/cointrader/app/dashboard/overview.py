"""The first page: money against its limits, what is open, how each bot stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from cointrader.app.dashboard.memory import Curve, Memory
from cointrader.app.dashboard.positions import (
    Prices,
    open_positions,
    position_rows,
    positions_without_levels,
)
from cointrader.app.dashboard.run import RunNow, controls_answer, run_answer
from cointrader.app.dashboard.trades import trade_rows
from cointrader.app.status import AccountStatus, account_status, tripped_switches
from cointrader.app.words import REFUSALS
from cointrader.dashboard import answers, views
from cointrader.domain.clock import DAY_MS
from cointrader.domain.order import Side
from cointrader.domain.records import PositionOpened
from cointrader.journal.page_reader import PageReader

EQUITY_POINTS = 500
_SHOWN = 5  # of the latest alerts and trades


def read_overview(
    reader: PageReader,
    now: RunNow,
    prices: Prices,
    memory: Memory,
    *,
    is_listening: bool,
    now_ms: int,
) -> answers.Overview:
    """The page. A year of a hundred symbols is read in the same few queries."""
    held = open_positions(reader, now)
    account = account_status(reader, now.run, now.standing, list(held.values()))
    curve, count = memory.curve(reader, EQUITY_POINTS - 1)
    symbols = symbol_rows(reader, now, held, memory)
    last = reader.trades_page(limit=_SHOWN).records
    return answers.Overview(
        now_ms=now_ms,
        run=run_answer(now),
        controls=controls_answer(now, is_listening=is_listening),
        account=_account(account),
        slots=_slots(now, held.values()),
        positions=position_rows(reader, now, held, account.unrealised, prices),
        without_levels=positions_without_levels(reader, held, prices),
        symbols=symbols,
        equity=views.equity_points([*curve, *_since(curve, now, account)]),
        equity_marks=count,
        trades=sum(row.trades for row in symbols),
        net=sum(row.net for row in symbols),
        refusals_today=_refusals_today(reader, now),
        last_trades=trade_rows(reader, last, now.slippage),
        last_alerts=[views.alert_row(a) for a in reader.alerts_page(limit=_SHOWN).records],
    )


def symbol_rows(
    reader: PageReader, now: RunNow, held: Mapping[str, PositionOpened], memory: Memory
) -> list[answers.SymbolRow]:
    """Every configured symbol and its bot."""
    nets = memory.nets(reader)
    bots, decided = reader.bot_states(), reader.last_decisions(now.run.symbols, DAY_MS)
    return [
        views.symbol_row(
            symbol,
            bots.get(symbol),
            is_running=now.writer is not None,
            side=held[symbol].side if symbol in held else None,
            last=decided.get(symbol),
            trades=nets.get(symbol, (0, 0.0)),
            kill_switches=tripped_switches(now.standing, symbol),
        )
        for symbol in now.run.symbols
    ]


def _since(curve: Curve, now: RunNow, account: AccountStatus) -> Curve:
    """The account as it is, where that is newer than the last mark."""
    at_ms = now.marked_ms
    if at_ms is None or (curve and at_ms <= curve[-1][0]):
        return []
    return [(at_ms, float(account.equity), float(account.wallet))]


def _account(status: AccountStatus) -> answers.Account:
    start, loss = status.day_start, status.day_loss
    return answers.Account(
        base=float(status.base),
        wallet=float(status.wallet),
        equity=float(status.equity),
        unrealised=float(status.unrealised),
        open_risk=float(status.open_risk),
        day_start=_number(start),
        day_loss=_number(loss),
        day_loss_ratio=status.day_loss_ratio,
        max_daily_loss=status.max_daily_loss,
        day_loss_with_open_risk_ratio=(
            None if not start or loss is None else float((loss + status.open_risk) / start)
        ),
        is_day_halted=status.is_day_halted,
        halted_days=status.halted_days,
        high_water=_number(status.high_water),
        drawdown_ratio=status.drawdown_ratio,
        max_drawdown=status.max_drawdown,
        is_drawdown_halted=status.is_drawdown_halted,
        is_paused=status.is_paused,
        unknown_results=list(status.unknown_results),
    )


def _slots(now: RunNow, held: Iterable[PositionOpened]) -> answers.Slots:
    sides = [position.side for position in held]
    return answers.Slots(
        used=len(sides),
        most=_whole(now, "MAX_POSITIONS"),
        long=sides.count(Side.LONG),
        short=sides.count(Side.SHORT),
        most_same_direction=_whole(now, "MAX_SAME_DIRECTION"),
    )


def _whole(now: RunNow, name: str) -> int | None:
    """A limit on positions; fixed sizes know none."""
    text = now.run.settings.get(name, "")
    is_unlimited = now.run.settings.get("SIZING", "").startswith("fixed")
    return int(text) if text.isdigit() and not is_unlimited else None


def _refusals_today(reader: PageReader, now: RunNow) -> list[answers.Count]:
    today_ms = now.to_ms // DAY_MS * DAY_MS
    return views.counted(reader.count_refusals(from_ms=today_ms), REFUSALS)


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
