"""The live book of an account: slots, results and commands, written to the journal as they happen.

Nothing here awaits the world; `risk.manager` adds the exchange and the course of a bar. Everything
happens in one event loop, and without an `await` between looking and taking no lock is needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Protocol

from cointrader.domain.clock import Clock, utc_day
from cointrader.domain.order import Side
from cointrader.domain.records import Record, RiskEvent, RiskState
from cointrader.risk.book import Refusal, RiskBook
from cointrader.risk.limits import ALLOWED, KILL_FAST, RiskConfig, RiskLimits
from cointrader.risk.reservation import Amount, Reservation
from cointrader.risk.sizing import margin_ratio
from cointrader.risk.standing import Standing, exact, flat_account
from cointrader.risk.state import StateWriter


class RiskJournal(Protocol):
    """The part of a journal that risk needs."""

    def note(self, record: Record) -> None: ...

    async def commit(self, *records: Record) -> None: ...

    def risk_state(self) -> RiskState | None: ...


class LiveBook:
    """Slots, results and halts of one account. Its limits are those of `config` at each moment."""

    def __init__(self, config: RiskConfig, *, clock: Clock, journal: RiskJournal | None) -> None:
        self.config = config
        self._clock = clock
        self._journal = journal
        self._standing = Standing()
        self._book = RiskBook(self._limits)
        self._unconfirmed: set[str] = set()  # reserved before a restart, not seen since
        self._is_stale = False  # something was closed or paid since the account was read
        self._tickets = 0
        self._writer = StateWriter()

    def keep_in(self, journal: RiskJournal) -> None:
        """Remember everything in `journal` from now on, unless there is one already."""
        if self._journal is None:
            self._journal = journal

    # ------------------------------------------------------------------ slots

    async def reserve(
        self, symbol: str, side: Side | str, margin: Amount | None = None
    ) -> Reservation | Refusal:
        """Take a slot at once, or say why not. Looking and taking are one step."""
        wanted, needed = _side(side), Decimal(0) if margin is None else exact(margin)
        if needed < 0:
            raise ValueError(f"an entry needs margin of at least 0, not {margin}")
        limits = self._limits
        situation = self._standing.situation(symbol, limits)
        book = self._book.under(limits)
        ticket = self._next_ticket()
        taken = book.reserve(symbol, wanted, situation, margin=float(needed), ticket=ticket)
        if isinstance(taken, Refusal):
            return self._refused(taken, self._clock.now_ms(), symbol)
        self._book = taken
        self._note_state()
        return Reservation(self, symbol, wanted, ticket=ticket, margin=needed)

    async def can_open_new_position(self, symbol: str, side: Side | str) -> bool:
        """Whether `reserve` would give a slot now. Only `reserve` takes it."""
        limits = self._limits
        situation = self._standing.situation(symbol, limits)
        return self._book.under(limits).refusal(symbol, _side(side), situation) is None

    async def register_position(self, symbol: str, side: Side | str) -> None:
        """A position of `symbol` is open, whoever opened it."""
        self.position_opened(symbol, _side(side))

    async def close_position(self, symbol: str, pnl: Amount, at_ms: int | None = None) -> None:
        """The position of `symbol` closed with this net result: its slot is free.

        Call it once per trade. `at_ms` is the open time of the bar it closed in; a result of
        an earlier UTC day does not count to today's `daily_pnl`.
        """
        net = exact(pnl)
        standing = self._standing
        self._free(symbol)
        standing.unknown = tuple(name for name in standing.unknown if name != symbol)
        if at_ms is None or standing.day is None or utc_day(at_ms) >= standing.day:
            standing.daily_pnl += net
        tripped = standing.record_result(symbol, float(net), self._limits)
        if tripped:
            when = self._clock.now_ms() if at_ms is None else at_ms
            self._note([RiskEvent(when, "kill-switch", symbol, tripped)])
        self._is_stale = True
        self._judge_unread()
        self._note_state()

    def _judge_unread(self) -> None:
        """Without an account to read, what results say is judged as they come."""
        if self._standing.account is None:
            self._note(self._standing.judge(self._clock.now_ms(), self._limits))

    def position_opened(
        self,
        symbol: str,
        side: Side | str,
        quantity: Amount | None = None,
        entry_price: Amount | None = None,
        stop: Amount | None = None,
    ) -> None:
        """A position exists: a fact, written down whatever the limits say."""
        self._unconfirmed.discard(symbol)
        standing = self._standing  # what is open has not been closed with an unknown result
        standing.unknown = tuple(name for name in standing.unknown if name != symbol)
        self._book = self._book.commit(
            symbol,
            _side(side),
            quantity=_number(quantity),
            entry_price=_number(entry_price),
            stop=_number(stop),
            reading=self._standing.reading,
        )
        self._note_state()

    def restore_position(
        self,
        symbol: str,
        side: Side | str,
        quantity: Amount | None = None,
        entry_price: Amount | None = None,
        stop: Amount | None = None,
    ) -> None:
        """Recovery found this position on the exchange."""
        self.position_opened(symbol, side, quantity, entry_price, stop)

    def restore_flat(self, symbol: str) -> None:
        """Recovery found no position of `symbol`: free its slot, if it has one."""
        if symbol in self._book.slots:
            self._free(symbol)
            self._note_state()

    def stop_moved(self, symbol: str, stop: Amount) -> None:
        """The stop of an open position is elsewhere now."""
        slot = self._book.slots.get(symbol)
        if slot is not None:
            moved = slot.judged_at(slot.mark, _number(stop))
            self._book = self._book.holding(symbol, moved)

    def result_unknown(self, symbol: str) -> None:
        """A close whose result nobody knows yet: no entries until `close_position` tells it."""
        if symbol not in self._standing.unknown:
            self._standing.unknown = (*self._standing.unknown, symbol)
            self._is_stale = True
            self._note_state()

    def free_reserved(self, symbol: str, ticket: int) -> None:
        """End a reservation that did not become a position. See `Reservation.release`."""
        book = self._book.release(symbol, ticket)
        if book is not self._book:
            self._book = book
            self._note_state()

    # ------------------------------------------------------------------ what anybody may ask

    def is_trading_allowed(self) -> bool:
        """Whether the account as a whole may open positions now."""
        limits = self._limits
        situation = self._standing.situation("", limits)
        code = self._book.under(limits).refusal_code("", Side.LONG, situation)
        return code == ALLOWED or code >= KILL_FAST

    def get_dynamic_margin_ratio(self, balance: Amount) -> float:
        """Share of a slot's money that an entry puts up as margin at this whole balance."""
        limits, base = self._limits, self._standing.base
        return margin_ratio(
            float(exact(balance)),
            float(exact(balance) if base is None else base),
            limits.margin_max_ratio,
            limits.margin_min_ratio,
            limits.margin_decay_rate,
            limits.is_decay_relative,
        )

    @property
    def open_positions(self) -> Mapping[str, Side]:
        """Side of each open position; what is only reserved is not in it."""
        slots = self._book.slots.items()
        return MappingProxyType({symbol: slot.side for symbol, slot in slots if slot.is_open})

    @property
    def refusals(self) -> Counter[str]:
        """How often each reason refused an entry, restarts included."""
        return self._standing.refusals

    @property
    def halted_days(self) -> int:
        """UTC days on which the daily loss limit was reached at some bar."""
        return self._standing.halted_days

    @property
    def is_paused(self) -> bool:
        return self._standing.is_paused

    @property
    def daily_pnl(self) -> float:
        """Net results of today's closed trades."""
        return float(self._standing.daily_pnl)

    @daily_pnl.setter
    def daily_pnl(self, value: Amount) -> None:
        self._standing.daily_pnl = exact(value)

    @property
    def initial_balance(self) -> float:
        """The balance that profit is measured from; 0.0 while it is unknown."""
        return float(self._standing.base or 0)

    @initial_balance.setter
    def initial_balance(self, value: Amount) -> None:
        """Say the balance anew; without an account the day is measured from it too."""
        if self._standing.account is None:
            self._standing.day_start = None
        if value:
            self.set_base_balance(value)
        else:
            self._standing.base = None

    # ------------------------------------------------------------------ results and the day

    def set_base_balance(self, balance: Amount) -> None:
        """The balance that profit is measured from; the day's start too, if there is none."""
        if exact(balance) < 0:
            raise ValueError(f"a balance is at least 0, not {balance}")
        self._standing.base = exact(balance)
        if self._standing.day_start is None:
            self._standing.day_start = flat_account(exact(balance))
            self._judge_unread()
        self._note_state()

    def record_pnl(self, pnl: Amount) -> None:
        """Count a result to today that belongs to no slot."""
        self._standing.daily_pnl += exact(pnl)
        self._judge_unread()
        self._note_state()

    def reset_daily(self) -> None:
        """Start a new day from the money there is now."""
        self._note([self._standing.start_day(self._clock.now_ms())])
        self._note_state()

    def deposit(self, amount: Amount) -> None:
        """Money came from outside (negative: it left). Neither profit nor loss, lifts no halt.

        Only for an account whose exchange does not tell transfers itself; `ValueError` otherwise.
        """
        account = self._standing.account
        if account is not None and account.transfers is not None:
            raise ValueError("this account's readings tell deposits and withdrawals themselves")
        self._standing.deposit(exact(amount), self._limits)
        self._is_stale = True
        self._command("deposit", detail=str(amount))

    # ------------------------------------------------------------------ commands

    def pause(self) -> None:
        """No entries until `resume`; positions are managed as ever."""
        self._standing.is_paused = True
        self._command("paused")

    def resume(self) -> None:
        self._standing.is_paused = False
        self._command("resumed")

    def lift_drawdown(self) -> None:
        """Trade again after a drawdown halt; the next one is measured from here."""
        self._standing.lift_drawdown()
        self._command("lifted", reason="drawdown")

    def reset_switch(self, symbol: str) -> None:
        """Lift the kill switches of `symbol`; their counts start anew."""
        self._standing.reset_switch(symbol)
        self._command("lifted", symbol, "kill-switch")

    # ------------------------------------------------------------------ own affairs

    @property
    def _limits(self) -> RiskLimits:
        return RiskLimits.of(self.config)

    def _next_ticket(self) -> int:
        self._tickets += 1
        return self._tickets

    def _free(self, symbol: str) -> None:
        self._unconfirmed.discard(symbol)
        self._book = self._book.release(symbol)

    def _refused(self, refusal: Refusal, at_ms: int, symbol: str) -> Refusal:
        self._standing.refusals[refusal.reason] += 1
        self._note([RiskEvent(at_ms, "refused", symbol, refusal.reason, refusal.detail)])
        return refusal

    def _command(self, kind: str, symbol: str = "", reason: str = "", detail: str = "") -> None:
        self._note([RiskEvent(self._clock.now_ms(), kind, symbol, reason, detail)])
        self._note_state()

    def _note(self, records: Iterable[Record]) -> None:
        if self._journal is not None:
            for record in records:
                self._journal.note(record)

    def _note_state(self) -> None:
        if self._journal is not None:
            self._journal.note(self._state())

    def _state(self) -> RiskState:
        state = self._writer.state(self._standing, self._book.slots)
        return RiskState(self._clock.now_ms(), state)


def _number(value: Amount | None) -> float | None:
    return None if value is None else float(value)


def _side(side: Side | str) -> Side:
    try:
        return Side(side)
    except ValueError:
        raise ValueError(f"a side is 'LONG' or 'SHORT', not {side!r}") from None
