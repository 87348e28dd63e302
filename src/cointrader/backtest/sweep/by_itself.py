"""How one trade ends when nothing but its own stop and target, or an opposite signal, ends it.

Plain functions that the sweep's walk compiles, made of those that the kernel is made of.
"""

from __future__ import annotations

import math

import numpy as np

from cointrader.backtest.bar import (
    Row,
    close_position,
    distance,
    entry_refusal,
    entry_size,
    exchange_refusal,
    margin_ratio_of,
    open_position,
    pay_funding,
    trail,
)
from cointrader.backtest.columns import AT_END, BY_SIGNAL, Candles, Events, Floats, Payments
from cointrader.domain.candle import LIQUIDATED, NO_TOUCH, STOP_GAP, bar_exit, touch_price
from cointrader.domain.position import bankruptcy_price, funding_payment, slipped
from cointrader.risk.limits import ALLOWED

ENDS_AT_OPEN = 127  # no refusal: a trailing stop moved past the price ends it before bars go on


def play_alone(
    s: int,
    place: int,
    candles: Candles,
    payments: Payments,
    events: Events,
    lane: Row,
    brackets: Floats,
    rules: Row,
    held: Row,
    account: Row,
    nets: Floats,
    trade: Row,
) -> int:
    """Enter on one event and wait for the trade's own end; why not, where it was refused.

    ALLOWED or ENDS_AT_OPEN where it was not.
    """
    opens, high, low = candles.open[s], candles.high[s], candles.low[s]
    bar, sign = int(events.bar[place]) + 1, int(events.side[place])
    price = slipped(sign, opens[bar], rules["slippage"])
    stop = distance(lane["stop_factor"], events.stop_unit[place], lane["stop_is_ratio"], price)
    target = distance(
        lane["target_factor"], events.target_unit[place], lane["target_is_ratio"], price
    )
    quantity, verdict = entry_size(sign, price, stop, lane, brackets, rules, account)
    refusal = entry_refusal(
        price, quantity, verdict, stop, 0.0, 0, 0, 0.0, math.inf, rules, held, account
    )
    if refusal == ALLOWED:
        refusal = exchange_refusal(sign, opens[bar], price, quantity, lane)
    if refusal != ALLOWED:
        return refusal
    open_position(sign, bar, price, quantity, stop, target, lane, brackets, rules, held, account)
    settled, end = first_payment(payments, s, bar), payments.start[s + 1]
    entered, last = bar, candles.last[s]
    is_trailing = lane["trail_ratio"] > 0.0
    stop_now, target_now, ruin_now = held["stop"], held["target"], held["liquidation"]
    while True:
        if bar > entered and is_trailing:
            if trail(candles.close[s, bar - 1], opens[bar], lane, rules, held):
                price = slipped(-sign, opens[bar], rules["slippage"])
                close_position(s, bar, price, STOP_GAP, rules, held, nets, account, trade)
                return ENDS_AT_OPEN
            stop_now = held["stop"]
        while settled < end and payments.bar[settled] <= bar:
            pay_funding(
                payments.rate[settled],
                marked(payments.mark[settled], opens[bar]),
                lane,
                brackets,
                held,
                account,
            )
            ruin_now = held["liquidation"]
            settled += 1
        touch = bar_exit(
            sign, opens[bar], high[bar], low[bar], stop_now, target_now, ruin_now, bar == entered
        )
        if touch != NO_TOUCH or bar == last:
            break
        bar += 1
    reason = touch
    if touch == NO_TOUCH:
        reason, price = AT_END, slipped(-sign, candles.close[s, bar], rules["slippage"])
    elif touch == LIQUIDATED:
        price = bankruptcy_price(
            sign, held["entry_price"], margin_ratio_of(held), rules["taker_fee"]
        )
    else:
        level = touch_price(touch, opens[bar], stop_now, target_now)
        price = slipped(-sign, level, rules["slippage"])
    close_position(s, bar, price, reason, rules, held, nets, account, trade)
    return ALLOWED


def cut_short(
    s: int,
    bar: int,
    alone: Row,
    candles: Candles,
    payments: Payments,
    rules: Row,
    held: Row,
    nets: Floats,
    account: Row,
    trade: Row,
) -> None:
    """The trade that `alone` would have been, closed by an opposite signal at the open of `bar`."""
    sign, entered = int(alone["side"]), int(alone["entry_bar"])
    held["sign"] = sign
    held["entry_bar"] = entered
    held["entry_price"] = alone["entry_price"]
    held["quantity"] = alone["quantity"]
    held["risk"] = alone["risk"]
    held["entry_fee"] = alone["quantity"] * alone["entry_price"] * rules["taker_fee"]
    held["funding"] = 0.0
    settled, end = first_payment(payments, s, entered), payments.start[s + 1]
    while settled < end and payments.bar[settled] < bar:
        mark = marked(payments.mark[settled], candles.open[s, payments.bar[settled]])
        held["funding"] += funding_payment(sign, held["quantity"], mark, payments.rate[settled])
        settled += 1
    price = slipped(-sign, candles.open[s, bar], rules["slippage"])
    close_position(s, bar, price, BY_SIGNAL, rules, held, nets, account, trade)


def first_payment(payments: Payments, s: int, bar: int) -> int:
    """Place of the first settlement of a symbol after `bar`: its own bar's is not paid."""
    low, high = payments.start[s], payments.start[s + 1]
    while low < high:
        middle = (low + high) // 2
        if payments.bar[middle] <= bar:
            low = middle + 1
        else:
            high = middle
    return int(low)


def marked(mark: float, opened: float) -> float:
    """The price that funding is paid on: the bar's open where none is recorded."""
    return opened if np.isnan(mark) else mark
