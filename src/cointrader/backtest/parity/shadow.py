"""An account that is led by a journal, bar by bar, and judged by the kernel's own functions.

What the kernel would answer is asked from the state that the journal shows; then the journal's own
fills, fees and payments are booked, so that one difference does not make all that follows differ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cointrader.backtest.bar import (
    count_result,
    entry_refusal,
    entry_size,
    exchange_refusal,
    liquidation_of,
    margin_ratio_of,
    open_position,
    trail,
)
from cointrader.backtest.codes import REFUSALS
from cointrader.backtest.columns import REASONS
from cointrader.backtest.parity.facts import Entered
from cointrader.backtest.parity.led_account import Held, LedAccount
from cointrader.domain.candle import LIQUIDATED, NO_TOUCH, bar_exit, touch_price
from cointrader.domain.order import Fill
from cointrader.domain.position import bankruptcy_price, gross_pnl, slipped
from cointrader.risk.limits import ALLOWED, risk_to_stop
from cointrader.risk.sizing import needed_margin, wanted_quantity
from cointrader.strategy.plan import Exits


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


class Shadow(LedAccount):
    """An account that is asked what the kernel would do, and told what was done."""

    # ---------------------------------------------------------------- entries

    def auction(self, bar: int, equity: float) -> Auction:
        """What the first entry of `bar` is judged by."""
        free = self.wallet if self.rules["has_margin_check"] else math.inf
        found = Auction(equity, len(self.held), 0, 0.0, free)
        for s in self.held:
            row = self.book[s]
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
            self.lanes[s],
            self.brackets,
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
        price, lane, row = self.price(bar, s, sign), self.lanes[s], self.book[s]
        stop = exits.stop_distance(price)
        quantity, verdict = entry_size(
            sign, price, stop, lane, self.brackets, self.rules, self.account
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
        row, lane, price = self.book[s], self.lanes[s], entered.price
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
            self.brackets,
            self.rules,
            row,
            self.account,
        )
        self.account["wallet"] = before - entered.fee
        self.remember()
        row["entry_fee"] = entered.fee
        levels = float(row["stop"]), float(row["target"])
        if entered.stop is not None and entered.target is not None:
            row["stop"], row["target"] = entered.stop, entered.target
        self.held[s] = Held(entered, [float(row["stop"])])
        return levels

    # ---------------------------------------------------------------- while it is open

    def trail(self, bar: int, s: int) -> None:
        """The stop after the close of the bar before."""
        row, lane = self.book[s], self.lanes[s]
        if lane["trail_ratio"] <= 0.0 or bar == 0 or np.isnan(self.candles.close[s, bar - 1]):
            return
        trail(self.candles.close[s, bar - 1], self.candles.open[s, bar], lane, self.rules, row)
        if row["stop"] != self.held[s].stops[-1]:
            self.held[s].stops.append(float(row["stop"]))

    def sign(self, s: int) -> int:
        return int(self.book[s]["sign"]) if s in self.held else 0

    def quantity(self, s: int) -> float:
        return float(self.book[s]["quantity"])

    def stop(self, s: int) -> float:
        return float(self.book[s]["stop"])

    def pay(self, s: int, amount: float) -> None:
        """Book a funding payment of the journal."""
        self.account["wallet"] += amount
        self.remember()
        if s in self.held:
            row = self.book[s]
            row["funding"] += amount
            row["margin"] += amount
            row["liquidation"] = liquidation_of(row, self.lanes[s], self.brackets)

    def leaving(self, bar: int, s: int, *, ends_here: bool) -> Leaving | None:
        """How the kernel ends the position inside `bar`; None where it stays open."""
        row, candles, rules = self.book[s], self.candles, self.rules
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
        row, held = self.book[s], self.held[s]
        quantity, price, fee = float(fill.quantity), float(fill.price), float(fill.fee)
        gross = float(gross_pnl(row["sign"], row["entry_price"], price, quantity))
        row["margin"] *= 1.0 - quantity / row["quantity"]
        row["quantity"] -= quantity
        row["liquidation"] = liquidation_of(row, self.lanes[s], self.brackets)
        held.gross += gross
        held.exit_fee += fee
        held.closed.add(fill.trade_id)
        self.account["wallet"] += gross - fee
        self.remember()

    def close(self, s: int, gross: float, exit_fee: float, net: float) -> None:
        """Book the end of the position as the journal has it."""
        row, held = self.book[s], self.held[s]
        self.account["wallet"] += gross - held.gross - (exit_fee - held.exit_fee)
        self.remember()
        row["sign"] = 0
        del self.held[s]
        if self.rules["has_kill_fast"] or self.rules["has_kill_slow"]:
            count_result(net, self.rules, row, self.nets[s])
