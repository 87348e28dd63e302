"""One account over many symbols, bar by bar: the whole of a backtest that is not the signal.

Arrays in, trades and equity out. Order inside a bar, as in `docs/backtest.md`: closes by opposite
signal over all symbols, then the account is looked at, then entries in order, then funding, stops
and targets symbol by symbol. While nothing is open it goes from signal to signal.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cointrader.backtest.bar import (
    Row,
    begin_bar,
    close_position,
    distance,
    entry_refusal,
    entry_size,
    exchange_refusal,
    judge,
    margin_ratio_of,
    open_position,
    pay_funding,
    trail,
)
from cointrader.backtest.codes import FILTER, NO_MODEL
from cointrader.backtest.columns import (
    AT_END,
    BY_SIGNAL,
    ENTER,
    EXIT,
    REVERSE,
    Bytes,
    Candles,
    Events,
    Floats,
    Longs,
    Output,
    Payments,
    State,
)
from cointrader.domain.candle import LIQUIDATED, NO_TOUCH, STOP_GAP, bar_exit, touch_price
from cointrader.domain.clock import DAY_MS
from cointrader.domain.position import bankruptcy_price, gross_pnl, slipped
from cointrader.risk.limits import ALLOWED, risk_to_stop
from cointrader.risk.sizing import needed_margin
from cointrader.signals.compiled import compiled

Rows = NDArray[np.void]


def play(
    candles: Candles,
    payments: Payments,
    events: Events,
    lanes: Rows,
    brackets: Floats,
    all_rules: Rows,
    state: State,
    out: Output,
) -> None:
    """Play all bars. What happened is in `out`, how it ends in `state`."""
    rules, account, book, opened = all_rules[0], state.account[0], state.book, state.opened
    opens, times = candles.open, candles.time_ms
    n_symbols, n_bars = opens.shape
    has_account = rules["is_unlimited"] == 0
    tells = len(out.equity) == n_bars
    bar = 0
    while bar < n_bars:
        if account["n_open"] == 0:
            upcoming = next_entry(n_bars, events.start, events.bar, book)
            if tells:
                wallet = account["wallet"]
                out.equity[bar:upcoming] = wallet
                out.wallet[bar:upcoming] = wallet
            if has_account:
                pass_idle(bar, upcoming, times, candles.next_day, rules, account)
            bar = upcoming
            if bar == n_bars:
                break
        equity = equity_at(bar, opens, book, opened, account)
        if tells:
            out.equity[bar] = equity
            out.wallet[bar] = account["wallet"]
        if has_account:
            begin_bar(bar, times[bar] // DAY_MS, equity, rules, account)
        has_asked = False
        for s in range(n_symbols):
            held, place = book[s], book[s]["event"]
            side = 0
            if place < events.start[s + 1] and events.bar[place] == bar - 1:
                side = int(events.side[place])
                held["event"] = place + 1
            sign = held["sign"]
            if side in (0, sign):
                if sign != 0 and lanes[s]["trail_ratio"] > 0.0:
                    last, now = candles.close[s, bar - 1], opens[s, bar]
                    if trail(last, now, lanes[s], rules, held):
                        price = slipped(-sign, now, rules["slippage"])
                        close(s, bar, price, STOP_GAP, rules, state, out.trades)
                continue
            refused = events.refused[place]
            out.refusal[place] = refused
            is_filtered = refused in (FILTER, NO_MODEL)
            if sign != 0:
                price = slipped(-sign, opens[s, bar], rules["slippage"])
                close(s, bar, price, BY_SIGNAL, rules, state, out.trades)
                out.action[place] = EXIT if is_filtered else REVERSE
            elif not is_filtered:
                out.action[place] = ENTER
            if refused == ALLOWED:
                held["wanted"] = side
                has_asked = True
        if has_account:
            equity = equity_at(bar, opens, book, opened, account)
            judge(bar, equity, rules, account)
        if has_asked:
            enter(bar, equity, opens, events, lanes, brackets, rules, state, out.refusal)
        for s in range(n_symbols):
            held = book[s]
            if held["sign"] == 0:
                continue
            place, end = held["payment"], payments.start[s + 1]
            while place < end and payments.bar[place] <= bar:
                if payments.bar[place] == bar and held["entry_bar"] < bar:
                    mark = payments.mark[place]
                    if np.isnan(mark):
                        mark = opens[s, bar]
                    pay_funding(payments.rate[place], mark, lanes[s], brackets, held, account)
                place += 1
            held["payment"] = place
            touch = bar_exit(
                held["sign"],
                opens[s, bar],
                candles.high[s, bar],
                candles.low[s, bar],
                held["stop"],
                held["target"],
                held["liquidation"],
                held["entry_bar"] == bar,
            )
            if touch == LIQUIDATED:
                price = bankruptcy_price(
                    held["sign"], held["entry_price"], margin_ratio_of(held), rules["taker_fee"]
                )
                close(s, bar, price, LIQUIDATED, rules, state, out.trades)
            elif touch != NO_TOUCH:
                level = touch_price(touch, opens[s, bar], held["stop"], held["target"])
                price = slipped(-held["sign"], level, rules["slippage"])
                close(s, bar, price, touch, rules, state, out.trades)
            elif bar == candles.last[s]:
                price = slipped(-held["sign"], candles.close[s, bar], rules["slippage"])
                close(s, bar, price, AT_END, rules, state, out.trades)
        bar += 1
    if has_account:
        judge(n_bars - 1, account["wallet"], rules, account)


play_compiled = compiled(play)


def next_entry(n_bars: int, starts: Longs, bars: Longs, book: Rows) -> int:
    """The next bar on which a signal is filled, `n_bars` where there is none."""
    upcoming = n_bars
    for s in range(len(book)):
        place = book[s]["event"]
        if place < starts[s + 1]:
            upcoming = min(upcoming, bars[place] + 1)
    return upcoming


def pass_idle(
    bar: int, upcoming: int, times: Longs, next_day: Longs, rules: Row, account: Row
) -> None:
    """Nothing is open before `upcoming`: the wallet stays, and days begin and end."""
    wallet = account["wallet"]
    while bar < upcoming:
        begin_bar(bar, times[bar] // DAY_MS, wallet, rules, account)
        bar = next_day[bar]


def equity_at(bar: int, opens: Floats, book: Rows, opened: Longs, account: Row) -> float:
    """Wallet and unrealised profit at the open of `bar`."""
    equity: float = account["wallet"]
    for place in range(account["n_open"]):
        s = opened[place]
        held = book[s]
        equity += gross_pnl(held["sign"], held["entry_price"], opens[s, bar], held["quantity"])
    return equity


def close(
    s: int, bar: int, price: float, reason: int, rules: Row, state: State, trades: Rows
) -> None:
    """End the position of symbol `s`."""
    account, opened = state.account[0], state.opened
    trade = trades[account["n_trades"]]
    close_position(s, bar, price, reason, rules, state.book[s], state.nets[s], account, trade)
    place = 0
    while opened[place] != s:
        place += 1
    account["n_open"] -= 1
    for later in range(place, account["n_open"]):
        opened[later] = opened[later + 1]


def enter(
    bar: int,
    equity: float,
    opens: Floats,
    events: Events,
    lanes: Rows,
    brackets: Floats,
    rules: Row,
    state: State,
    refusals: Bytes,
) -> None:
    """Answer all entries of a bar by one snapshot, then fill what was given.

    As in the entry auction: whoever is served later sees what was reserved before, not its fill.
    """
    account, book, opened, served = state.account[0], state.book, state.opened, state.served
    n_held, n_long, open_risk, free_margin = account["n_open"], 0, 0.0, math.inf
    if rules["has_margin_check"]:
        free_margin = account["wallet"]
    for turn in range(account["n_open"]):
        held = book[opened[turn]]
        mark = opens[opened[turn], bar]
        open_risk += risk_to_stop(held["sign"], held["quantity"], mark, held["stop"])
        n_long += 1 if held["sign"] > 0 else 0
        free_margin -= held["margin"]
    n_served = 0
    for _ in range(len(book)):
        s = next_asking(events.probability, rules["is_probability_first"], book)
        if s < 0:
            break
        held, lane = book[s], lanes[s]
        sign, place = held["wanted"], held["event"] - 1
        held["wanted"] = 0
        price = slipped(sign, opens[s, bar], rules["slippage"])
        stop = distance(lane["stop_factor"], events.stop_unit[place], lane["stop_is_ratio"], price)
        quantity, verdict = entry_size(sign, price, stop, lane, brackets, rules, account)
        n_on_side = n_long if sign > 0 else n_held - n_long
        refusal = entry_refusal(
            price,
            quantity,
            verdict,
            stop,
            equity,
            n_held,
            n_on_side,
            open_risk,
            free_margin,
            rules,
            held,
            account,
        )
        refusals[place] = refusal
        if refusal != ALLOWED:
            continue
        n_held += 1
        n_long += 1 if sign > 0 else 0
        open_risk += quantity * stop
        free_margin -= needed_margin(quantity * price, rules["leverage"], rules["taker_fee"])
        held["reserved_quantity"] = quantity
        held["reserved_price"] = price
        served[n_served] = s
        n_served += 1
    for turn in range(n_served):
        s = served[turn]
        held, lane = book[s], lanes[s]
        place = held["event"] - 1
        sign, price, quantity = (
            int(events.side[place]),
            held["reserved_price"],
            held["reserved_quantity"],
        )
        refusal = exchange_refusal(sign, opens[s, bar], price, quantity, lane)
        refusals[place] = refusal
        if refusal != ALLOWED:
            continue
        open_position(
            sign,
            bar,
            price,
            quantity,
            distance(lane["stop_factor"], events.stop_unit[place], lane["stop_is_ratio"], price),
            distance(
                lane["target_factor"], events.target_unit[place], lane["target_is_ratio"], price
            ),
            lane,
            brackets,
            rules,
            held,
            account,
        )
        opened[account["n_open"]] = s
        account["n_open"] += 1


def next_asking(probabilities: Floats, is_probability_first: int, book: Rows) -> int:
    """Who is served next: in the configured order, or the highest probability first; -1: nobody."""
    best, best_score = -1, -math.inf
    for s in range(len(book)):
        held = book[s]
        if held["wanted"] == 0:
            continue
        if not is_probability_first:
            return s
        score = probabilities[held["event"] - 1]
        if np.isnan(score):
            score = 0.0
        if score > best_score:
            best, best_score = s, score
    return best
