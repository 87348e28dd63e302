"""What the core needs from the world, as small Protocols. Adapters live in their own rooms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from cointrader.domain.clock import Clock

if TYPE_CHECKING:  # a port is a promise about values: who only reads candles makes none of them
    from cointrader.domain.candle import Candle
    from cointrader.domain.events import AccountEvent, FeedEvent, FundingSettled
    from cointrader.domain.instrument import Instrument
    from cointrader.domain.order import Fill, OrderReport, OrderRequest
    from cointrader.domain.position import Position
    from cointrader.domain.records import (
        Alert,
        BotState,
        Intent,
        OrderSeen,
        PositionOpened,
        Record,
        RiskState,
        TradeClosed,
    )

__all__ = [
    "Account",
    "CandleSource",
    "Clock",
    "Exchange",
    "InputAges",
    "Journal",
    "JournalWriter",
    "MarketFeed",
    "Notifier",
    "Quote",
    "Settlement",
]


@dataclass(frozen=True, slots=True)
class Account:
    """Money, in quote currency. `equity` marks open positions; `available` is free margin.

    `transfers` is what came in from outside less what left, counted from a moment that stays the
    same for one account; None where the exchange does not tell. Read together with the wallet, so
    that a deposit is never taken for a profit.
    """

    wallet: Decimal
    equity: Decimal
    available: Decimal
    transfers: Decimal | None = None


@dataclass(frozen=True, slots=True)
class BestPrices:
    """What a small market order would fill at now: `ask` to buy, `bid` to sell."""

    bid: Decimal
    ask: Decimal


@dataclass(frozen=True, slots=True)
class Quote(BestPrices):
    """The best prices, and the mark price."""

    mark: Decimal


@dataclass(frozen=True, slots=True)
class Holdings:
    """What one symbol has: its position, and orders that may still execute, whoever sent them."""

    position: Position | None
    orders: Sequence[OrderReport]


@dataclass(frozen=True, slots=True)
class Settlement:
    """One recorded funding settlement. Without a stored mark price the bar's open is used."""

    at_ms: int
    rate: float
    mark_price: float | None = None


class Exchange(Protocol):
    """One account on one exchange.

    Raises `Unreachable`, `RateLimited`, `Rejected`, `OutcomeUnknown`: see `domain.errors`.
    """

    @property
    def is_remote(self) -> bool:
        """Whether what it tells may get lost on its way: then orders are looked at now and then."""
        ...

    async def place(self, request: OrderRequest) -> OrderReport:
        """Send an order. Its fills arrive as account events, maybe before this returns."""
        ...

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """Cancel an open order; None when there is no open order of that id."""
        ...

    async def order(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """What the exchange knows of an order of ours; None when it never saw it."""
        ...

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        """Plain and conditional orders that may still execute, whoever sent them."""
        ...

    async def position(self, symbol: str) -> Position | None:
        """The open position of `symbol`, None when flat."""
        ...

    async def holdings(self, symbol: str, *, since_ms: int | None = None) -> Holdings:
        """`position` and `open_orders`; where `since_ms` is given, as of any moment since then."""
        ...

    def look_ahead(self) -> None:
        """A bar has closed: begin to read what entries will ask for, where that saves time."""
        ...

    async def account(self) -> Account: ...

    async def best_prices(self, symbol: str) -> BestPrices: ...

    async def quote(self, symbol: str) -> Quote: ...

    async def instrument(self, symbol: str) -> Instrument: ...

    async def fills(self, symbol: str, *, since_ms: int) -> Sequence[Fill]:
        """All executions of `symbol` at or after `since_ms`, oldest first."""
        ...

    async def funding(self, symbol: str, *, since_ms: int) -> Sequence[FundingSettled]:
        """Funding booked to positions of `symbol` at or after `since_ms`, oldest first."""
        ...

    def account_events(self, symbol: str) -> AsyncIterator[AccountEvent]:
        """Events of one symbol from the call on, in order. Each call is its own subscription."""
        ...


class MarketFeed(Protocol):
    """Closed candles, as they close and as stored."""

    async def history(self, symbol: str, *, before_ms: int, limit: int) -> Sequence[Candle]:
        """The last `limit` closed candles that opened before `before_ms`, oldest first."""
        ...

    def candles(self, symbols: Sequence[str]) -> AsyncIterator[FeedEvent]:
        """Candles of these symbols from the call on, as they close; each call is its own
        bounded subscription. Candles of one symbol arrive in order, symbols in any order.
        Waiting for the next one may be cancelled; nothing is lost by that."""
        ...


class InputAges(Protocol):
    """How fresh the inputs of an entry are: prices, account events, the clock, filters."""

    def too_old(self, symbol: str) -> str | None:
        """Which input of an entry in `symbol` is older than it may be, in words; None: none is."""
        ...


class CandleSource(Protocol):
    """Recorded or made-up market data that a simulated exchange plays back."""

    @property
    def label(self) -> str:
        """What the data is, for results and people, e.g. ``"synthetic, seed 7"``."""
        ...

    @property
    def interval_ms(self) -> int: ...

    def symbols(self) -> Sequence[str]: ...

    def candles(self, symbol: str) -> Sequence[Candle]:
        """All candles of `symbol`, ascending, without gaps; empty for an unknown symbol."""
        ...

    def open_times(self, symbol: str) -> Sequence[int]:
        """Open times of the same candles, in ms: cheaper where no prices are needed."""
        ...

    def settlements(self, symbol: str) -> Sequence[Settlement]:
        """Recorded funding settlements, ascending."""
        ...

    def open_interest(self, symbol: str) -> Sequence[tuple[int, float]]:
        """(time known in ms, open interest in contracts), ascending; empty when not recorded."""
        ...


class JournalWriter(Protocol):
    """Where what happened is written down."""

    def note(self, record: Record) -> None:
        """Queue a record for the next commit."""
        ...

    async def commit(self, *records: Record) -> None:
        """Write all that was noted, then `records`, in one transaction; return once on disk."""
        ...


class Journal(JournalWriter, Protocol):
    """What happened, and what a bot must remember of it after a restart.

    One writer; all other readers go through the journal room's reader.
    """

    def open_position(self, symbol: str) -> PositionOpened | None:
        """The last `PositionOpened` of `symbol` that no `TradeClosed` has ended."""
        ...

    def intent(self, client_order_id: str) -> Intent | None:
        """What was about to be sent under this id."""
        ...

    def last_order(self, client_order_id: str) -> OrderSeen | None:
        """What was last seen of an order of ours."""
        ...

    def last_entry(self, symbol: str) -> Intent | None:
        """The newest intent of `symbol` to open a position, or to take one over."""
        ...

    def last_bot_state(self, symbol: str, states: Collection[str]) -> BotState | None:
        """The newest state of the bot of `symbol` that is one of `states`."""
        ...

    def has_trade(self, trade_id: str) -> bool:
        """Whether the position opened by the entry order `trade_id` is closed and booked."""
        ...

    def last_decided_bar(self, symbol: str) -> int | None:
        """Open time of the last bar of `symbol` whose decision is on disk."""
        ...

    def first_started_ms(self) -> int | None:
        """When the first process began to trade with this journal."""
        ...

    def risk_state(self) -> RiskState | None: ...

    def trades(self, symbol: str | None = None) -> Sequence[TradeClosed]: ...


class Notifier(Protocol):
    """Tells people. Never blocks and never fails trading."""

    def send(self, alert: Alert) -> None: ...
