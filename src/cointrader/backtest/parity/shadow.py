"""An account that is led by a journal, bar by bar, and judged by the kernel's own functions.

What the kernel would answer is asked from the state that the journal shows; then the journal's own
fills, fees and payments are booked, so that one difference does not make all that follows differ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from cointrader.backtest.bar import (
    Row,
    begin_bar,
    count_result,
    entry_refusal,
    entry_size,
    exchange_refusal,
    judge,
    liquidation_of,
    margin_ratio_of,
    open_position,
    trail,
)
from cointrader.backtest.codes import REFUSALS
from cointrader.backtest.columns import ACCOUNT, HELD, REASONS, Candles
from cointrader.backtest.market import Stretch
from cointrader.backtest.parity.facts import Entered
from cointrader.backtest.settings import BacktestSettings, lanes_of, rules_of
from cointrader.backtest.signals import SymbolSignals
from cointrader.domain.candle import LIQUIDATED, NO_TOUCH, bar_exit, touch_price
from cointrader.domain.clock import DAY_MS
from cointrader.domain.order import Fill
from cointrader.domain.position import bankruptcy_price, gross_pnl, slipped
from cointrader.risk.limits import ALLOWED, daily_loss_reached, risk_to_stop
from cointrader.risk.sizing import needed_margin, wanted_quantity
from cointrader.risk.switches import SLOW_TRADES
from cointrader.strategy.plan import Exits

_WALLETS = 8  # a reading of the account lags behind by no more steps than these


@dataclass(frozen=True, slots=True)
class Leaving:
    """How the kernel ends a position inside a bar."""

    reason: str
    price: float


@dataclass(slots=True)
class Auction:
    """What entries of one bar are judged by: it moves as they are served."""

    equity: float
    n_held: int
    n_long: int
    open_risk: float
    free_margin: float


@dataclass(frozen=True, slots=True)
class Offer:
    """What the kernel answers to one entry. `refusal` is empty where it is given."""

    price: float
    quantity: float
    refusal: str


@dataclass(slots=True)
class Held:
    """The position that the journal shows, beside the kernel's row of it."""

    entered: Entered
    stops: list[float] = field(default_factory=list)  # every one it has had
    gross: float = 0.0  # of parts that have been closed already
    exit_fee: float = 0.0
    closed: set[int] = field(default_factory=set)  # trade ids of the fills that closed them


class Shadow:
    """The account of one run. `symbols` are places in the configured order."""

    def __init__(self, stretch: Stretch, settings: BacktestSettings) -> None:
        self.candles: Candles = stretch.candles
        self.symbols = stretch.market.symbols
        nothing = np.empty(0)
        without = SymbolSignals(np.empty(0, np.int64), np.empty(0, np.int8), nothing)
        self._lanes, self._brackets = lanes_of(
            settings, self.symbols, dict.fromkeys(self.symbols, without)
        )
        self.rules: Row = rules_of(settings).copy()[0]
        self._book = np.zeros(len(self.symbols), HELD)
        self._nets = np.zeros((len(self.symbols), SLOW_TRADES))
        self.account: Row = _new_account(settings.balance)
        self.held: dict[int, Held] = {}
        self.wallets: list[float] = [self.wallet]  # as it was lately, the present one last

    # ---------------------------------------------------------------- the account

    @property
    def wallet(self) -> float:
        return float(self.account["wallet"])

    def _remember(self) -> None:
        self.wallets = [*self.wallets[-_WALLETS:], self.wallet]

    @property
    def has_account(self) -> bool:
        return not self.rules["is_unlimited"]

    def equity(self, bar: int) -> float:
        """Marked at the open of `bar`."""
        equity = self.wallet
        for s in self.held:
            row = self._book[s]
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
        row = self._book[s]
        row["losses_running"] = row["closed"] = row["is_killed_fast"] = row["is_killed_slow"] = 0

    # ---------------------------------------------------------------- entries

    def auction(self, bar: int, equity: float) -> Auction:
        """What the first entry of `bar` is judged by."""
        free = self.wallet if self.rules["has_margin_check"] else math.inf
        found = Auction(equity, len(self.held), 0, 0.0, free)
        for s in self.held:
            row = self._book[s]
            mark = self.candles.open[s, bar]
            mark = row["entry_price"] if np.isnan(mark) else mark
            found.open_risk += risk_to_stop(row["sign"], row["quantity"], mark, row["stop"])
            found.n_long += int(row["sign"] > 0)
            found.free_margin -= float(row["margin"])
        return found

    def price(self, bar: int, s: int, sign: int) -> float:
        """What a market order of this sign fills at, at the open."""
        return float(slipped(sign, self.candles.open[s, bar], self.rules["slippage"]))

    def size(self, s: int, sign: int, price: float, exits: Exits) -> float:
        quantity, _ = entry_size(
            sign,
            price,
            exits.stop_distance(price),
            self._lanes[s],
            self._brackets,
            self.rules,
            self.account,
        )
        return float(quantity)

    def wanted(self, price: float, exits: Exits) -> float:
        """Quantity before its grid and its limits."""
        rules = self.rules
        return float(
            wanted_quantity(
                rules["sizing"],
                self.wallet,
                rules["balance"],
                rules["slots"],
                rules["leverage"],
                price,
                exits.stop_distance(price),
                rules["margin_max_ratio"],
                rules["margin_min_ratio"],
                rules["margin_decay_rate"],
                rules["is_decay_relative"] != 0,
                rules["risk_per_trade"],
                rules["fixed_notional"],
            )
        )

    def offer(self, bar: int, s: int, sign: int, exits: Exits, auction: Auction) -> Offer:
        """The kernel's answer to an entry at the open of `bar`."""
        price, lane, row = self.price(bar, s, sign), self._lanes[s], self._book[s]
        stop = exits.stop_distance(price)
        quantity, verdict = entry_size(
            sign, price, stop, lane, self._brackets, self.rules, self.account
        )
        code = entry_refusal(
            price,
            quantity,
            verdict,
            stop,
            auction.equity,
            auction.n_held,
            auction.n_long if sign > 0 else auction.n_held - auction.n_long,
            auction.open_risk,
            auction.free_margin,
            self.rules,
            row,
            self.account,
        )
        if code == ALLOWED:
            last = self.candles.open[s, bar]
            code = exchange_refusal(sign, last, price, quantity, lane)
        return Offer(price, float(quantity), REFUSALS[code])

    def reserve(self, auction: Auction, sign: int, offer: Offer, exits: Exits) -> None:
        """The journal gave this entry: later ones of the bar see it."""
        auction.n_held += 1
        auction.n_long += int(sign > 0)
        auction.open_risk += offer.quantity * exits.stop_distance(offer.price)
        notional = offer.quantity * offer.price
        auction.free_margin -= needed_margin(
            notional, self.rules["leverage"], self.rules["taker_fee"]
        )

    def open(self, bar: int, s: int, entered: Entered, exits: Exits | None) -> tuple[float, float]:
        """Book the journal's entry; stop and target as the kernel counts them from its fill."""
        row, lane, price = self._book[s], self._lanes[s], entered.price
        stop = abs(price - (entered.stop or price)) if exits is None else exits.stop_distance(price)
        away = (
            abs(price - (entered.target or price))
            if exits is None
            else exits.target_distance(price)
        )
        before = self.wallet
        open_position(
            entered.side.sign,
            bar,
            price,
            entered.quantity,
            stop,
            away,
            lane,
            self._brackets,
            self.rules,
            row,
            self.account,
        )
        self.account["wallet"] = before - entered.fee
        self._remember()
        row["entry_fee"] = entered.fee
        levels = float(row["stop"]), float(row["target"])
        if entered.stop is not None and entered.target is not None:
            row["stop"], row["target"] = entered.stop, entered.target
        self.held[s] = Held(entered, [float(row["stop"])])
        return levels

    # ---------------------------------------------------------------- while it is open

    def trail(self, bar: int, s: int) -> None:
        """The stop after the close of the bar before."""
        row, lane = self._book[s], self._lanes[s]
        if lane["trail_ratio"] <= 0.0 or bar == 0 or np.isnan(self.candles.close[s, bar - 1]):
            return
        trail(self.candles.close[s, bar - 1], self.candles.open[s, bar], lane, self.rules, row)
        if row["stop"] != self.held[s].stops[-1]:
            self.held[s].stops.append(float(row["stop"]))

    def sign(self, s: int) -> int:
        return int(self._book[s]["sign"]) if s in self.held else 0

    def quantity(self, s: int) -> float:
        return float(self._book[s]["quantity"])

    def stop(self, s: int) -> float:
        return float(self._book[s]["stop"])

    def pay(self, s: int, amount: float) -> None:
        """Book a funding payment of the journal."""
        self.account["wallet"] += amount
        self._remember()
        if s in self.held:
            row = self._book[s]
            row["funding"] += amount
            row["margin"] += amount
            row["liquidation"] = liquidation_of(row, self._lanes[s], self._brackets)

    def leaving(self, bar: int, s: int, *, ends_here: bool) -> Leaving | None:
        """How the kernel ends the position inside `bar`; None where it stays open."""
        row, candles, rules = self._book[s], self.candles, self.rules
        sign, opened = int(row["sign"]), candles.open[s, bar]
        touch = bar_exit(
            sign,
            opened,
            candles.high[s, bar],
            candles.low[s, bar],
            row["stop"],
            row["target"],
            row["liquidation"],
            row["entry_bar"] == bar,
        )
        if touch == LIQUIDATED:
            price = bankruptcy_price(
                sign, row["entry_price"], margin_ratio_of(row), rules["taker_fee"]
            )
            return Leaving(REASONS[touch], float(price))
        if touch != NO_TOUCH:
            level = touch_price(touch, opened, row["stop"], row["target"])
            return Leaving(REASONS[touch], float(slipped(-sign, level, rules["slippage"])))
        if ends_here:
            price = slipped(-sign, candles.close[s, bar], rules["slippage"])
            return Leaving("END", float(price))
        return None

    def close_part(self, s: int, fill: Fill) -> None:
        """Book a fill that leaves a part of the position open."""
        row, held = self._book[s], self.held[s]
        quantity, price, fee = float(fill.quantity), float(fill.price), float(fill.fee)
        gross = float(gross_pnl(row["sign"], row["entry_price"], price, quantity))
        row["margin"] *= 1.0 - quantity / row["quantity"]
        row["quantity"] -= quantity
        row["liquidation"] = liquidation_of(row, self._lanes[s], self._brackets)
        held.gross += gross
        held.exit_fee += fee
        held.closed.add(fill.trade_id)
        self.account["wallet"] += gross - fee
        self._remember()

    def close(self, s: int, gross: float, exit_fee: float, net: float) -> None:
        """Book the end of the position as the journal has it."""
        row, held = self._book[s], self.held[s]
        self.account["wallet"] += gross - held.gross - (exit_fee - held.exit_fee)
        self._remember()
        row["sign"] = 0
        del self.held[s]
        if self.rules["has_kill_fast"] or self.rules["has_kill_slow"]:
            count_result(net, self.rules, row, self._nets[s])


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
