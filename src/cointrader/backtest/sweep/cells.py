"""Many variants of a signal under the same exits and costs, from event to event.

With a fixed size a symbol's trades know nothing of each other: how a trade that begins on a given
bar would end by its own stop or target is the same for every variant that takes it. So that is
played once, and a variant is a walk over its signals. Trades are those of `backtest.run`, to the
last bit, because they are made by the functions that its kernel is made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cointrader.backtest.columns import (
    ACCOUNT,
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
from cointrader.backtest.sweep.by_itself import ENDS_AT_OPEN, cut_short, play_alone
from cointrader.backtest.sweep.figures import (
    FIGURES,
    Played,
    Rows,
    Windows,
    count_one,
    counting,
    day_of,
)
from cointrader.backtest.sweep.shared import ABSENT, SharedSignals
from cointrader.risk.limits import ALLOWED
from cointrader.risk.switches import SLOW_TRADES
from cointrader.signals.compiled import compiled

_UNKNOWN = -1  # nobody has asked yet how a trade from here would end


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
        return self.trades_of_each(settings, np.array([variant], np.int64))[0]

    def trades_of_each(self, settings: BacktestSettings, variants: Longs) -> tuple[Rows, Longs]:
        """The same of some of the variants, one after the other; and how many each has."""
        figures = np.zeros((len(variants), 1), FIGURES)
        daily = np.zeros((len(variants), self.days))
        most = sum(int(np.count_nonzero(self._marks[each] == ALLOWED)) for each in variants)
        trades, is_later = np.empty(most + 1, TRADE), np.zeros(most + 1, np.int8)
        count = self._play(settings, variants, Windows.whole(), figures, daily, trades, is_later)
        trades, is_later, counts = trades[:count], is_later[:count], figures["trades"][:, 0]
        if len(self.symbols) > 1:  # the trades of one symbol end one after the other
            of = np.repeat(np.arange(len(variants)), counts)
            trades = trades[np.lexsort((trades["symbol"], is_later, trades["exit_bar"], of))]
        return trades, counts

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


def _marks(stretch: Stretch, shared: Sequence[SharedSignals]) -> Bytes:
    """Marks beside the events of all symbols, shape (variants, events)."""
    parts = []
    for s, own in enumerate(shared):
        first, last = int(stretch.candles.first[s]), int(stretch.candles.last[s])
        row = stretch.rows[s]
        begin, end = np.searchsorted(own.all.rows, (row, row + last - first))
        parts.append(own.marks[:, begin:end])
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    return np.ascontiguousarray(whole)  # of one symbol often what it was, not copied


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
                if known[place] not in (ALLOWED, ENDS_AT_OPEN):
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


_walk = compiled(walk)
COMPILED = _walk, counting
