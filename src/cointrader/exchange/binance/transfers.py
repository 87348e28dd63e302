"""What came into the account from outside less what left it, since a moment that stays the same.

The income list is the truth, but it follows the wallet by seconds, and in between a deposit would
look like a profit. So what the account's stream announces counts at once, until its row is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cointrader.domain.clock import HOUR_MS, MINUTE_MS
from cointrader.exchange.binance.api import BinanceApi

_TRANSFER = "TRANSFER"
_SAME_MS = MINUTE_MS  # an announcement and its row are this near to each other
_OVERLAP_MS = HOUR_MS  # rows may appear late


@dataclass(frozen=True, slots=True)
class _Moved:
    at_ms: int
    amount: Decimal

    def is_same(self, other: _Moved) -> bool:
        return self.amount == other.amount and abs(self.at_ms - other.at_ms) <= _SAME_MS


class Transfers:
    """The running sum of one asset.

    Parameters
    ----------
    asset : the quote currency
    since_ms : from when rows are counted. The exchange forgets them after three months
    before : what had been transferred until then
    """

    def __init__(
        self, api: BinanceApi, *, asset: str, since_ms: int, before: Decimal = Decimal(0)
    ) -> None:
        self._api = api
        self._asset = asset
        self._since_ms = self._next_ms = since_ms
        self._before = before
        self._rows: dict[int | str, _Moved] = {}
        self._announced: list[_Moved] = []  # without a row so far
        self._unannounced: list[_Moved] = []  # rows without an announcement so far

    def announce(self, asset: str, amount: Decimal, *, at_ms: int) -> None:
        """The stream tells that the wallet moved from outside."""
        if asset != self._asset or at_ms < self._since_ms:
            return
        moved = _Moved(at_ms, amount)
        row = next((each for each in self._unannounced if each.is_same(moved)), None)
        if row is None:
            self._announced.append(moved)
        else:
            self._unannounced.remove(row)

    async def total(self) -> Decimal:
        """The sum as far as it can be known now, in the asset."""
        now_ms = await self._api.futures.now_ms()
        rows = await self._api.income(_TRANSFER, start_ms=self._next_ms, end_ms=now_ms + MINUTE_MS)
        for row in rows:
            if row.asset == self._asset and row.tran_id not in self._rows:
                self._count(row.tran_id, _Moved(row.time, row.income))
        self._next_ms = max(self._since_ms, now_ms - _OVERLAP_MS)
        return self.known

    @property
    def known(self) -> Decimal:
        """The sum as far as it was known at the last look, and by what was announced since."""
        moved = (*self._rows.values(), *self._announced)
        return sum((each.amount for each in moved), self._before)

    def _count(self, row_id: int | str, row: _Moved) -> None:
        self._rows[row_id] = row
        told = next((each for each in self._announced if each.is_same(row)), None)
        if told is None:
            self._unannounced.append(row)
        else:
            self._announced.remove(told)
