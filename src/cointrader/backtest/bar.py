"""What happens inside one bar: positions begin and end, funding is paid, the account is judged.

Plain functions, compiled as part of the kernel. Whatever decides something is the function that
live trading calls for it; here are only the books. `held`, `lane`, `rules` and `account` are rows
of the tables of `columns`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cointrader.backtest.codes import OF_SIZE, REJECTED
from cointrader.backtest.columns import Floats
from cointrader.domain.instrument import floor_steps, on_grid, trigger_level
from cointrader.domain.position import (
    funding_payment,
    gross_pnl,
    liquidation_price,
    slipped,
)
from cointrader.risk.limits import (
    ALLOWED,
    daily_loss_reached,
    drawdown_reached,
    first_refusal,
    open_risk_exceeded,
    risk_to_stop,
)
from cointrader.risk.sizing import (
    SIZE_FITS,
    is_liquidation_near,
    needed_margin,
    size_verdict,
    wanted_quantity,
)
from cointrader.risk.switches import (
    fast_switch_trips,
    losses_running_after,
    slow_switch_trips,
)
from cointrader.strategy.plan import is_past, stop_level, target_level, trailed_stop

Row = Any  # one row of a table: numba's record, numpy's void

# ------------------------------------------------------------------ the account


def judge(bar: int, equity: float, rules: Row, account: Row) -> None:
    """Test the account on the UTC day it is at: is the day halted, is the drawdown too deep?"""
    account["high_water"] = max(account["high_water"], equity)
    now = measure(equity, rules, account)
    if daily_loss_reached(account["day_start"], now, rules["max_daily_loss"]):
        if rules["is_loss_marked"]:
            account["is_latched"] = True
        if account["last_halted_day"] != account["day"]:
            account["last_halted_day"] = account["day"]
            account["halted_days"] += 1
    if rules["max_drawdown"] <= 0.0 or account["is_drawn_down"]:
        return
    if drawdown_reached(account["high_water"], equity, rules["max_drawdown"]):
        account["is_drawn_down"] = True
        account["drawn_down_bar"] = bar


def begin_bar(bar: int, day: int, equity: float, rules: Row, account: Row) -> None:
    """The account before any close of `bar` is the end of the bar before, and may begin a day."""
    judge(bar - 1, equity, rules, account)
    if day != account["day"]:
        account["day"] = day
        account["is_latched"] = False
        account["day_start"] = measure(equity, rules, account)


def measure(equity: float, rules: Row, account: Row) -> float:
    """What the daily loss is counted in: marked equity, or the wallet (founding)."""
    counted: float = equity if rules["is_loss_marked"] else account["wallet"]
    return counted


# ------------------------------------------------------------------ entries


def distance(factor: float, unit: float, is_ratio: int, price: float) -> float:
    """How far an exit level is from its fill."""
    return price * factor if is_ratio else factor * unit


def entry_size(
    sign: int,
    price: float,
    stop_distance: float,
    lane: Row,
    brackets: Floats,
    rules: Row,
    account: Row,
) -> tuple[float, int]:
    """Quantity on the step grid, and what speaks against it."""
    quantity = wanted_quantity(
        rules["sizing"],
        account["wallet"],
        rules["balance"],
        rules["slots"],
        rules["leverage"],
        price,
        stop_distance,
        rules["margin_max_ratio"],
        rules["margin_min_ratio"],
        rules["margin_decay_rate"],
        rules["is_decay_relative"],
        rules["risk_per_trade"],
        rules["fixed_notional"],
    )
    if lane["step"] > 0.0:
        steps = floor_steps(quantity, lane["step"])
        quantity = on_grid(steps, lane["step_over"], lane["step_under"])
    quantity = min(quantity, lane["max_quantity"])
    is_near = False
    if rules["has_liquidation_rule"] and quantity > 0.0:
        begin, end = lane["first_bracket"], lane["end_bracket"]
        level = liquidation_price(
            sign,
            price,
            quantity,
            1.0 / rules["leverage"],
            brackets[0, begin:end],
            brackets[1, begin:end],
        )
        is_near = is_liquidation_near(sign, price, stop_distance, level)
    verdict = size_verdict(quantity, price, lane["min_quantity"], lane["min_notional"], is_near)
    return quantity, verdict


def entry_refusal(
    price: float,
    quantity: float,
    verdict: int,
    stop_distance: float,
    equity: float,
    n_held: int,
    n_held_on_side: int,
    open_risk: float,
    free_margin: float,
    rules: Row,
    held: Row,
    account: Row,
) -> int:
    """The first reason against an entry; ALLOWED when its slot may be taken.

    `n_held` to `free_margin` count what was reserved on this bar too. The account's reasons come
    before those of the size.
    """
    fits = quantity if verdict == SIZE_FITS else 0.0
    margin = needed_margin(fits * price, rules["leverage"], rules["taker_fee"])
    snapshot, is_halted, is_exceeded = np.inf, False, False
    if not rules["is_unlimited"]:
        snapshot = account["wallet"]
        now, start, most = (
            measure(equity, rules, account),
            account["day_start"],
            rules["max_daily_loss"],
        )
        is_halted = account["is_latched"] or daily_loss_reached(start, now, most)
        if rules["has_open_risk_bound"]:
            is_exceeded = open_risk_exceeded(start, now, open_risk, fits * stop_distance, most)
    refusal = first_refusal(
        snapshot,
        False,
        False,
        is_halted,
        is_exceeded,
        account["is_drawn_down"],
        held["is_killed_fast"],
        held["is_killed_slow"],
        n_held,
        rules["max_positions"],
        False,
        n_held_on_side,
        rules["max_same_direction"],
        margin,
        free_margin,
    )
    if refusal == ALLOWED and verdict != SIZE_FITS:
        return OF_SIZE + verdict
    return refusal


def exchange_refusal(sign: int, last: float, price: float, quantity: float, lane: Row) -> int:
    """What the exchange refuses although the account allowed it; ALLOWED when it fills."""
    if sign > 0:
        is_far = price > last * lane["highest_buy"]
    else:
        is_far = price < last * lane["lowest_sell"]
    is_small = quantity * last < lane["min_notional"]
    is_large = quantity * price > lane["max_notional"]
    return REJECTED if is_far or is_small or is_large else ALLOWED


def open_position(
    sign: int,
    bar: int,
    price: float,
    quantity: float,
    stop_distance: float,
    target_distance: float,
    lane: Row,
    brackets: Floats,
    rules: Row,
    held: Row,
    account: Row,
) -> None:
    """Fill an entry and put its stop and target on the tick grid, towards the fill."""
    fee = quantity * price * rules["taker_fee"]
    account["wallet"] -= fee
    tick, over, under = lane["tick"], lane["tick_over"], lane["tick_under"]
    stop = trigger_level(sign, stop_level(sign, price, stop_distance), tick, over, under)
    target = trigger_level(-sign, target_level(sign, price, target_distance), tick, over, under)
    held["sign"] = sign
    held["entry_bar"] = bar
    held["entry_price"] = price
    held["quantity"] = quantity
    held["stop"] = stop
    held["target"] = target
    held["risk"] = risk_to_stop(sign, quantity, price, stop)
    held["entry_fee"] = fee
    held["funding"] = 0.0
    held["margin"] = quantity * price / rules["leverage"]
    held["liquidation"] = liquidation_of(held, lane, brackets)


# ------------------------------------------------------------------ while it is open


def margin_ratio_of(held: Row) -> float:
    """Isolated wallet of a position as a fraction of what it was bought for."""
    ratio: float = held["margin"] / (held["quantity"] * held["entry_price"])
    return ratio


def liquidation_of(held: Row, lane: Row, brackets: Floats) -> float:
    """Where a position is liquidated; NaN where it never is."""
    begin, end = lane["first_bracket"], lane["end_bracket"]
    if begin == end:
        return np.nan
    level: float = liquidation_price(
        held["sign"],
        held["entry_price"],
        held["quantity"],
        margin_ratio_of(held),
        brackets[0, begin:end],
        brackets[1, begin:end],
    )
    return level if level > 0.0 else np.nan


def trail(close: float, opened: float, lane: Row, rules: Row, held: Row) -> bool:
    """Move the stop behind the last close; whether the next open is past it.

    What a better close before called for is in the stop, which never moves back. Past it the
    exchange takes no such order: the position is closed at that open.
    """
    sign, tick = held["sign"], lane["tick"]
    wanted = trigger_level(
        sign,
        trailed_stop(sign, held["stop"], close, lane["trail_ratio"]),
        tick,
        lane["tick_over"],
        lane["tick_under"],
    )
    if (wanted - held["stop"]) * sign <= 0.0:
        return False
    held["stop"] = wanted
    return is_past(sign, slipped(sign, opened, rules["slippage"]), wanted, tick)


def pay_funding(
    rate: float, mark: float, lane: Row, brackets: Floats, held: Row, account: Row
) -> None:
    """Book one settlement of an open position."""
    amount = funding_payment(held["sign"], held["quantity"], mark, rate)
    held["funding"] += amount
    held["margin"] += amount
    account["wallet"] += amount
    held["liquidation"] = liquidation_of(held, lane, brackets)


def close_position(
    s: int,
    bar: int,
    price: float,
    reason: int,
    rules: Row,
    held: Row,
    nets: Floats,
    account: Row,
    trade: Row,
) -> None:
    """Book the exit, write the trade down, count it for the kill switches."""
    sign, quantity, bought = held["sign"], held["quantity"], held["entry_price"]
    gross = gross_pnl(sign, bought, price, quantity)
    exit_fee = quantity * price * rules["taker_fee"]
    account["wallet"] += gross - exit_fee
    fee = held["entry_fee"] + exit_fee
    net = gross - fee + held["funding"]
    trade["symbol"] = s
    trade["side"] = sign
    trade["reason"] = reason
    trade["entry_bar"] = held["entry_bar"]
    trade["exit_bar"] = bar
    trade["entry_price"] = bought
    trade["exit_price"] = price
    trade["quantity"] = quantity
    trade["gross"] = gross
    trade["fee"] = fee
    trade["funding"] = held["funding"]
    trade["net"] = net
    trade["risk"] = held["risk"]
    account["n_trades"] += 1
    held["sign"] = 0
    if rules["has_kill_fast"] or rules["has_kill_slow"]:
        count_result(net, rules, held, nets)


def count_result(net: float, rules: Row, held: Row, nets: Floats) -> None:
    """Kill switches after one more trade of a symbol; `nets` are its last ones, oldest first."""
    running = losses_running_after(held["losses_running"], net)
    held["losses_running"] = running
    held["closed"] += 1
    for place in range(1, len(nets)):
        nets[place - 1] = nets[place]
    nets[-1] = net
    gained, lost = 0.0, 0.0
    for value in nets:
        gained += max(value, 0.0)
        lost -= min(value, 0.0)
    if rules["has_kill_fast"] and fast_switch_trips(running):
        held["is_killed_fast"] = True
    if rules["has_kill_slow"] and slow_switch_trips(held["closed"], gained, lost):
        held["is_killed_slow"] = True
