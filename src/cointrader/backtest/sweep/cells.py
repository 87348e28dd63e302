"""Many variants of a signal under the same exits and costs, from event to event.

With a fixed size a symbol's trades know nothing of each other: how a trade that begins on a given
bar would end by its own stop or target is the same for every variant that takes it. So that is
played once, and a variant is a walk over its signals. Trades are those of `backtest.run`, to the
last bit, because they are made by the functions that its kernel is made of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
from cointrader.backtest.columns import (
    ACCOUNT,
    AT_END,
    BY_SIGNAL,
    HELD,
    TRADE,
    Bytes,
    Candles,
    Events,
    Floats,
    Longs,
    Payments,
)
from cointrader.backtest.market import Market, Stretch
from cointrader.backtest.settings import BacktestSettings, lanes_of, rules_of
from cointrader.backtest.signals import events_of
from cointrader.backtest.sweep.shared import ABSENT, SharedSignals
from cointrader.domain.candle import LIQUIDATED, NO_TOUCH, STOP_GAP, bar_exit, touch_price
from cointrader.domain.clock import DAY_MS
from cointrader.domain.position import bankruptcy_price, funding_payment, slipped
from cointrader.risk.limits import ALLOWED
from cointrader.risk.switches import SLOW_TRADES
from cointrader.signals.compiled import compiled

Rows = NDArray[np.void]

FIGURES = np.dtype(
    [
        ("trades", np.int64),
        ("wins", np.int64),  # net > 0
        ("longs", np.int64),
        ("with_r", np.int64),  # trades that risked something
        ("net", np.float64),
        ("won", np.float64),  # sum of the nets above 0
        ("lost", np.float64),  # sum of those below 0, positive
        ("r", np.float64),
        ("r_squared", np.float64),
        ("long_r", np.float64),
        ("fee", np.float64),
        ("funding", np.float64),
    ],
    align=True,
)

_UNKNOWN = -1  # nobody has asked yet how a trade from here would end
_ENDS_AT_OPEN = 127  # no refusal: a trailing stop moved past the price ends it before bars go on


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """What some variants came to under one set of settings.

    Parameters
    ----------
    figures : rows of FIGURES of shape (variants, windows)
    daily : float64 of shape (variants, days): R of all trades by UTC day of the exit, from the
        first day played
    """

    figures: Rows
    daily: Floats


class Windows(NamedTuple):
    """Stretches of time that trades are counted in, as bars; they may overlap.

    A trade belongs to the windows of its signal: those from `first`, included, to `end`, excluded.
    Where it ends at `known` or later it is left out (purged): its result was not known by then.
    """

    first: Longs
    end: Longs
    known: Longs

    @staticmethod
    def whole() -> Windows:
        """One window that holds every trade."""
        return Windows.of([(0, FOREVER, FOREVER)])

    @staticmethod
    def of(rows: Sequence[tuple[int, int, int]]) -> Windows:
        """From rows of (first, end, known)."""
        return Windows(*(np.array(column, np.int64) for column in zip(*rows, strict=True)))


FOREVER = 2**62


class Sheet:
    """Candles and shared signals as the walk reads them: made once, played under many settings.

    Parameters
    ----------
    shared : of every symbol of the market, all with the same variants
    start_ms, end_ms : first bar decided, and the end, excluded; None: all there are

    Raises `MissingCandles` where there is nothing to play, or a symbol has a hole.
    """

    def __init__(
        self,
        market: Market,
        shared: Mapping[str, SharedSignals],
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> None:
        self.symbols = market.symbols
        self.stretch = market.between(start_ms, end_ms)
        self.day = day_of(self.stretch)
        self._signals = {symbol: shared[symbol].all for symbol in market.symbols}
        self._marks = _marks(self.stretch, [shared[symbol] for symbol in market.symbols])
        self._events: dict[tuple[bool, ...], Events] = {}  # by what exits are measured in

    @property
    def days(self) -> int:
        """UTC days played, the first and the last in part."""
        return int(self.day[-1]) + 1

    def play(
        self, settings: BacktestSettings, variants: Longs, windows: Windows | None = None
    ) -> Played:
        """Play some of the variants with a fixed size; all trades are one window if none is given.

        Raises `DataError` where a signal has no usable exit distance; `ValueError` where the size
        is not fixed: on an account trades depend on each other.
        """
        windows = windows or Windows.whole()
        figures = np.zeros((len(variants), len(windows.first)), FIGURES)
        daily = np.zeros((len(variants), self.days))
        nothing = np.empty(0, TRADE), np.empty(0, np.int8)
        self._play(settings, variants, windows, figures, daily, *nothing)
        return Played(figures, daily)

    def trades(self, settings: BacktestSettings, variant: int) -> Rows:
        """Trades of one variant, rows of `columns.TRADE`, in the order in which they ended."""
        figures, daily = np.zeros((1, 1), FIGURES), np.zeros((1, self.days))
        trades = np.empty(self._marks.shape[1] + 1, TRADE)
        is_later = np.zeros(len(trades), np.int8)
        count = self._play(
            settings, np.array([variant], np.int64), Windows.whole(), figures, daily, trades,
            is_later,
        )  # fmt: skip
        trades, is_later = trades[:count], is_later[:count]
        ordered: Rows = trades[np.lexsort((trades["symbol"], is_later, trades["exit_bar"]))]
        return ordered

    def _play(
        self,
        settings: BacktestSettings,
        variants: Longs,
        windows: Windows,
        figures: Rows,
        daily: Floats,
        trades: Rows,
        is_later: Bytes,
    ) -> int:
        if not settings.limits.is_unlimited:
            raise ValueError("variants share their trades with a fixed size only")
        events = self._events_for(settings)
        account = np.zeros(1, ACCOUNT)
        account["wallet"] = settings.balance
        count: int = _walk(
            self.stretch.candles,
            self.stretch.payments,
            events,
            self._marks,
            variants,
            windows,
            self.day,
            *lanes_of(settings, self.symbols, self._signals),
            rules_of(settings),
            np.full(len(events.bar), _UNKNOWN, np.int8),
            np.empty(len(events.bar) + 1, TRADE),
            np.zeros(1, HELD),
            account,
            np.zeros(SLOW_TRADES),
            figures,
            daily,
            trades,
            is_later,
        )
        return count

    def _events_for(self, settings: BacktestSettings) -> Events:
        is_by_atr = tuple(settings.exits[symbol].mode == "atr" for symbol in self.symbols)
        if is_by_atr not in self._events:
            self._events[is_by_atr] = events_of(self.stretch, self._signals, is_by_atr)
        return self._events[is_by_atr]


def counted(trades: Rows, stretch: Stretch, windows: Windows | None = None) -> Played:
    """The figures of any list of trades, as those of one variant."""
    windows, day = windows or Windows.whole(), day_of(stretch)
    figures = np.zeros((1, len(windows.first)), FIGURES)
    daily = np.zeros((1, int(day[-1]) + 1))
    _count(trades, windows, day, figures[0], daily[0])
    return Played(figures, daily)


def _marks(stretch: Stretch, shared: Sequence[SharedSignals]) -> Bytes:
    """Marks beside the events of all symbols, shape (variants, events)."""
    parts = []
    for s, own in enumerate(shared):
        first, last = int(stretch.candles.first[s]), int(stretch.candles.last[s])
        row = stretch.rows[s]
        begin, end = np.searchsorted(own.all.rows, (row, row + last - first))
        parts.append(own.marks[:, begin:end])
    return np.ascontiguousarray(np.concatenate(parts, axis=1))


def day_of(stretch: Stretch) -> Longs:
    """Of each bar the number of its UTC day, counted from the first one played."""
    day = stretch.candles.time_ms // DAY_MS
    counted: Longs = day - day[0]
    return counted


def walk(
    candles: Candles,
    payments: Payments,
    events: Events,
    marks: Bytes,
    variants: Longs,
    windows: Windows,
    day: Longs,
    lanes: Rows,
    brackets: Floats,
    all_rules: Rows,
    known: Bytes,
    ends: Rows,
    held_rows: Rows,
    accounts: Rows,
    nets: Floats,
    figures: Rows,
    daily: Floats,
    trades: Rows,
    is_later: Bytes,
) -> int:
    """Play some rows of `marks`; how many trades were written to `trades`, if that has room.

    `is_later` tells of each whether it ended within its bar and not at the open.

    `known` and `ends` remember how trades end by themselves; the row of `ends` after all events is
    for a trade that an opposite signal ends.
    """
    rules, held, account = all_rules[0], held_rows[0], accounts[0]
    n_events, count, tells = len(events.bar), 0, len(trades) > 0
    for turn in range(len(variants)):
        mark, figure, by_day = marks[variants[turn]], figures[turn], daily[turn]
        for s in range(len(lanes)):
            lane = lanes[s]
            place, end = events.start[s], events.start[s + 1]
            while place < end:
                if mark[place] != ALLOWED:
                    place += 1
                    continue
                if known[place] == _UNKNOWN:
                    known[place] = play_alone(
                        s, place, candles, payments, events, lane, brackets, rules, held, account,
                        nets, ends[place],
                    )  # fmt: skip
                if known[place] not in (ALLOWED, _ENDS_AT_OPEN):
                    place += 1
                    continue
                end_row, sign = place, events.side[place]
                last_bar = ends[place]["exit_bar"]
                after = place + 1
                while after < end and events.bar[after] < last_bar:
                    if mark[after] != ABSENT and events.side[after] != sign:
                        end_row = n_events
                        cut_short(
                            s, events.bar[after] + 1, ends[place], candles, payments, rules, held,
                            nets, account, ends[n_events],
                        )  # fmt: skip
                        break
                    after += 1
                count_one(ends[end_row], windows, day, figure, by_day)
                if tells:
                    trades[count] = ends[end_row]
                    is_later[count] = end_row == place and known[place] == ALLOWED
                    count += 1
                place = after
    return count


def count_all(trades: Rows, windows: Windows, day: Longs, figure: Rows, by_day: Floats) -> None:
    """Count every trade."""
    for i in range(len(trades)):
        count_one(trades[i], windows, day, figure, by_day)


COMPILED = _walk, _count = compiled(walk), compiled(count_all)


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

    ALLOWED or _ENDS_AT_OPEN where it was not.
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
                return _ENDS_AT_OPEN
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


def count_one(trade: Row, windows: Windows, day: Longs, figure: Rows, by_day: Floats) -> None:
    """Count a trade in its windows, and its R on the day on which it ended."""
    bar, ended = trade["entry_bar"] - 1, trade["exit_bar"]
    for w in range(len(windows.first)):
        if windows.first[w] <= bar < windows.end[w] and ended < windows.known[w]:
            add_up(trade, figure[w])
    if trade["risk"] > 0.0:
        by_day[day[ended]] += trade["net"] / trade["risk"]


def add_up(trade: Row, figure: Row) -> None:
    """Count one trade."""
    net, risk = trade["net"], trade["risk"]
    figure["trades"] += 1
    figure["net"] += net
    figure["fee"] += trade["fee"]
    figure["funding"] += trade["funding"]
    if net > 0.0:
        figure["wins"] += 1
        figure["won"] += net
    elif net < 0.0:
        figure["lost"] -= net
    is_long = trade["side"] > 0
    if is_long:
        figure["longs"] += 1
    if risk > 0.0:
        r = net / risk
        figure["with_r"] += 1
        figure["r"] += r
        figure["r_squared"] += r * r
        if is_long:
            figure["long_r"] += r
