"""What the kernel reads and writes: arrays with names, and nothing else.

A *bar* is a place in the timeline, the open times of all symbols' candles together. Arrays over
symbols and bars have shape (symbols, bars) and are NaN where a symbol has no candle. Money and
prices are in quote currency, quantities in base currency.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cointrader.risk.switches import SLOW_TRADES

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]
Bytes = NDArray[np.int8]

# How an event was answered, named as the decisions of `strategy.decide` are.
HOLD, ENTER, EXIT, REVERSE = range(4)
ACTIONS = ("HOLD", "ENTER", "EXIT", "REVERSE")

# Why a trade ended; the first are those of `domain.candle`.
BY_SIGNAL, AT_END = 5, 6
REASONS = ("", "SL", "SL_GAP", "TP", "LIQUIDATED", "REVERSE", "END")

TRADE = np.dtype(
    [
        ("symbol", np.int16),  # place in the configured order
        ("side", np.int8),  # +1 long, -1 short
        ("reason", np.int8),  # index into REASONS
        ("entry_bar", np.int32),
        ("exit_bar", np.int32),
        ("entry_price", np.float64),
        ("exit_price", np.float64),
        ("quantity", np.float64),
        ("gross", np.float64),
        ("fee", np.float64),  # of both sides, positive
        ("funding", np.float64),  # positive when received
        ("net", np.float64),  # gross - fee + funding
        ("risk", np.float64),  # from the fill to the first stop: what 1 R is
    ],
    align=True,
)


class Candles(NamedTuple):
    """Candles of all symbols on one timeline."""

    time_ms: Longs  # (bars,), open times, ascending
    next_day: Longs  # (bars,): the first bar of the next UTC day
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    first: Longs  # (symbols,): bar of a symbol's first candle that is played
    last: Longs  # (symbols,): of its last one; below `first` where it has none


class Payments(NamedTuple):
    """Funding settlements of all symbols, ascending per symbol."""

    start: Longs  # (symbols + 1,): where each symbol's begin
    bar: Longs
    rate: Floats
    mark: Floats  # NaN: the bar's open


class Events(NamedTuple):
    """Bars with a signal, ascending per symbol: what the account is asked to act on."""

    start: Longs  # (symbols + 1,): where each symbol's begin
    bar: Longs  # the bar that closed with the signal; it is filled at the next one's open
    side: Bytes  # +1 long, -1 short
    stop_unit: Floats  # what a lane's factor multiplies: the ATR, or the rule's own distance
    target_unit: Floats
    refused: Bytes  # 0, or the code of who refused the entry before the account was asked
    probability: Floats  # of the entry filter; NaN without one


_F, _I, _FLAG = np.float64, np.int64, np.int8

LANE = np.dtype(  # what differs from symbol to symbol
    [
        ("stop_factor", _F),
        ("stop_is_ratio", _FLAG),  # the factor is a fraction of the fill price
        ("target_factor", _F),
        ("target_is_ratio", _FLAG),
        ("trail_ratio", _F),  # 0 is off
        ("tick", _F),  # 0 is no grid
        ("tick_over", _I),  # the tick as a fraction of whole numbers
        ("tick_under", _I),
        ("step", _F),
        ("step_over", _I),
        ("step_under", _I),
        ("min_quantity", _F),
        ("max_quantity", _F),  # on the step grid; infinite without a limit
        ("min_notional", _F),
        ("max_notional", _F),  # at this leverage
        ("highest_buy", _F),  # as a multiple of the last price; infinite without a limit
        ("lowest_sell", _F),  # likewise; 0 without a limit
        ("first_bracket", _I),  # place in the list of all leverage brackets
        ("end_bracket", _I),
    ],
    align=True,
)

RULES = np.dtype(  # one row: the account's rules, `RiskLimits` and costs as plain numbers
    [
        ("balance", _F),
        ("leverage", _F),
        ("taker_fee", _F),
        ("slippage", _F),
        ("sizing", _I),
        ("slots", _I),
        ("margin_max_ratio", _F),
        ("margin_min_ratio", _F),
        ("margin_decay_rate", _F),
        ("is_decay_relative", _FLAG),
        ("risk_per_trade", _F),
        ("fixed_notional", _F),
        ("max_positions", _I),
        ("max_same_direction", _I),
        ("max_daily_loss", _F),
        ("is_loss_marked", _FLAG),
        ("has_open_risk_bound", _FLAG),
        ("max_drawdown", _F),  # 0 is off
        ("has_kill_fast", _FLAG),
        ("has_kill_slow", _FLAG),
        ("has_margin_check", _FLAG),
        ("has_liquidation_rule", _FLAG),
        ("is_probability_first", _FLAG),
        ("is_unlimited", _FLAG),
    ],
    align=True,
)

HELD = np.dtype(  # one row per symbol: its position, and what it has been through
    [
        ("sign", _I),  # 0: flat
        ("entry_bar", _I),
        ("entry_price", _F),
        ("quantity", _F),
        ("stop", _F),
        ("target", _F),
        ("risk", _F),
        ("entry_fee", _F),
        ("funding", _F),
        ("margin", _F),  # its isolated wallet
        ("liquidation", _F),  # NaN: none
        ("losses_running", _I),
        ("closed", _I),  # trades
        ("is_killed_fast", _FLAG),
        ("is_killed_slow", _FLAG),
        ("event", _I),  # place of the next signal in `Events`
        ("payment", _I),  # place of the next settlement in `Payments`
        ("wanted", _I),  # side of the entry asked for on this bar; 0: none
        ("reserved_quantity", _F),
        ("reserved_price", _F),
    ],
    align=True,
)

ACCOUNT = np.dtype(  # one row
    [
        ("wallet", _F),
        ("day_start", _F),
        ("high_water", _F),
        ("n_open", _I),
        ("n_trades", _I),
        ("day", _I),
        ("is_latched", _FLAG),
        ("last_halted_day", _I),
        ("halted_days", _I),
        ("is_drawn_down", _FLAG),
        ("drawn_down_bar", _I),
    ],
    align=True,
)


class State(NamedTuple):
    """What changes while bars are played. Made by `new_state`."""

    book: NDArray[np.void]  # of HELD
    account: NDArray[np.void]  # of ACCOUNT
    opened: Longs  # symbols that hold a position, the oldest first
    served: Longs  # symbols whose entries were given on this bar
    nets: Floats  # (symbols, trades a switch looks at): of the last trades, oldest first


def new_state(n_symbols: int, balance: float, payments: Payments, events: Events) -> State:
    """Nothing is open, and nothing ever was."""
    book, account = np.zeros(n_symbols, HELD), np.zeros(1, ACCOUNT)
    book["event"] = events.start[:n_symbols]
    book["payment"] = payments.start[:n_symbols]
    account["wallet"] = account["high_water"] = balance
    account["day"] = account["last_halted_day"] = -1
    return State(
        book,
        account,
        np.zeros(n_symbols, np.int64),
        np.zeros(n_symbols, np.int64),
        np.zeros((n_symbols, SLOW_TRADES)),
    )


class Output(NamedTuple):
    """What the kernel writes. `equity` and `wallet` are empty where nobody wants them."""

    trades: NDArray[np.void]
    equity: Floats  # (bars,): marked at the open of each bar, before its closes and entries
    wallet: Floats
    action: Bytes  # (events,)
    refusal: Bytes  # (events,): index into `codes.REFUSALS`
