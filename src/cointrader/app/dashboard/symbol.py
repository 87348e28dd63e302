"""One symbol's page: candles with what was traded on them, and what each bar answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise

from cointrader.app.dashboard.candles import CandleShelf
from cointrader.app.dashboard.decisions import words_of
from cointrader.app.dashboard.memory import Memory
from cointrader.app.dashboard.overview import symbol_rows
from cointrader.app.dashboard.positions import Prices, open_positions, position_rows
from cointrader.app.dashboard.run import RunNow
from cointrader.app.status import account_status
from cointrader.app.words import EXITS
from cointrader.dashboard import answers, views
from cointrader.dashboard.query import Query
from cointrader.dashboard.site import NotThere
from cointrader.domain.order import Leg
from cointrader.domain.position import Trade
from cointrader.domain.records import PositionOpened
from cointrader.journal.page_reader import PageReader
from cointrader.journal.page_trades import TradeFilter


def read_symbol(
    reader: PageReader,
    now: RunNow,
    shelf: CandleShelf,
    prices: Prices,
    memory: Memory,
    symbol: str,
    query: Query,
) -> answers.SymbolPage:
    """The page. `NotThere` for a symbol that this run does not trade."""
    if symbol not in now.run.symbols:
        raise NotThere(
            "this symbol is not traded here", found=symbol[:40], allowed=", ".join(now.run.symbols)
        )
    span = reader.decision_span() or (now.run.at_ms, now.to_ms)
    first_ms, last_ms = span[0], max(span[1], now.to_ms // now.bar_ms * now.bar_ms) + now.bar_ms
    to_ms = min(query.time("to") or last_ms, last_ms)
    from_ms = max(to_ms - query.whole("bars", 300, least=20, most=1_000) * now.bar_ms, first_ms)
    held = open_positions(reader, now)
    account = account_status(reader, now.run, now.standing, list(held.values()))
    rows = position_rows(reader, now, held, account.unrealised, prices)
    words = words_of(reader, now)
    decided = list(reader.decisions(symbol, from_ms=from_ms, to_ms=to_ms))
    trades = _trades_in(reader, symbol, from_ms, to_ms)
    own = held.get(symbol)
    if own is not None and own.entry_bar_ms >= to_ms:
        own = None
    candles = shelf.between(now.run, symbol, from_ms, to_ms)
    return answers.SymbolPage(
        symbol=symbol,
        interval_ms=now.bar_ms,
        from_ms=from_ms,
        to_ms=to_ms,
        first_ms=first_ms,
        last_ms=last_ms,
        candles=candles.rows,
        candles_from=candles.source,
        why_no_candles=candles.why_not,
        trades=[*map(_closed, trades), *([] if own is None else [_open(own)])],
        lines=list(_lines(reader, symbol, trades, own)),
        position=next((row for row in rows if row.symbol == symbol), None),
        state=next(row for row in symbol_rows(reader, now, held, memory) if row.symbol == symbol),
        decisions=[words.row(decision) for decision in reversed(decided)],
    )


def _trades_in(reader: PageReader, symbol: str, from_ms: int, to_ms: int) -> list[Trade]:
    """Trades that were open at any bar of a time."""
    ended = reader.all_trades(TradeFilter(symbol=symbol, from_ms=from_ms))
    return [trade for trade in ended if trade.entry_time_ms < to_ms]


def _closed(trade: Trade) -> answers.TradeMark:
    return answers.TradeMark(
        trade_id=trade.trade_id,
        side=views.named(trade.side),
        entry_ms=trade.entry_time_ms,
        entry_price=float(trade.entry_price),
        exit_ms=trade.exit_time_ms,
        exit_price=float(trade.exit_price),
        reason=str(trade.reason),
        reason_text=EXITS[trade.reason],
        net=float(trade.net),
    )


def _open(held: PositionOpened) -> answers.TradeMark:
    return answers.TradeMark(
        trade_id=held.trade_id,
        side=views.named(held.side),
        entry_ms=held.entry_bar_ms,
        entry_price=float(held.entry_price),
        exit_ms=None,
        exit_price=None,
        reason="",
        reason_text="still open",
        net=None,
    )


def _lines(
    reader: PageReader, symbol: str, trades: Sequence[Trade], held: PositionOpened | None
) -> Iterator[answers.Line]:
    """Stops and targets in force, each from the bar it was set to the bar it ended."""
    ends: dict[str, int | None] = {trade.trade_id: trade.exit_time_ms for trade in trades}
    if held is not None:
        ends[held.trade_id] = None
    moved_ms = (
        {
            (intent.trigger_price): intent.at_ms
            for intent in reader.intents(
                symbol,
                from_ms=min(
                    (t.entry_time_ms for t in trades),
                    default=0 if held is None else held.entry_bar_ms,
                ),
            )
            if intent.leg is Leg.TRAIL
        }
        if ends
        else {}
    )
    for trade_id, end_ms in ends.items():
        told = list(reader.positions(symbol, trade_id=trade_id))
        if told:
            yield from _stop_lines(trade_id, told, moved_ms, end_ms)
            yield _line(trade_id, "target", told[0].target, told[0].entry_bar_ms, end_ms)


def _stop_lines(
    trade_id: str,
    told: Sequence[PositionOpened],
    moved_ms: dict[Decimal | None, int],
    end_ms: int | None,
) -> Iterator[answers.Line]:
    since_ms = told[0].entry_bar_ms
    for before, after in pairwise(told):
        at_ms = moved_ms.get(after.stop)
        if after.stop != before.stop and at_ms is not None:
            yield _line(trade_id, "stop", before.stop, since_ms, at_ms)
            since_ms = at_ms
    yield _line(trade_id, "stop", told[-1].stop, since_ms, end_ms)


def _line(
    trade_id: str, kind: str, price: Decimal, from_ms: int, to_ms: int | None
) -> answers.Line:
    return answers.Line(
        trade_id=trade_id,
        kind="stop" if kind == "stop" else "target",
        price=float(price),
        from_ms=from_ms,
        to_ms=to_ms,
    )
