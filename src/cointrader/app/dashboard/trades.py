"""Closed trades: rows, a table for other programs, and where the money went."""

from __future__ import annotations

import io
from collections.abc import Sequence
from decimal import Decimal

from cointrader.app.dashboard.memory import Memory
from cointrader.app.dashboard.run import RunNow
from cointrader.app.words import EXITS, r_multiple
from cointrader.dashboard import answers, views
from cointrader.dashboard.query import Query
from cointrader.domain.order import Side
from cointrader.domain.position import Trade
from cointrader.journal.export import write_csv
from cointrader.journal.page_reader import PageReader
from cointrader.journal.page_trades import EVERY, TradeFilter
from cointrader.journal.paging import Place

_NOT_SIMULATED = "an exchange filled these orders; what its fills cost against the price at the "\
    "decision is not in the journal"  # fmt: skip


def filters_of(query: Query) -> TradeFilter:
    """The conditions on trades that a request names."""
    side = query.text("side")
    return TradeFilter(
        symbol=query.text("symbol"),
        side=None if side is None else str(Side.LONG if side == "long" else Side.SHORT),
        reason=query.text("reason"),
        result=query.text("result"),
        from_ms=query.time("from"),
        to_ms=query.time("to"),
    )


def read_trades(reader: PageReader, now: RunNow, memory: Memory, query: Query) -> answers.Trades:
    """One page of the list, and what all of it comes to."""
    filters = filters_of(query)
    place = query.place()
    page = reader.trades_page(
        filters,
        after=None if place is None else Place(*place),
        limit=query.whole("limit", 100, least=1, most=500),
    )
    nets = (memory.nets(reader) if filters == EVERY else reader.nets(filters)).values()
    return answers.Trades(
        trades=trade_rows(reader, page.records, now.slippage),
        next=cursor(page.next),
        count=sum(count for count, _ in nets),
        net=sum(net for _, net in nets),
    )


def read_csv(reader: PageReader, query: Query) -> str:
    """All trades that meet the conditions, oldest first, as CSV with a header."""
    target = io.StringIO(newline="")
    write_csv(reader.all_trades(filters_of(query)), target)
    return target.getvalue()


def read_costs(reader: PageReader, now: RunNow, query: Query) -> answers.CostPage:
    """What these trades cost, and what each symbol's did."""
    sums = reader.sums(filters_of(query))
    if now.slippage is None:
        return views.cost_page(sums, None, _NOT_SIMULATED)
    return views.cost_page(sums, float(now.slippage), "")


def trade_rows(
    reader: PageReader, trades: Sequence[Trade], slippage: Decimal | None
) -> list[answers.TradeRow]:
    """Rows of these trades, in their order."""
    stops = reader.first_stops([t.trade_id for t in trades])
    return [
        views.trade_row(
            trade,
            text=EXITS[trade.reason],
            r=None if trade.trade_id not in stops else r_multiple(trade, stops[trade.trade_id]),
            slippage=views.trade_slippage(trade, slippage),
        )
        for trade in trades
    ]


def cursor(place: Place | None) -> str | None:
    """Where a list goes on, as the next request names it."""
    return None if place is None else f"{place.at_ms}-{place.row}"
