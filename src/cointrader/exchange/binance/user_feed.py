"""The account's events, told to each symbol's bot: the private stream and what mends it.

Every connection gets a listen key that was asked for anew. After every connection the exchange is
asked what happened meanwhile, and that is told as if it had arrived; what the new connection says
at the same time waits a moment, so that a bot hears an entry before its exit.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import InvalidOperation
from functools import partial
from itertools import chain
from typing import Protocol

import aiohttp
import msgspec
import structlog

from cointrader.domain.clock import HOUR_MS, MINUTE_MS
from cointrader.domain.errors import Rejected, Unreachable
from cointrader.domain.events import AccountEvent, FundingSettled, OrderFilled, OrderUpdated
from cointrader.domain.order import Fill, OrderReport
from cointrader.domain.ports import Clock
from cointrader.exchange.binance.account_notices import AccountNotice
from cointrader.exchange.binance.account_story import (
    AccountStory,
    OrderKey,
    PriceOf,
    Told,
    is_told_in_full,
)
from cointrader.exchange.binance.connection import StreamLimits
from cointrader.exchange.binance.failures import MAY_PASS, Failures, words_of
from cointrader.exchange.binance.line import Line, LineHealth
from cointrader.exchange.binance.stream_messages import (
    AccountUpdate,
    AlgoUpdate,
    ConfigUpdate,
    Family,
    Kind,
    MarginCall,
    OrderTradeUpdate,
)
from cointrader.exchange.subscriptions import Hub, Subscription

log = structlog.get_logger()

# Nobody can tell a quiet account from a dead stream: a quiet one is renewed, and caught up with.
PRIVATE_LIMITS = StreamLimits(max_age_ms=30 * MINUTE_MS, may_be_quiet=True)

_KEY_UNKNOWN = "-1125"
_LOOKS_AT_ONCE = 4
_MOST_WAITING = 1_000  # messages of one symbol that wait for the gap before them


class ListenKeys(Protocol):
    """The listen key of the account. Raises an `ExchangeError`.

    There is no call to close it: the key belongs to the account, not to a process, and the next
    process may already listen with it. An unused one lapses after an hour.
    """

    async def start_listen_key(self) -> str:
        """A key that is valid for another hour, the one in use where there is one."""
        ...

    async def keep_listen_key(self) -> None:
        """Make the key last another hour; `Rejected` with code -1125 when it is gone."""
        ...


class AccountHistory(Protocol):
    """What the exchange knows when asked: its time, and these calls of the `Exchange` port.

    Fills name the order we sent, also where it was a conditional one.
    """

    async def now_ms(self) -> int: ...

    async def fills(self, symbol: str, *, since_ms: int) -> Sequence[Fill]: ...

    async def funding(self, symbol: str, *, since_ms: int) -> Sequence[FundingSettled]: ...

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]: ...

    async def order(self, symbol: str, client_order_id: str) -> OrderReport | None: ...


@dataclass(frozen=True, slots=True)
class CatchUpRules:
    """How long to wait for what belongs together, and how often to ask."""

    keep_alive_ms: int = 20 * MINUTE_MS  # a key lasts 60 minutes
    keep_alive_again_ms: int = MINUTE_MS  # after a failure
    hold_ms: int = 1_000  # a message, until the one it belongs with has come
    overlap_ms: int = MINUTE_MS  # asked for before the last event heard: clocks and stamps differ
    books_lag_ms: int = 3_000  # by which an execution can be asked for at the latest
    timeout_ms: int = 5_000  # of one look at the exchange; new messages wait as long
    first_pause_ms: int = 1_000
    longest_pause_ms: int = 30_000
    tries: int = 5  # for what the exchange may never answer: a parent, a payment


def _no_price(asset: str) -> None:
    """Nobody said what other assets are worth."""


class UserDataStream:
    """Events of one account from Binance's private stream, by symbol.

    Nothing is connected before `run`. `on_notice` hears what concerns the account as a whole; it
    must not block. `price_of` values fees paid in another asset, by its price in quote currency.
    """

    def __init__(
        self,
        *,
        url: str,
        session: aiohttp.ClientSession,
        keys: ListenKeys,
        history: AccountHistory,
        clock: Clock,
        on_notice: Callable[[AccountNotice], None],
        price_of: PriceOf = _no_price,
        limits: StreamLimits = PRIVATE_LIMITS,
        rules: CatchUpRules | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._keys = keys
        self._history = history
        self._clock = clock
        self._on_notice = on_notice
        self._rules = rules or CatchUpRules()
        self._story = AccountStory(price_of)
        self._hubs: defaultdict[str, Hub[Subscription[AccountEvent]]] = defaultdict(Hub)
        self._line = Line(
            "account",
            address=self._address,
            streams=(),
            session=session,
            clock=clock,
            limits=limits,
            on_message=self._hear,
            on_up=self._connected,
        )
        # By the exchange's clock, as its messages are: this machine's may be minutes off.
        self._heard_until_ms = 0  # the newest message; 0 before the first attempt to connect
        self._begun_ms = 0  # the newest attempt to connect
        self._up_ms = 0  # the one that made the connection in use
        self._gaps_found = 0
        self._gaps: dict[str, int] = {}  # by symbol: since when events may be missing
        self._gap_ms: int | None = None  # when the first of them was found
        self._filling: set[str] = set()
        self._booked_late: set[str] = set()  # symbols that need a second look
        self._unpaid: dict[str, int] = {}  # by symbol: since when funding may be missing
        self._newcomers: set[str] = set()
        self._waiting: dict[str, list[Callable[[], None]]] = {}  # for the gap before them
        self._resolving: set[OrderKey] = set()
        self._looks = asyncio.Semaphore(_LOOKS_AT_ONCE)
        self._funding_looks = asyncio.Semaphore(_LOOKS_AT_ONCE)  # in nobody's way when they hang
        self._tasks: asyncio.TaskGroup | None = None

    # -- what it answers ----------------------------------------------------------------------

    def account_events(self, symbol: str) -> Subscription[AccountEvent]:
        """Events of `symbol` from now on, as its own bounded subscription.

        A subscriber that leaves too many unread is dropped: its iterator raises `StaleData`.
        """
        subscription: Subscription[AccountEvent] = Subscription(f"account events of {symbol}")
        is_first = not self._hubs[symbol].live()
        self._hubs[symbol].add(subscription)
        if is_first and self._line.up_since_ms is not None:
            self._welcome(symbol)
        return subscription

    @property
    def is_complete(self) -> bool:
        """Whether the stream is up and no gap is known that was not filled."""
        return self._line.up_since_ms is not None and not self._gaps

    @property
    def age_ms(self) -> int:
        """How long ago everything that had happened to the account was known to have been told."""
        since = [s for s in (self._line.down_since_ms, self._gap_ms) if s is not None]
        return max(0, self._clock.now_ms() - min(since)) if since else 0

    def health(self) -> LineHealth:
        return self._line.health()

    # -- running ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the stream flowing until cancelled."""
        self._newcomers.clear()  # of a run that was cancelled before it got to them
        self._unpaid.clear()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._line.run(), name="line:account")
            self._tasks = tasks
            try:
                await self._keep_key()
            finally:
                self._tasks = None

    async def _address(self) -> str:
        self._begun_ms = await self._history.now_ms()
        self._heard_until_ms = self._heard_until_ms or self._begun_ms
        key = await self._keys.start_listen_key()
        return f"{self._url}/{Family.PRIVATE}/ws?listenKey={key}"

    async def _keep_key(self) -> None:
        failures = Failures(self._clock, "listen_key.not_kept")
        pause_ms = self._rules.keep_alive_ms
        while True:
            await self._clock.sleep_ms(pause_ms)
            pause_ms = self._rules.keep_alive_ms
            if self._line.up_since_ms is None:
                continue  # the next connection asks for a key
            try:
                await self._keys.keep_listen_key()
                failures.end()
            except MAY_PASS as error:
                if isinstance(error, Rejected) and error.code == _KEY_UNKNOWN:
                    self._line.doubt("listen key is gone")
                else:
                    failures.add(error)
                    pause_ms = min(pause_ms, self._rules.keep_alive_again_ms)

    # -- messages -----------------------------------------------------------------------------

    def _hear(self, text: str) -> None:
        self._safely(partial(self._understand, text))

    def _safely(self, hear: Callable[[], None]) -> None:
        try:
            hear()
        except (msgspec.MsgspecError, InvalidOperation, ValueError) as error:
            log.error("stream.unreadable", line="account", reason=str(error))
            self._catch_up()  # whatever it said, the exchange can be asked

    def _understand(self, text: str) -> None:
        match msgspec.json.decode(text, type=Kind).name:
            case "ORDER_TRADE_UPDATE":
                order = msgspec.json.decode(text, type=OrderTradeUpdate)
                self._in_turn(order.order.symbol, partial(self._hear_order, order))
            case "ALGO_UPDATE":
                algo = msgspec.json.decode(text, type=AlgoUpdate)
                self._in_turn(algo.order.symbol, partial(self._hear_algo, algo))
            case "ACCOUNT_UPDATE":
                self._hear_account(msgspec.json.decode(text, type=AccountUpdate))
            case "ACCOUNT_CONFIG_UPDATE":
                config = msgspec.json.decode(text, type=ConfigUpdate)
                self._tell(self._story.on_config(config))
            case "MARGIN_CALL":
                call = msgspec.json.decode(text, type=MarginCall)
                self._tell(self._story.on_margin_call(call))
            case "listenKeyExpired":
                self._line.doubt("listen key expired")
            case _:  # TRADE_LITE says less than the order's own message, and says it first
                pass

    def _heard(self, at_ms: int) -> None:
        self._heard_until_ms = max(self._heard_until_ms, at_ms)

    def _hear_order(self, update: OrderTradeUpdate) -> None:
        order = update.order
        key = (order.symbol, order.order_id)
        self._heard(update.at_ms)
        self._tell(self._story.on_order(update))
        if self._story.holds(key) and key not in self._resolving and self._tasks is not None:
            self._resolving.add(key)
            self._tasks.create_task(self._resolve(key), name=f"parent:{order.order_id}")
        if not is_told_in_full(order):
            self._catch_up([order.symbol], is_booked_late=True)

    def _hear_algo(self, update: AlgoUpdate) -> None:
        self._heard(update.at_ms)
        self._tell(self._story.on_algo(update))

    def _hear_account(self, update: AccountUpdate) -> None:
        self._heard(update.at_ms)
        self._tell(self._story.on_account(update))
        if update.account.reason == "FUNDING_FEE" and self._tasks is not None:
            named = {update.account.symbol, *(p.symbol for p in update.account.positions)} - {""}
            for symbol in named or self._subscribed():
                work = self._confirm_funding(symbol, update.happened_ms)
                self._tasks.create_task(work, name=f"funding:{symbol}")
        if update.account.reason == "ORDER" and self._tasks is not None:
            for symbol in {position.symbol for position in update.account.positions}:
                if self._story.lacks_execution(symbol, update.happened_ms):
                    work = self._await_execution(symbol, update.happened_ms)
                    self._tasks.create_task(work, name=f"execution:{symbol}")

    # -- telling ------------------------------------------------------------------------------

    def _subscribed(self) -> list[str]:
        return [symbol for symbol, hub in self._hubs.items() if hub.live()]

    def _tell(self, told: Iterable[Told]) -> None:
        for one in told:
            if isinstance(one, OrderUpdated | OrderFilled | FundingSettled):
                self._hubs[_symbol_of(one)].offer(one)
            else:
                self._on_notice(one)

    def _in_turn(self, symbol: str, hear: Callable[[], None]) -> None:
        """Hear a message of `symbol`; behind a gap it waits for that to be filled."""
        waiting = self._waiting.get(symbol)
        if waiting is None:
            hear()
            return
        waiting.append(hear)
        if len(waiting) >= _MOST_WAITING:
            self._release(symbol)

    def _release(self, symbol: str) -> None:
        for hear in self._waiting.pop(symbol, ()):
            self._safely(hear)

    # -- gaps ---------------------------------------------------------------------------------

    def _connected(self) -> None:
        self._up_ms = self._begun_ms
        self._catch_up()

    def _catch_up(
        self, symbols: Sequence[str] | None = None, *, is_booked_late: bool = False
    ) -> None:
        """Something may have been missed of `symbols`, by default of all that have listeners.

        Those with orders of ours come first: with hundreds of symbols the answers take a while.
        `is_booked_late` where it happened this moment: one look may come before the books have it.
        """
        if self._tasks is None:  # stopping
            return
        self._gaps_found += 1
        since_ms = self._heard_until_ms - self._rules.overlap_ms
        found = self._subscribed() if symbols is None else symbols
        self._gaps = dict.fromkeys(found, since_ms) | self._gaps
        if is_booked_late:
            self._booked_late.update(found)
        if self._gaps and self._gap_ms is None:
            self._gap_ms = self._clock.now_ms()
        started = [symbol for symbol in self._gaps if symbol not in self._filling]
        started.sort(key=lambda symbol: not self._story.living(symbol))
        for symbol in started:
            self._filling.add(symbol)
            self._waiting.setdefault(symbol, [])
            self._tasks.create_task(self._fill_gap(symbol), name=f"gap:{symbol}")
        if started:
            self._tasks.create_task(self._release_in_time(started), name="gap:patience")

    async def _release_in_time(self, symbols: Sequence[str]) -> None:
        """New events do not wait for ever for old ones that cannot be had."""
        await self._clock.sleep_ms(self._rules.timeout_ms)
        for symbol in symbols:
            self._release(symbol)

    async def _fill_gap(self, symbol: str) -> None:
        """Ask until the exchange has answered after the last gap was found."""
        look = partial(self._tell_missed, symbol)
        try:
            if self._story.living(symbol):  # what happened just before we were back
                self._booked_late.add(symbol)
            await self._insist(look, "account.gap", symbol)
            while symbol in self._booked_late:
                self._booked_late.discard(symbol)
                await self._clock.sleep_ms(self._rules.books_lag_ms)
                await self._insist(look, "account.gap", symbol)
        finally:
            self._filling.discard(symbol)
        del self._gaps[symbol]
        if not self._gaps:
            self._gap_ms = None
            self._heard(self._up_ms)  # whatever came before this connection is told by now

    async def _insist(
        self,
        look: Callable[[], Awaitable[None]],
        event: str,
        symbol: str,
        *,
        turns: asyncio.Semaphore | None = None,
    ) -> None:
        """Look until that has succeeded after the last gap was found."""
        failures = Failures(self._clock, event, symbol=symbol)
        pause_ms = self._rules.first_pause_ms
        while True:
            gaps_found = self._gaps_found
            try:
                async with turns or self._looks, asyncio.timeout(self._rules.timeout_ms / 1000):
                    await look()
            except (*MAY_PASS, TimeoutError) as error:
                failures.add(error)
            else:
                if gaps_found == self._gaps_found:
                    return
                failures.end()
            await self._clock.sleep_ms(pause_ms)
            pause_ms = min(2 * pause_ms, self._rules.longest_pause_ms)

    async def _tell_missed(self, symbol: str) -> None:
        """What happened and was not told: fills first, as they come before what they end."""
        since_ms = self._gaps[symbol]
        for fill in await self._history.fills(symbol, since_ms=since_ms):
            self._tell(self._story.on_fill(fill))
        open_orders = await self._history.open_orders(symbol)
        for report in [*open_orders, *await self._ended(symbol, open_orders)]:
            self._tell(self._story.on_report(report))
        self._release(symbol)
        if await self._history.now_ms() // HOUR_MS > since_ms // HOUR_MS:  # it settles on the hour
            self._ask_for_funding(symbol, since_ms)

    def _ask_for_funding(self, symbol: str, since_ms: int) -> None:
        """Beside the rest, which must not wait for it."""
        is_asked_for = symbol in self._unpaid
        self._unpaid[symbol] = min(since_ms, self._unpaid.get(symbol, since_ms))
        if not is_asked_for and self._tasks is not None:
            self._tasks.create_task(self._fill_funding(symbol), name=f"funding:{symbol}")

    async def _fill_funding(self, symbol: str) -> None:
        look = partial(self._tell_funding, symbol)
        try:
            await self._insist(look, "account.funding", symbol, turns=self._funding_looks)
        finally:
            del self._unpaid[symbol]

    async def _tell_funding(self, symbol: str) -> None:
        for payment in await self._history.funding(symbol, since_ms=self._unpaid[symbol]):
            self._tell(self._story.on_funding(payment))

    async def _ended(self, symbol: str, still_open: Sequence[OrderReport]) -> list[OrderReport]:
        """Our orders that were open when we last heard of them and are not any more."""
        are_open = {report.client_order_id for report in still_open}
        found: list[OrderReport] = []
        for order_id in self._story.living(symbol):
            if order_id not in are_open:
                report = await self._history.order(symbol, order_id)
                if report is not None:
                    found.append(report)
        return found

    # -- orders from before there was a listener ---------------------------------------------

    def _welcome(self, symbol: str) -> None:
        """Learn of the orders that rest already: else their end in a gap could not be told."""
        if self._tasks is None:
            return
        if not self._newcomers:
            self._tasks.create_task(self._meet(), name="newcomers")
        self._newcomers.add(symbol)

    async def _meet(self) -> None:
        """Begins a turn of the loop later: all that came in that turn are asked about together."""
        symbols, self._newcomers = sorted(self._newcomers), set()

        async def look() -> None:
            answers = await asyncio.gather(*map(self._history.open_orders, symbols))
            for report in chain.from_iterable(answers):
                self._tell(self._story.on_report(report))

        await self._insist(look, "account.newcomers", ", ".join(symbols))

    # -- what one message leaves open ---------------------------------------------------------

    async def _resolve(self, key: OrderKey) -> None:
        """Find out whose child a plain order is, when the stream does not say so in time."""
        parent: OrderReport | None = None
        pause_ms = self._rules.hold_ms
        try:
            for _ in range(self._rules.tries):
                await self._clock.sleep_ms(pause_ms)
                if not self._story.holds(key):
                    return
                try:
                    async with self._looks, asyncio.timeout(self._rules.timeout_ms / 1000):
                        parent = await self._parent_of(key)
                    break
                except (*MAY_PASS, TimeoutError) as error:
                    log.warning("account.parent", symbol=key[0], reason=words_of(error))
                    pause_ms = 2 * pause_ms
            self._in_turn(key[0], lambda: self._tell(self._story.resolve(key, parent)))
        finally:
            self._resolving.discard(key)

    async def _parent_of(self, key: OrderKey) -> OrderReport | None:
        """The conditional order whose child `key` is; None for no child.

        Raises `Unreachable` while the exchange's books do not show its fills.
        """
        fills = {fill.trade_id: fill for fill in self._story.held_fills(key)}
        if not fills:
            return None
        since_ms = min(fill.at_ms for fill in fills.values())
        for booked in await self._history.fills(key[0], since_ms=since_ms):
            held = fills.get(booked.trade_id)
            if held is not None:
                if booked.client_order_id == held.client_order_id:
                    return None
                return await self._history.order(key[0], booked.client_order_id)
        raise Unreachable("a fill is not booked yet", where=key[0])

    async def _await_execution(self, symbol: str, at_ms: int) -> None:
        """A position changed: ask for the execution that did it, when that is not told in time.

        Whoever holds the position could not know of it otherwise: neither that it needs a stop,
        nor that it is over.
        """
        await self._clock.sleep_ms(self._rules.hold_ms)
        if self._story.lacks_execution(symbol, at_ms):
            log.warning("account.execution_missing", symbol=symbol, at_ms=at_ms)
            self._catch_up([symbol], is_booked_late=True)

    async def _confirm_funding(self, symbol: str, at_ms: int) -> None:
        """Tell a payment as the exchange books it: the message knows no rate and no exact time.

        The books lag behind the message. One that stays away is counted when the position closes.
        """
        pause_ms = self._rules.first_pause_ms
        for _ in range(self._rules.tries):
            try:
                async with self._looks, asyncio.timeout(self._rules.timeout_ms / 1000):
                    booked = await self._history.funding(symbol, since_ms=at_ms - MINUTE_MS)
            except (*MAY_PASS, TimeoutError) as error:
                log.warning("account.funding", symbol=symbol, reason=words_of(error))
                booked = ()
            for payment in booked:
                self._tell(self._story.on_funding(payment))
            if booked:
                return
            await self._clock.sleep_ms(pause_ms)
            pause_ms *= 2
        log.warning("account.funding_missing", symbol=symbol, at_ms=at_ms)


def _symbol_of(event: AccountEvent) -> str:
    match event:
        case OrderUpdated(report):
            return report.symbol
        case OrderFilled(fill):
            return fill.symbol
        case FundingSettled():
            return event.symbol
