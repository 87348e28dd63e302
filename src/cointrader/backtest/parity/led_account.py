"""The account of one run as its journal shows it: wallet, positions, halts and switches.

Led by the journal and never by itself; what it answers comes from the kernel's own functions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cointrader.backtest.bar import Row, begin_bar, judge
from cointrader.backtest.columns import ACCOUNT, HELD, Candles
from cointrader.backtest.market import Stretch
from cointrader.backtest.parity.facts import Entered
from cointrader.backtest.settings import BacktestSettings, lanes_of, rules_of
from cointrader.backtest.signals import SymbolSignals
from cointrader.domain.clock import DAY_MS
from cointrader.domain.position import gross_pnl
from cointrader.risk.limits import daily_loss_reached
from cointrader.risk.switches import SLOW_TRADES

_WALLETS = 8  # a reading of the account lags behind by no more steps than these


@dataclass(slots=True)
class Held:
    """The position that the journal shows, beside the kernel's row of it."""

    entered: Entered
    stops: list[float] = field(default_factory=list)  # every one it has had
    gross: float = 0.0  # of parts that have been closed already
    exit_fee: float = 0.0
    closed: set[int] = field(default_factory=set)  # trade ids of the fills that closed them


class LedAccount:
    """The account of one run. `symbols` are places in the configured order.

    `lanes`, `brackets`, `rules`, `book`, `nets` and `account` are what the kernel calls so.
    """

    def __init__(self, stretch: Stretch, settings: BacktestSettings) -> None:
        self.candles: Candles = stretch.candles
        self.symbols = stretch.market.symbols
        nothing = np.empty(0)
        without = SymbolSignals(np.empty(0, np.int64), np.empty(0, np.int8), nothing)
        self.lanes, self.brackets = lanes_of(
            settings, self.symbols, dict.fromkeys(self.symbols, without)
        )
        self.rules: Row = rules_of(settings).copy()[0]
        self.book = np.zeros(len(self.symbols), HELD)
        self.nets = np.zeros((len(self.symbols), SLOW_TRADES))
        self.account: Row = _new_account(settings.balance)
        self.held: dict[int, Held] = {}
        self.wallets: list[float] = [self.wallet]  # as it was lately, the present one last

    @property
    def wallet(self) -> float:
        return float(self.account["wallet"])

    def remember(self) -> None:
        """Keep the wallet as it is now among those of late."""
        self.wallets = [*self.wallets[-_WALLETS:], self.wallet]

    @property
    def has_account(self) -> bool:
        return not self.rules["is_unlimited"]

    def equity(self, bar: int) -> float:
        """Marked at the open of `bar`."""
        equity = self.wallet
        for s in self.held:
            row = self.book[s]
            mark = self.candles.open[s, bar]
            if not np.isnan(mark):
                equity += gross_pnl(row["sign"], row["entry_price"], mark, row["quantity"])
        return float(equity)

    def begin(self, bar: int, equity: float) -> None:
        """`bar` begins; nothing of it has happened."""
        if self.has_account:
            begin_bar(
                bar, int(self.candles.time_ms[bar]) // DAY_MS, equity, self.rules, self.account
            )

    def judge(self, bar: int, equity: float) -> None:
        """Halts after this bar's closes."""
        if self.has_account:
            judge(bar, equity, self.rules, self.account)

    def transfer(self, bar: int, amount: float) -> None:
        """Money came (negative: left): no profit and no loss, as `risk.standing` has it."""
        equity, account = self.equity(min(bar, len(self.candles.time_ms) - 1)), self.account
        counted = equity if self.rules["is_loss_marked"] else self.wallet
        if bar > 0 and self.has_account:
            judge(bar - 1, equity, self.rules, account)
            if daily_loss_reached(account["day_start"], counted, self.rules["max_daily_loss"]):
                account["is_latched"] = 1
        account["day_start"] = _in_proportion(account["day_start"], counted, amount)
        account["high_water"] = _in_proportion(account["high_water"], equity, amount)
        account["wallet"] += amount
        self.rules["balance"] += amount

    def lift_drawdown(self, equity: float) -> None:
        self.account["is_drawn_down"] = 0
        self.account["high_water"] = equity

    def reset_switch(self, s: int) -> None:
        row = self.book[s]
        row["losses_running"] = row["closed"] = row["is_killed_fast"] = row["is_killed_slow"] = 0


def _new_account(balance: float) -> Row:
    account = np.zeros(1, ACCOUNT)
    account["wallet"] = account["high_water"] = balance
    account["day"] = account["last_halted_day"] = -1
    return account[0]


def _in_proportion(mark: float, now: float, amount: float) -> float:
    """`mark` as it would have been, had `amount` been there in proportion all the time."""
    if now <= 0 or now + amount <= 0:
        return mark + amount
    return float(mark * ((now + amount) / now))
