"""The simulated exchange with all that the wire adds to it, for the calls to work on."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from cointrader.domain.order import DetailedFill, OrderRequest
from cointrader.exchange.simulated.adapter import SimulatedExchange
from cointrader.exchange.simulated.wire import events
from cointrader.exchange.simulated.wire.account import AccountView
from cointrader.exchange.simulated.wire.clock import ExchangeClock
from cointrader.exchange.simulated.wire.events import Message
from cointrader.exchange.simulated.wire.limits import Limits, LimitSettings
from cointrader.exchange.simulated.wire.listen_keys import LIFE_MS, ListenKeys
from cointrader.exchange.simulated.wire.market import MarketView
from cointrader.exchange.simulated.wire.orders import AlgoOrder, Terms
from cointrader.exchange.simulated.wire.params import Params, missing, not_wanted
from cointrader.exchange.simulated.wire.recorder import Recorder
from cointrader.exchange.simulated.wire.refusals import refused

_SHORTEST_MS = 600_000  # a GTD order is good for longer than this
_LATEST_MS = 253_402_300_799_000


@dataclass(frozen=True, slots=True)
class VenueSettings:
    """What can be chosen. The defaults are the real exchange's."""

    limits: LimitSettings = field(default_factory=LimitSettings)
    listen_key_life_ms: int = LIFE_MS


class Venue:
    """One exchange, its clock, its records, its limits.

    `haste` is how many of its seconds pass in one of a client's.
    `on_event` and `on_execution` are set by whoever carries them to clients.
    """

    def __init__(
        self, exchange: SimulatedExchange, clock: ExchangeClock, settings: VenueSettings
    ) -> None:
        self.exchange = exchange
        self.clock = clock
        self.settings = settings
        self.account = AccountView(exchange)
        self.market = MarketView(exchange)
        # While a stepped clock stands, limits and connections go by the wall clock.
        self.haste = clock.slack if math.isfinite(clock.slack) else 1.0
        self.limits = Limits(settings.limits, self.haste)
        self.clock_error_ms = 0  # how far ahead of itself the server believes to be
        self.more_is_due = asyncio.Event()  # something has a time now at which `tick` is due
        self.listen_keys = ListenKeys(settings.listen_key_life_ms, self.more_is_due.set)
        self._countdowns: dict[str, int] = {}  # symbol -> when its orders are cancelled
        self.on_event: Callable[[Message], None] = _to_nobody
        self.on_execution: Callable[[DetailedFill], None] = _to_nobody
        self.recorder = Recorder(
            now_ms=clock.now_ms,
            account=self.account,
            tell=self.tell,
            executed=self._executed,
        )
        # Held here: the exchange's hubs know their subscribers weakly.
        self._taps = [self.recorder.tap(symbol) for symbol in self.symbols]
        for symbol, tap in zip(self.symbols, self._taps, strict=True):
            exchange.book.hubs[symbol].add(tap)

    @property
    def symbols(self) -> Sequence[str]:
        return list(self.exchange.book.instruments)

    def now_ms(self) -> int:
        return self.clock.now_ms()

    def server_ms(self) -> int:
        """The time it tells and judges requests by."""
        return self.now_ms() + self.clock_error_ms

    def symbol(self, params: Params, name: str = "symbol") -> str:
        """A mandatory symbol that is traded here."""
        return self._known(params.text(name))

    def optional_symbol(self, params: Params) -> str | None:
        symbol = params.given("symbol")
        return None if symbol is None else self._known(symbol)

    def symbols_of(self, params: Params) -> Sequence[str]:
        """The symbol asked for, or all."""
        symbol = self.optional_symbol(params)
        return self.symbols if symbol is None else [symbol]

    def _known(self, symbol: str) -> str:
        if symbol.upper() not in self.exchange.book.instruments:
            raise refused(-1121, "Invalid symbol.")
        return symbol.upper()

    def good_till_ms(self, params: Params, time_in_force: str) -> int:
        """When a GTD order expires, in whole seconds; 0 for any other."""
        until_ms = params.whole("goodTillDate")
        if time_in_force != "GTD":
            if until_ms:
                raise not_wanted("goodTillDate")
            return 0
        if until_ms is None:
            raise missing("goodTillDate")
        if not self.server_ms() + _SHORTEST_MS < until_ms < _LATEST_MS:
            raise refused(
                -5040,
                "The goodTillDate timestamp must be greater than the current time plus 600 seconds "
                f"and smaller than {_LATEST_MS}",
            )
        return until_ms // 1000 * 1000

    async def place(self, request: OrderRequest, terms: Terms) -> None:
        """Have an order taken, with the terms that it was sent with. Or raise `Rejected`."""
        with self.recorder.placing(terms):
            await self.exchange.place(request, good_till_ms=terms.good_till_ms or None)
        if terms.good_till_ms:
            self.more_is_due.set()

    def tell(self, message: Message) -> None:
        """An account event, for whoever listens by now."""
        self.on_event(message)

    def _executed(self, fill: DetailedFill) -> None:
        self.on_execution(fill)

    # -- time passes --------------------------------------------------------------------------

    @property
    def due_ms(self) -> int | None:
        """When `tick` has something to do; None while nothing waits for a time."""
        expiries = self.listen_keys.due_ms, self.exchange.next_expiry_ms
        dues = [due_ms for due_ms in expiries if due_ms is not None]
        return min((*self._countdowns.values(), *dues), default=None)

    def count_down(self, symbol: str, wait_ms: int) -> None:
        """Cancel the limit orders of `symbol` after `wait_ms`; with 0 not any more."""
        self._countdowns.pop(symbol, None)
        if wait_ms:
            self._countdowns[symbol] = self.now_ms() + wait_ms
            self.more_is_due.set()

    async def tick(self) -> None:
        """What is due by now: listen keys and orders expire, countdowns cancel."""
        now_ms = self.now_ms()
        self.exchange.expire_due(now_ms)
        self.listen_keys.expire(
            now_ms, lambda key: self.tell(events.listen_key_expired(key, now_ms))
        )
        for symbol in [s for s, due_ms in self._countdowns.items() if due_ms <= now_ms]:
            del self._countdowns[symbol]
            await self.cancel_all_plain(symbol)

    async def cancel_all_plain(self, symbol: str) -> None:
        """Cancel limit orders; conditional ones stay, as on production."""
        for order in self.recorder.open_plain():
            if order.symbol == symbol:
                await self.exchange.cancel(symbol, order.client_id)

    # -- what the owner of the market does ------------------------------------------------------

    def deposit(self, amount: Decimal) -> None:
        self.exchange.deposit(amount)
        self.recorder.book_transfer(amount, "DEPOSIT")

    def withdraw(self, amount: Decimal) -> None:
        self.exchange.withdraw(amount)
        self.recorder.book_transfer(-amount, "WITHDRAW")

    def forget_algo(self, algo: AlgoOrder) -> None:
        """Throw a conditional order away as if it had never been there, without a word."""
        self.exchange.book.desks[algo.symbol].resting.pop(algo.client_id, None)
        self.recorder.forget(algo)

    def set_leverage(self, symbol: str, leverage: int) -> None:
        self.exchange.set_leverage(symbol, leverage)
        self.tell(events.leverage_changed(symbol, leverage, self.now_ms()))


def _to_nobody(_: object) -> None:
    """Before anybody listens."""
