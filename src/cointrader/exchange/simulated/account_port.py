"""The part of the `Exchange` port that a simulated account answers by itself, whatever its market.

Placing, prices and the account's equity need a market; those are with whoever has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cointrader.domain.errors import Rejected
from cointrader.domain.events import AccountEvent, FundingSettled
from cointrader.domain.order import Fill, OrderReport
from cointrader.domain.ports import Holdings
from cointrader.domain.position import Position
from cointrader.exchange.simulated.account import SimulatedAccount
from cointrader.exchange.simulated.margin import liquidation_level
from cointrader.exchange.subscriptions import Subscription


class AccountPort:
    """Orders, positions, fills, funding and events of `account`."""

    def __init__(self, account: SimulatedAccount) -> None:
        self._account = account

    @property
    def is_remote(self) -> bool:
        return False  # whoever asks is told everything, at once

    @property
    def book(self) -> SimulatedAccount:
        """The account itself: ledger, orders, instruments."""
        return self._account

    async def order(self, symbol: str, client_order_id: str) -> OrderReport | None:
        self._require_traded(symbol)
        return self._account.desks[symbol].find(client_order_id)

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        self._require_traded(symbol)
        return self._account.open_orders(symbol)

    async def position(self, symbol: str) -> Position | None:
        self._require_traded(symbol)
        held = self._account.ledger.positions.get(symbol)
        if held is None:
            return None
        level = liquidation_level(held, self._account.instruments[symbol])
        return replace(held, liquidation_price=level)

    async def holdings(self, symbol: str, *, since_ms: int | None = None) -> Holdings:
        """As of now, which nothing is later than."""
        del since_ms
        return Holdings(await self.position(symbol), await self.open_orders(symbol))

    def look_ahead(self) -> None:
        """Whatever is asked here is answered at once."""

    async def fills(self, symbol: str, *, since_ms: int) -> Sequence[Fill]:
        """Executions at or after `since_ms`, as far as they are remembered."""
        self._require_traded(symbol)
        return self._account.fills[symbol].since(since_ms)

    async def funding(self, symbol: str, *, since_ms: int) -> Sequence[FundingSettled]:
        self._require_traded(symbol)
        return self._account.funding[symbol].since(since_ms)

    def account_events(self, symbol: str) -> Subscription[AccountEvent]:
        self._require_traded(symbol)
        subscription: Subscription[AccountEvent] = Subscription(f"account events of {symbol}")
        self._account.hubs[symbol].add(subscription)
        return subscription

    def _require_traded(self, symbol: str) -> None:
        if symbol not in self._account.desks:
            traded = ", ".join(self._account.desks)
            raise Rejected(
                f"unknown symbol {symbol}", code="-1121", todo=f"this market has {traded}"
            )
