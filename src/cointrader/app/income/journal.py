"""Bookings as a journal tells them: of a paper run all there are, of another run its own.

A fill's profit is worked out as the simulated exchange does it, by the same ledger: what closes is
held against the average entry. Funding and transfers stand in the journal as they were booked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from cointrader.app.income.rows import (
    COMMISSION,
    FUNDING,
    REALISED,
    TRANSFER,
    IncomeRow,
    Reading,
    in_order,
)
from cointrader.app.status import required_run
from cointrader.domain.order import LIQUIDATION_PREFIXES, Fill, Leg, Side, leg_of
from cointrader.domain.position import Position
from cointrader.exchange.simulated.ledger import Ledger
from cointrader.journal.reader import JournalReader

ASSET = "USDT"
_PAPER = "paper"


def journal_rows(reader: JournalReader) -> list[IncomeRow]:
    """Every booking of the journal's runs, by time, in quote currency.

    Binance's list says the same in its own words; of a fee paid in another asset the journal knows
    what it was worth.
    """
    fills = [seen.fill for seen in reader.fills()]
    rows = list(_of_fills(fills, _taken_over(reader)))
    rows += [
        IncomeRow(paid.at_ms, FUNDING, ASSET, paid.amount, paid.symbol, info=f"rate {paid.rate}")
        for paid in reader.funding()
    ]
    rows += [
        IncomeRow(event.at_ms, TRANSFER, ASSET, Decimal(event.detail))
        for event in reader.risk_events(kind="deposit")
    ]
    return in_order(rows)


def client_ids(reader: JournalReader) -> dict[tuple[str, str], str]:
    """Our client order id of each execution, by symbol and trade id."""
    return {
        (seen.fill.symbol, str(seen.fill.trade_id)): seen.fill.client_order_id
        for seen in reader.fills()
    }


def first_reading(reader: JournalReader) -> Reading:
    """The wallet when the journal's first run began. `JournalError` where there was none."""
    required_run(reader)
    run = next(reader.runs())
    return Reading(run.at_ms, ASSET, run.base_balance, f"the journal's first start ({run.mode})")


def last_reading(reader: JournalReader, rows: Sequence[IncomeRow]) -> Reading | None:
    """The wallet of the simulated exchange as of its last checkpoint; None where there is none.

    `rows` are the journal's: what was booked in the last bar may be stamped after the checkpoint.
    """
    left = reader.exchange_state()
    if left is None or required_run(reader).mode != _PAPER or "sums" not in left.state:
        return None
    sums: Mapping[str, Any] = left.state["sums"]  # type: ignore[assignment]
    last_ms = max([left.at_ms, *(row.at_ms for row in rows)])
    return Reading(last_ms, ASSET, Decimal(sums["wallet"]), "the simulated exchange")


def exchange_sums(reader: JournalReader) -> dict[str, Decimal]:
    """What the simulated exchange itself booked, by kind; empty where there is none."""
    left = reader.exchange_state()
    if left is None or "sums" not in left.state:
        return {}
    told: Mapping[str, Any] = left.state["sums"]  # type: ignore[assignment]
    sums = {name: Decimal(text) for name, text in told.items()}
    return {
        REALISED: sums["gross"],
        COMMISSION: -sums["fees"],
        FUNDING: sums["funding"],
        TRANSFER: sums["deposits"] - sums["initial"] - sums["withdrawals"],
    }


def _of_fills(fills: list[Fill], taken_over: Mapping[str, list[Position]]) -> Iterator[IncomeRow]:
    ledger = Ledger(Decimal(0), leverage=1)
    waiting = {symbol: list(held) for symbol, held in taken_over.items()}
    for fill in fills:
        while waiting.get(fill.symbol) and waiting[fill.symbol][0].opened_ms <= fill.at_ms:
            ledger.positions[fill.symbol] = waiting[fill.symbol].pop(0)
        numbers = {
            "symbol": fill.symbol,
            "trade_id": str(fill.trade_id),
            "client_order_id": fill.client_order_id,
        }
        gross = ledger.trade(
            fill.symbol, fill.side, fill.quantity, fill.price, fill.at_ms, fee_ratio=Decimal(0)
        ).gross
        info = "liquidation" if fill.client_order_id.startswith(LIQUIDATION_PREFIXES) else ""
        if gross:
            yield IncomeRow(fill.at_ms, REALISED, ASSET, gross, info=info, **numbers)
        if fill.fee:
            yield IncomeRow(fill.at_ms, COMMISSION, ASSET, -fill.fee, info=info, **numbers)


def _taken_over(reader: JournalReader) -> dict[str, list[Position]]:
    """Positions that somebody else opened: their fills are in no journal."""
    found: dict[str, list[Position]] = {}
    known: set[str] = set()
    for held in reader.positions():
        if leg_of(held.trade_id) is not Leg.ADOPTED or held.trade_id in known:
            continue
        known.add(held.trade_id)
        side = Side(held.side)
        position = Position(held.symbol, side, held.quantity, held.entry_price, held.entry_bar_ms)
        found.setdefault(held.symbol, []).append(position)
    return found
