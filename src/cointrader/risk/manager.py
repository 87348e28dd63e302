"""The risk manager that all bots of a process share: the live book, the account, and each bar.

A bar, as its bots see it: `begin_bar`, then their closes (A1), then `submit` with a request or
None; the answer to a request comes once everybody has submitted or the auction's deadline passed.
Reading the account awaits, so the steps around a reading hold `_lock`.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Protocol

from cointrader.domain.clock import Clock, SystemClock, utc_day
from cointrader.domain.errors import DataError, ExchangeError, InvariantBroken
from cointrader.domain.instrument import to_decimal
from cointrader.domain.ports import Account, Quote
from cointrader.domain.records import Alert, EquityMarked
from cointrader.risk.auction import Auction
from cointrader.risk.book import Refusal, RiskBook
from cointrader.risk.limits import RiskConfig, RiskLimits
from cointrader.risk.live_book import LiveBook, RiskJournal
from cointrader.risk.reservation import EntryRequest, Reservation
from cointrader.risk.sizing import needed_margin, size_entry
from cointrader.risk.standing import NEVER_MS
from cointrader.risk.state import restored

__all__ = ["AccountReader", "EntryRequest", "Refusal", "Reservation", "RiskManager"]

_UNREADABLE = Refusal("unknown-result", "the account could not be read")

_READING_GOOD_FOR_MS = 250  # of the account, for entries, while nothing of ours closed
READING_DEADLINE_S = 5.0  # closes wait for a reading of the account, but not for ever


class AccountReader(Protocol):
    """The part of an exchange that risk looks at."""

    async def account(self) -> Account: ...

    async def quote(self, symbol: str) -> Quote: ...


class RiskManager(LiveBook):
    """Says who may open what, and how large.

    Without `start` it knows no account: the balance is what `set_base_balance` said, and until
    then only slots, symbols and directions are judged. Without a journal it is in memory only.
    """

    def __init__(
        self, config: RiskConfig, *, clock: Clock | None = None, journal: RiskJournal | None = None
    ) -> None:
        super().__init__(config, clock=clock or SystemClock(), journal=journal)
        self._exchange: AccountReader | None = None
        self._bots: set[str] = set()
        self._auction: Auction | None = None
        self._read_ms = NEVER_MS  # when the account was asked for last
        self._seen_ms = NEVER_MS  # the last bar for which an account reading was tried
        self._promised_ms = NEVER_MS  # a bar that somebody is about to begin
        self._early: set[str] = set()  # who reported that bar before it was begun
        self._begun: asyncio.Event | None = None  # while a bar is being begun: wakes all at once
        self._lock = asyncio.Lock()

    async def start(self, exchange: AccountReader) -> None:
        """Take up the state in the journal and attach the account. Once, before any bot runs."""
        recorded = None if self._journal is None else self._journal.risk_state()
        if recorded is not None:
            self._standing, slots = restored(recorded.state)
            self._book = RiskBook(self._limits, slots)
            self._unconfirmed = {symbol for symbol, slot in slots.items() if not slot.is_open}
            self._tickets = max((slot.ticket for slot in slots.values()), default=0)
        self._exchange = exchange
        account = await exchange.account()
        standing = self._standing
        if standing.account is None or standing.snapshot_ms != standing.bar_ms:
            self._note(standing.read(account, self._clock.now_ms(), self._limits))
        if standing.base is None:
            standing.base = account.wallet
        self._note_state()

    # ------------------------------------------------------------------ one bar

    def join(self, symbol: str) -> None:
        """The bot of `symbol` lives: auctions wait for it."""
        self._bots.add(symbol)
        if self._auction is not None and not self._auction.is_open:
            self._auction.expect(symbol)

    def leave(self, symbol: str) -> None:
        """The bot of `symbol` ended, crashed or is quarantined: nobody waits for it."""
        self._bots.discard(symbol)
        slot = self._book.slots.get(symbol)
        if slot is not None and not slot.is_open:
            self._unconfirmed.add(symbol)
        if self._auction is not None:
            self._auction.forget(symbol)

    async def begin_bar(self, bar_open_ms: int) -> None:
        """The candle that closed at `bar_open_ms` is about to be acted on.

        The first call of a bar reads the account; the others wait for that reading. It never
        fails: exits must not depend on it. An account that cannot be read is tried once more
        before entries are answered.
        """
        self._promise(bar_open_ms)
        while bar_open_ms > self._seen_ms:
            if self._begun is not None:
                await self._begun.wait()
                continue
            begun = self._begun = asyncio.Event()
            try:
                await self._begin_anew(bar_open_ms)
            finally:
                self._begun = None
                begun.set()

    async def _begin_anew(self, bar_open_ms: int) -> None:
        async with self._lock:
            limits = self._limits
            deadline_ms = self._clock.now_ms() + limits.auction_deadline_ms
            self._auction = Auction(bar_open_ms, self._bots, deadline_ms)
            if bar_open_ms == self._promised_ms:
                for symbol in self._early:
                    self._auction.report(symbol)
            if self._exchange is not None and bar_open_ms > self._standing.bar_ms:
                account = await self._read_account(self._exchange)
                if account is not None:
                    self._begin(bar_open_ms, account, limits)
            self._seen_ms = bar_open_ms

    def hold(self, bar_open_ms: int, symbol: str) -> bool:
        """Report a bar on which nothing is closed and nothing asked for, without waiting.

        False where that is not enough, because somebody has to begin the bar, nobody else is left
        to end it, or its bot is not known to live: then call `join`, `begin_bar` and `submit`.
        """
        if symbol in self._unconfirmed or symbol not in self._bots:
            return False
        auction = self._auction
        if auction is not None and auction.bar_ms == bar_open_ms:
            if not auction.is_open and not auction.misses_others_than(symbol):
                return False
            auction.report(symbol)
            return True
        if bar_open_ms != self._promised_ms:
            self._promise(bar_open_ms)
            return False
        self._early.add(symbol)
        return True

    def _promise(self, bar_open_ms: int) -> None:
        if bar_open_ms > self._promised_ms:
            self._promised_ms = bar_open_ms
            self._early.clear()

    async def submit(
        self, bar_open_ms: int, symbol: str, request: EntryRequest | None
    ) -> Reservation | Refusal | None:
        """Report a bar, after its closes are filled; answer the entry it asks for, if any."""
        if bar_open_ms > self._seen_ms:
            await self.begin_bar(bar_open_ms)
        if symbol in self._unconfirmed:  # its bot recovered and knows of no position
            self._free(symbol)
        auction = self._auction
        if auction is None or auction.bar_ms != bar_open_ms:
            return None if request is None else self._too_late(bar_open_ms, symbol)
        is_complete = auction.report(symbol)
        if request is not None:
            return await self._ask(auction, symbol, request)
        if is_complete and not auction.is_open and not auction.waiting:
            await self._open_unasked(auction)
        return None

    async def end_bar(self, bar_open_ms: int) -> None:
        """History ends with this bar: judge the account once more, on this bar's UTC day."""
        async with self._lock:
            if self._exchange is None:
                return
            account = await self._read_account(self._exchange)
            if account is not None:
                self._note(self._standing.read(account, bar_open_ms, self._limits))
                self._note(self._standing.judge(bar_open_ms, self._limits))
                self._note_state()

    # ------------------------------------------------------------------ the auction

    async def _ask(
        self, auction: Auction, symbol: str, request: EntryRequest
    ) -> Reservation | Refusal:
        """Wait for the auction and take the answer; whoever wakes first serves all."""
        bid = auction.bid(symbol, request)
        try:
            await auction.complete(self._clock)
            async with self._lock:
                if auction.waiting:
                    await self._serve(auction)
        except BaseException:  # whoever asked is gone: so is what it asked for
            auction.withdraw(bid)
            if isinstance(bid.answer, Reservation):
                bid.answer.release()
            raise
        if bid.answer is None:
            raise InvariantBroken("an entry was asked for and not answered", where=symbol)
        return bid.answer

    async def _serve(self, auction: Auction) -> None:
        """Answer everyone who waits, by one snapshot and in the configured order.

        A restart within this bar must find the snapshot and what was given by it. It is noted, so
        the commit of an entry's intent, without which no order leaves, has it with it.
        """
        is_known = await self._take_snapshot(auction)
        limits = self._limits
        for bid in auction.take_waiting(limits):
            if auction is not self._auction:  # the next bar began meanwhile
                bid.answer = self._too_late(auction.bar_ms, bid.symbol)
            elif not is_known:
                bid.answer = self._refused(_UNREADABLE, auction.bar_ms, bid.symbol)
            else:
                bid.answer = self._answer(auction.bar_ms, bid.symbol, bid.request, limits)
        self._note_state()

    def _answer(
        self, bar_ms: int, symbol: str, request: EntryRequest, limits: RiskLimits
    ) -> Reservation | Refusal:
        """Size one entry and take its slot, or refuse. No `await` between looking and taking."""
        delay_ms, longest = self._clock.now_ms() - bar_ms, limits.max_entry_delay_ms
        if longest is not None and delay_ms > longest:
            return self._too_late(bar_ms, symbol)
        standing, side, price = self._standing, request.side, request.price
        money = standing.money
        if money is None and not limits.is_unlimited:
            return self._refused(Refusal("no-money", "no balance is known"), bar_ms, symbol)
        wallet = 0.0 if money is None else float(money.wallet)
        size = size_entry(
            side,
            price=price,
            stop_distance=request.stop_distance,
            snapshot=wallet,
            base=wallet if standing.base is None else float(standing.base),
            instrument=request.instrument,
            limits=limits,
        )
        quantity = Decimal(0) if isinstance(size, Refusal) else size
        notional, ticket = float(quantity) * price, self._next_ticket()
        margin = needed_margin(notional, limits.leverage, limits.taker_fee)
        taken = self._book.under(limits).reserve(
            symbol,
            side,
            standing.situation(symbol, limits),
            margin=margin,
            risk=float(quantity) * request.stop_distance,
            ticket=ticket,
        )
        if isinstance(taken, Refusal):  # the account's reasons come before those of the size
            return self._refused(taken, bar_ms, symbol)
        if isinstance(size, Refusal):
            return self._refused(size, bar_ms, symbol)
        self._book = taken
        return Reservation(
            self,
            symbol,
            side,
            ticket=ticket,
            quantity=quantity,
            price=price,
            margin=to_decimal(margin),
        )

    def _too_late(self, bar_ms: int, symbol: str) -> Refusal:
        delay_s = (self._clock.now_ms() - bar_ms) / 1000
        return self._refused(Refusal("late", f"asked {delay_s:.1f} s late"), bar_ms, symbol)

    # ------------------------------------------------------------------ the account

    def _begin(self, bar_ms: int, account: Account, limits: RiskLimits) -> None:
        high_water = self._standing.high_water
        self._note([EquityMarked(bar_ms, account.wallet, account.equity)])
        events = self._standing.begin(bar_ms, account, limits)
        self._note(events)
        if events or self._standing.high_water != high_water:
            self._note_state()

    async def _open_unasked(self, auction: Auction) -> None:
        """Everybody reported and nobody asked: the snapshot still counts for the halted days.

        Without a close since the bar began it is the reading the bar began with.
        """
        if self._is_stale or self._standing.bar_ms != auction.bar_ms:
            async with self._lock:
                await self._take_snapshot(auction)
        else:
            self._open(auction)

    async def _take_snapshot(self, auction: Auction) -> bool:
        """Know the account as of this bar's entries; False when it cannot be read."""
        exchange, standing = self._exchange, self._standing
        if exchange is None:
            auction.is_open = True
            return True
        if auction is not self._auction:
            return False
        if not auction.is_open or self._is_stale:
            # Taken before a restart it is not read again, but what closed since then counts.
            if not self._is_current(auction) and (
                standing.snapshot_ms != auction.bar_ms or self._is_stale
            ):
                account = await self._read_account(exchange)
                if account is None:
                    return False
                if standing.bar_ms < auction.bar_ms:
                    self._begin(auction.bar_ms, account, self._limits)
                self._note(standing.read(account, auction.bar_ms, self._limits))
            self._open(auction)
        if auction.waiting and not auction.is_marked and self._limits.has_open_risk_bound:
            auction.is_marked = await self._read_marks(exchange)
            return auction.is_marked
        return True

    def _is_current(self, auction: Auction) -> bool:
        """Whether the reading that this bar began with still says what the account has."""
        is_young = self._clock.now_ms() - self._read_ms <= _READING_GOOD_FOR_MS
        return is_young and not self._is_stale and self._standing.bar_ms == auction.bar_ms

    def _open(self, auction: Auction) -> None:
        """The account as last read is this bar's snapshot."""
        standing = self._standing
        standing.snapshot_ms = auction.bar_ms
        auction.is_open = True
        if standing.judged == (standing.reading, utc_day(auction.bar_ms)):
            return  # as the end of the bar before: the same day, the same money
        events = standing.judge(auction.bar_ms, self._limits)
        if events:
            self._note(events)
            self._note_state()

    async def _read_account(self, exchange: AccountReader) -> Account | None:
        self._is_stale = False  # what closes while we read is newer than what we get
        try:
            self._read_ms = self._clock.now_ms()
            async with asyncio.timeout(READING_DEADLINE_S):
                return await exchange.account()
        except (ExchangeError, DataError, TimeoutError) as error:
            self._is_stale = True
            text = f"the account could not be read: {_words(error)}"
            self._note([Alert(self._clock.now_ms(), "warning", "", text)])
            return None

    async def _read_marks(self, exchange: AccountReader) -> bool:
        """Count the risk of open positions from their mark prices; False when one is missing."""
        symbols = list(self._book.open_symbols())
        try:
            async with asyncio.timeout(READING_DEADLINE_S):
                quotes = await asyncio.gather(*map(exchange.quote, symbols))
        except (ExchangeError, DataError, TimeoutError) as error:
            text = f"a mark price could not be read: {_words(error)}"
            self._note([Alert(self._clock.now_ms(), "warning", "", text)])
            return False
        marks = [float(quote.mark) for quote in quotes]
        self._book = self._book.marked(dict(zip(symbols, marks, strict=True)))
        return True


def _words(error: Exception) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else str(error)
