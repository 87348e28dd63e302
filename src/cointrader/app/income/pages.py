"""An exchange's list of income, page by page, and the wallets it should add up to.

The list has every kind of booking. Binance keeps it for three months, and a row may appear some
seconds after the wallet has moved.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

from cointrader.app.income.rows import IncomeRow, Reading
from cointrader.domain.clock import DAY_MS
from cointrader.domain.errors import DataError
from cointrader.exchange.binance.api import BinanceApi
from cointrader.exchange.binance.rate_limit import weight
from cointrader.exchange.binance.schemas import Wire

KEPT_MS = 89 * DAY_MS  # of the three months, with a margin
PAGE = 1_000


class WireIncome(Wire, frozen=True):
    """One row as it comes over the wire."""

    income_type: str
    income: Decimal
    asset: str
    time: int
    tran_id: int | str
    symbol: str | None = None
    info: str | None = None
    trade_id: str | int | None = None

    @property
    def row(self) -> IncomeRow:
        return IncomeRow(
            at_ms=self.time,
            kind=self.income_type,
            asset=self.asset,
            amount=self.income,
            symbol=self.symbol or "",
            transaction_id=str(self.tran_id),
            trade_id="" if self.trade_id is None else str(self.trade_id),
            info=self.info or "",
        )


async def income_pages(
    api: BinanceApi, *, start_ms: int, end_ms: int, page: int = PAGE
) -> AsyncIterator[list[IncomeRow]]:
    """All bookings of [start_ms, end_ms), ascending, page by page; none twice.

    Raises `DataError` where one moment has more bookings than fit on a page: what lies behind them
    could not be told from what is not there.
    """
    known: set[tuple[str, ...]] = set()
    while start_ms < end_ms:
        found = await api.futures.call(
            "GET",
            "/fapi/v1/income",
            list[WireIncome],
            {"startTime": start_ms, "endTime": end_ms - 1, "limit": page},
            access="signed",
            cost=weight(30),
        )
        rows = [row for row in (each.row for each in found) if row.key not in known]
        known = {each.row.key for each in found}  # only the last page can come again
        yield sorted(rows, key=lambda row: row.at_ms)
        if len(found) < page:
            return
        last_ms = max(each.time for each in found)
        if last_ms <= start_ms and not rows:
            raise DataError(
                "more bookings in one moment than the exchange gives at a time",
                where="/fapi/v1/income",
                found=f"{len(found)} at {last_ms} ms",
                todo="ask the exchange for a full export of the account's history",
            )
        start_ms = last_ms  # again: a moment may have several rows


async def wallets_now(api: BinanceApi, source: str) -> dict[str, Reading]:
    """Every asset's wallet as it is now, by the exchange's time."""
    balances = await api.balances()
    now_ms = await api.futures.now_ms()
    return {each.asset: Reading(now_ms, each.asset, each.balance, source) for each in balances}
