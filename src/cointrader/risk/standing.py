"""What the account has been through: base, the day's start, halts, switches, counts.

No clock, lock or network. Each step returns the risk events it caused; the manager journals them.
Money is Decimal here; the gates of `risk.limits` judge it as floats.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from cointrader.domain.clock import utc_day
from cointrader.domain.instrument import to_decimal
from cointrader.domain.ports import Account
from cointrader.domain.records import RiskEvent
from cointrader.risk.book import Situation
from cointrader.risk.limits import RiskLimits, daily_loss_reached, drawdown_reached
from cointrader.risk.switches import Switch

NEVER_MS = -1
_HEALTHY = Switch()


@dataclass(slots=True)
class Standing:
    """The account's history as far as entries depend on it.

    Without an account attached (`account` is None) the money is the day's start plus `daily_pnl`.
    """

    base: Decimal | None = None
    account: Account | None = None  # as last read
    reading: int = 0  # counts the readings: tells which fills `account` knows of
    judged: tuple[int, int] | None = None  # the reading judged last, and for which day
    bar_ms: int = NEVER_MS  # the last bar that began
    snapshot_ms: int = NEVER_MS  # the bar whose snapshot `account` is
    day: int | None = None
    day_start: Account | None = None
    daily_pnl: Decimal = Decimal(0)
    is_day_latched: bool = False
    last_halted_day: int | None = None
    halted_days: int = 0
    high_water: Decimal | None = None
    is_drawdown_halted: bool = False
    is_paused: bool = False
    unknown: tuple[str, ...] = ()
    switches: Mapping[str, Switch] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)

    # -------------------------------------------------------------- the account's course

    def read(
        self, account: Account, at_ms: int, limits: RiskLimits, *, of_bar_ms: int | None = None
    ) -> list[RiskEvent]:
        """Take over a reading of the account; money that came or left since the last is told.

        `of_bar_ms` is the bar whose results it shows, where that is not `at_ms`.
        """
        before, self.account = self.account, account
        self.reading += 1
        if before is None or before.transfers is None or account.transfers is None:
            return []
        moved = account.transfers - before.transfers
        if not moved:
            return []
        self.account = _shifted(account, -moved)  # as it would be without: that is judged first
        events = self.judge(at_ms if of_bar_ms is None else of_bar_ms, limits)
        self.deposit(moved, limits)
        self.reading += 1
        return [*events, RiskEvent(at_ms, "deposit", detail=f"{moved.normalize():f}")]

    def begin(self, bar_ms: int, account: Account, limits: RiskLimits) -> list[RiskEvent]:
        """A bar begins: `account`, before any of its closes, is the end of the bar before."""
        ended_ms = bar_ms if self.bar_ms == NEVER_MS else self.bar_ms
        events = self.read(account, bar_ms, limits, of_bar_ms=ended_ms)
        if self.bar_ms != NEVER_MS:
            events += self.judge(self.bar_ms, limits)
        self.bar_ms = bar_ms
        day = utc_day(bar_ms)
        if day != self.day:
            self.day = day
            events.append(self.start_day(bar_ms))
        self._raise_high_water()
        return events

    def start_day(self, at_ms: int) -> RiskEvent:
        """A new day, measured from the money there is now."""
        money = self.money
        self.day_start, self.daily_pnl, self.is_day_latched = money, Decimal(0), False
        known = "" if money is None else f"wallet {money.wallet}, equity {money.equity}"
        return RiskEvent(at_ms, "day-started", detail=known)

    def judge(self, at_ms: int, limits: RiskLimits) -> list[RiskEvent]:
        """Test the account as last read: is the day halted, is the drawdown too deep?"""
        events: list[RiskEvent] = []
        money = self.money
        if money is None or limits.is_unlimited:
            return events
        self._raise_high_water()
        day = utc_day(at_ms)
        self.judged = (self.reading, day)
        if self._is_loss_reached(limits):
            self.is_day_latched = self.is_day_latched or limits.is_loss_marked
            if self.last_halted_day != day:
                self.last_halted_day = day
                self.halted_days += 1
                events.append(RiskEvent(at_ms, "halted", "", "daily-loss", self._loss_text()))
        if limits.max_drawdown is None or self.is_drawdown_halted or self.high_water is None:
            return events
        high, equity = self.high_water, money.equity
        if drawdown_reached(float(high), float(equity), limits.max_drawdown):
            self.is_drawdown_halted = True
            text = f"equity {equity:.2f}, high-water mark {high:.2f}"
            events.append(RiskEvent(at_ms, "drawdown-halted", "", "drawdown", text))
        return events

    def deposit(self, amount: Decimal, limits: RiskLimits) -> None:
        """Money came from outside (negative: left). It is neither profit nor loss.

        The day's start and the high-water mark change in the proportion in which the account
        does: what was lost stays the same fraction. The base, which the margin ratio counts
        profit from, moves by the amount.
        """
        if self.account is not None and not limits.is_unlimited and self._is_loss_reached(limits):
            self.is_day_latched = True  # a larger day's start must not lift the halt
        before = self.account
        self.account = before and _shifted(before, amount)
        self.base = None if self.base is None else self.base + amount
        wallet = None if before is None else before.wallet
        equity = None if before is None else before.equity
        if self.day_start is not None:
            self.day_start = replace(
                self.day_start,
                wallet=_in_proportion(self.day_start.wallet, wallet, amount),
                equity=_in_proportion(self.day_start.equity, equity, amount),
            )
        if self.high_water is not None:
            self.high_water = _in_proportion(self.high_water, equity, amount)

    def lift_drawdown(self) -> None:
        """Trade again; the next drawdown is measured from here."""
        self.is_drawdown_halted = False
        self.high_water = None if self.account is None else self.account.equity

    # -------------------------------------------------------------- results

    def record_result(self, symbol: str, net: float, limits: RiskLimits) -> str:
        """Count a trade for the kill switches; the reason key of one that trips now, or ""."""
        before = self.switches.get(symbol, _HEALTHY)
        now = before.after(net, fast=limits.has_kill_fast, slow=limits.has_kill_slow)
        self.switches = {**self.switches, symbol: now}
        if now.is_fast_tripped and not before.is_fast_tripped:
            return "kill-fast"
        if now.is_slow_tripped and not before.is_slow_tripped:
            return "kill-slow"
        return ""

    def reset_switch(self, symbol: str) -> None:
        self.switches = {name: kept for name, kept in self.switches.items() if name != symbol}

    # -------------------------------------------------------------- what entries are judged by

    @property
    def money(self) -> Account | None:
        """The account as last read; without one, the balance we were told and its results."""
        if self.account is not None or self.day_start is None:
            return self.account
        balance = self.day_start.wallet + self.daily_pnl
        return flat_account(balance)

    def situation(self, symbol: str, limits: RiskLimits) -> Situation:
        """Everything that may speak against an entry in `symbol`, except the slots."""
        money, start = self.money, self.day_start
        switch = self.switches.get(symbol, _HEALTHY)
        if limits.is_unlimited or money is None:
            return Situation(
                is_paused=self.is_paused,
                unknown_results=() if limits.is_unlimited else self.unknown,
                is_drawdown_halted=self.is_drawdown_halted and limits.max_drawdown is not None,
                is_killed_fast=switch.is_fast_tripped and limits.has_kill_fast,
                is_killed_slow=switch.is_slow_tripped and limits.has_kill_slow,
                reading=self.reading,
            )
        return Situation(
            float(money.wallet),
            self.is_paused,
            self.unknown,
            self.is_day_latched or self._is_loss_reached(limits),
            None if start is None else _measure(start, limits),
            _measure(money, limits),
            self.is_drawdown_halted and limits.max_drawdown is not None,
            switch.is_fast_tripped and limits.has_kill_fast,
            switch.is_slow_tripped and limits.has_kill_slow,
            float(money.available),
            self.reading,
        )

    def _is_loss_reached(self, limits: RiskLimits) -> bool:
        money, start = self.money, self.day_start
        if money is None or start is None:
            return False
        return daily_loss_reached(
            _measure(start, limits), _measure(money, limits), limits.max_daily_loss
        )

    def _loss_text(self) -> str:
        money, start = self.money, self.day_start
        if money is None or start is None:
            return ""
        return (
            f"day began with wallet {start.wallet:.2f}, equity {start.equity:.2f}; "
            f"now {money.wallet:.2f}, {money.equity:.2f}"
        )

    def _raise_high_water(self) -> None:
        money = self.money
        if money is not None and (self.high_water is None or money.equity > self.high_water):
            self.high_water = money.equity


def flat_account(balance: Decimal) -> Account:
    """An account without positions."""
    return Account(balance, balance, balance)


def exact(value: Decimal | float | int) -> Decimal:
    """An amount of money as the Decimal a person would read in it."""
    if isinstance(value, Decimal):
        return value
    if not math.isfinite(value):
        raise ValueError(f"an amount of money must be a number, not {value!r}")
    return Decimal(value) if isinstance(value, int) else to_decimal(value)


def _measure(money: Account, limits: RiskLimits) -> float:
    """What the daily loss is counted in: marked equity, or the wallet (founding)."""
    return float(money.equity if limits.is_loss_marked else money.wallet)


def _in_proportion(mark: Decimal, now: Decimal | None, amount: Decimal) -> Decimal:
    """`mark` as it would have been, had `amount` been there in proportion all the time.

    By the plain amount where there is no proportion: nothing is known, or nothing was or is left.
    """
    if now is None or now <= 0 or now + amount <= 0:
        return mark + amount
    return mark * ((now + amount) / now)


def _shifted(account: Account, amount: Decimal) -> Account:
    return replace(
        account,
        wallet=account.wallet + amount,
        equity=account.equity + amount,
        available=account.available + amount,
    )
