"""What became of each signal: the label a model learns, and when it became known.

`engine` plays every signal's own trade alone, with the kernel that backtests and paper answer to,
so labels and fills cannot come apart. `barrier` is the founding one: levels from the signal's
close, and whichever is touched first. Both touch levels by the one rule of `domain.candle`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cointrader.backtest.codes import FILTER
from cointrader.backtest.columns import AT_END, TRADE, Events, Output, new_state
from cointrader.backtest.kernel import play_compiled
from cointrader.backtest.market import Market, Stretch, shown
from cointrader.backtest.settings import BacktestSettings, lanes_of, rules_of
from cointrader.backtest.signals import SymbolSignals, events_of
from cointrader.domain.candle import NO_TOUCH, TARGET, first_touch
from cointrader.domain.errors import ConfigError
from cointrader.risk.limits import FIXED
from cointrader.signals.compiled import compiled
from cointrader.strategy.plan import stop_level, target_level

ENGINE, BARRIER = KINDS = ("engine", "barrier")
UNKNOWN = -1  # no label: the outcome lies past the data
NOT_TRADED = -2  # no label: the exchange refuses the entry, or the stop stands at the fill
_NOTIONAL = 1000.0  # in quote currency: what is learned is counted in R, which no size changes

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]
Bytes = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class LabelSettings:
    """How rows are labelled and weighed.

    `max_label_bars` is the longest an engine's trade is held, `barrier_bars` how far the founding
    label looks. A row's weight grows by ``exp(decay)`` from the first signal to the last.
    """

    kind: str = ENGINE
    max_label_bars: int = 96
    barrier_bars: int = 24
    decay: float = 2.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise _impossible("label", self.kind, " or ".join(KINDS))
        for name in ("max_label_bars", "barrier_bars"):
            if getattr(self, name) < 1:
                raise _impossible(name, getattr(self, name), "1 bar or more")
        if not 0.0 <= self.decay <= 50.0:
            raise _impossible("decay", self.decay, "0 (all rows weigh the same) to 50")


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """One label per signal; arrays of one length.

    `label` is 1, 0, `UNKNOWN` or `NOT_TRADED`; `end` the row of the bar at whose close it was
    known, -1 where it is not. `net_r` is what the signal's own trade came to, costs included, in
    units of its risk; NaN where it is not known.
    """

    label: Bytes
    end: Longs
    net_r: Floats

    def __len__(self) -> int:
        return len(self.label)


def engine(
    market: Market,
    symbol: str,
    signals: SymbolSignals,
    settings: BacktestSettings,
    *,
    closing: SymbolSignals | None = None,
    max_label_bars: int = 96,
) -> Labels:
    """Each signal's own trade, alone: 1 where it made more than it cost, else 0.

    Entered at the next open, left at stop, target or liquidation, at the open after an opposite
    signal, or at the close of its last bar: `max_label_bars` bars, that of the entry included.
    Fees, slippage and funding are the settings'. Every signal has its trade, whether or not an
    account would have been in a position.

    Parameters
    ----------
    signals : what is labelled; what a filter said of them does not count
    settings : costs, exits and instruments; size, limits and times in them do not matter
    closing : signals that end trades, where they are not the labelled ones

    Returns
    -------
    Labels, `UNKNOWN` where the trade would have gone on past the last candle, `NOT_TRADED` where
    the exchange would have refused the entry, or the stop stands at the fill: it has no R.

    Raises
    ------
    MissingCandles : the candles have a hole
    DataError : a signal has no usable exit distance
    """
    alone = _alone(settings, symbol)
    own = Market("", market.interval_ms, {symbol: market.frames[symbol]},
                 {symbol: market.settlements[symbol]})  # fmt: skip
    stretch = own.between(None, None)
    is_by_atr = [alone.exits[symbol].mode == "atr"]
    events = events_of(stretch, {symbol: _unfiltered(signals)}, is_by_atr)
    ends = signals if closing is None else closing
    lanes = lanes_of(alone, [symbol], {symbol: signals})
    rules = rules_of(alone)
    n_bars = len(stretch.candles.time_ms)
    found = Labels(
        np.full(len(signals), UNKNOWN, np.int8),
        np.full(len(signals), -1, np.int64),
        np.full(len(signals), np.nan),
    )
    opposites = {side: ends.rows[ends.side == -side] for side in (1, -1)}
    for place in range(len(events.bar)):
        bar, side = int(events.bar[place]), int(events.side[place])
        stop = min(bar + 1 + max_label_bars, n_bars)
        against = opposites[side]
        after = int(np.searchsorted(against, bar, side="right"))
        opposite = int(against[after]) if after < len(against) else n_bars
        one = _events_of_one(events, place, opposite - bar if opposite < stop - 1 else None)
        trade = _played(stretch, bar, stop, one, lanes, rules)
        if trade is None or not trade["risk"] > 0.0:
            found.label[place] = NOT_TRADED
            continue
        end = bar + int(trade["exit_bar"])
        if trade["reason"] == AT_END and stop < bar + 1 + max_label_bars:
            continue  # it would have gone on
        found.label[place] = trade["net"] > 0.0
        found.end[place] = end
        found.net_r[place] = trade["net"] / trade["risk"]
    return found


def barrier(
    market: Market,
    symbol: str,
    signals: SymbolSignals,
    settings: BacktestSettings,
    *,
    bars: int = 24,
) -> tuple[Bytes, Longs]:
    """Triple barrier: 1 where the target is touched first, 0 for the stop or neither.

    Levels stand around the close of the signal's bar i and are looked for in bars i+1 to i+bars;
    the stop first where a bar touches both. No costs.

    Returns
    -------
    Labels, `UNKNOWN` where nothing is touched before the candles end too early; and the row of the
    bar at whose close each was known.

    References: López de Prado (2018), Advances in Financial Machine Learning, ch. 3.
    """
    candles, count = market.frames[symbol].candles, len(signals)
    exits = settings.exits[symbol]
    stop, target = np.empty(count), np.empty(count)
    for place, row in enumerate(signals.rows.tolist()):
        levels = exits.exits(
            float(signals.atr[place]),
            stop_distance=_of(signals.stop_distance, place),
            target_distance=_of(signals.target_distance, place),
        )
        close, sign = float(candles.close[row]), int(signals.side[place])
        stop[place] = stop_level(sign, close, levels.stop_distance(close))
        target[place] = target_level(sign, close, levels.target_distance(close))
    label, end = np.full(count, UNKNOWN, np.int8), np.full(count, -1, np.int64)
    rows, signs = signals.rows.astype(np.int64), signals.side.astype(np.int64)
    opens, highs, lows = np.array(candles.open), np.array(candles.high), np.array(candles.low)
    _touched_first(opens, highs, lows, rows, signs, stop, target, bars, label, end)
    return label, end


def weights(open_ms: Longs, decay: float) -> Floats:
    """``exp(decay * position)`` of rows, position 0 for the earliest and 1 for the latest.

    Position is counted in time, so a quiet month does not age its neighbours.
    """
    if len(open_ms) == 0:
        return np.empty(0)
    first, span = open_ms.min(), max(int(open_ms.max() - open_ms.min()), 1)
    found: Floats = np.exp(decay * (open_ms - first) / span)
    return found


# ------------------------------------------------------------------ one trade


def _alone(settings: BacktestSettings, symbol: str) -> BacktestSettings:
    """These costs and exits, of a fixed size and without an account that could say no."""
    limits = replace(
        settings.limits,
        symbols=(symbol,),
        sizing=FIXED,
        fixed_notional=_NOTIONAL,
        has_margin_check=False,
        has_open_risk_bound=False,
        max_drawdown=None,
        has_kill_fast=False,
        has_kill_slow=False,
    )
    return replace(settings, limits=limits, start_ms=None, end_ms=None)


def _unfiltered(signals: SymbolSignals) -> SymbolSignals:
    return replace(signals, refused=None, probability=None)


def _events_of_one(events: Events, place: int, opposite: int | None) -> Events:
    """One signal at bar 0 and, `opposite` bars later, one against it that enters nothing."""
    count = 1 if opposite is None else 2
    side = int(events.side[place])
    return Events(
        np.array([0, count]),
        np.array([0, opposite or 0][:count]),
        np.array([side, -side][:count], np.int8),
        np.repeat(events.stop_unit[place : place + 1], count),
        np.repeat(events.target_unit[place : place + 1], count),
        np.array([0, FILTER][:count], np.int8),
        np.full(count, np.nan),
    )


def _played(
    stretch: Stretch, bar: int, stop: int, events: Events,
    lanes: tuple[NDArray[np.void], Floats], rules: NDArray[np.void],
) -> np.void | None:  # fmt: skip
    """The trade of the bars from `bar` to before `stop`; None where there was none."""
    candles, payments = stretch.candles, stretch.payments
    part = candles._replace(
        time_ms=candles.time_ms[bar:stop],
        next_day=np.minimum(candles.next_day[bar:stop] - bar, stop - bar),
        **{
            name: shown(np.ascontiguousarray(getattr(candles, name)[:, bar:stop]))
            for name in ("open", "high", "low", "close")
        },
        first=np.zeros(1, np.int64),
        last=np.array([stop - bar - 1]),
    )
    begin, end = np.searchsorted(payments.bar, (bar, stop))
    own = payments._replace(
        start=np.array([0, end - begin]),
        bar=payments.bar[begin:end] - bar,
        rate=payments.rate[begin:end],
        mark=payments.mark[begin:end],
    )
    own = own._replace(**{name: shown(array) for name, array in own._asdict().items()})
    part = part._replace(**{name: shown(array) for name, array in part._asdict().items()})
    told = events._replace(**{name: shown(array) for name, array in events._asdict().items()})
    out = Output(
        np.empty(len(events.bar), TRADE),
        np.empty(0),
        np.empty(0),
        np.zeros(len(events.bar), np.int8),
        np.zeros(len(events.bar), np.int8),
    )
    state = new_state(1, float(rules["balance"][0]), own, told)
    play_compiled(part, own, told, *lanes, rules, state, out)
    trade: np.void | None = out.trades[0] if state.account[0]["n_trades"] else None
    return trade


def _of(column: Floats | None, place: int) -> float | None:
    return None if column is None else float(column[place])


# ------------------------------------------------------------------ barriers


def touched_first(
    opens: Floats, highs: Floats, lows: Floats, rows: Longs, signs: Longs,
    stops: Floats, targets: Floats, bars: int, label: Bytes, end: Longs,
) -> None:  # fmt: skip
    """Write label and end of each row; those that are not known yet are left as they are."""
    for place in range(len(rows)):
        row = rows[place]
        for bar in range(row + 1, min(row + bars, len(opens) - 1) + 1):
            touch = first_touch(
                signs[place], opens[bar], highs[bar], lows[bar],
                stops[place], targets[place], True,
            )  # fmt: skip
            if touch != NO_TOUCH:
                label[place] = 1 if touch == TARGET else 0
                end[place] = bar
                break
            if bar == row + bars:
                label[place] = 0
                end[place] = bar


_touched_first = compiled(touched_first)


def _impossible(name: str, found: object, allowed: str) -> ConfigError:
    return ConfigError("impossible label setting", where=name, found=found, allowed=allowed)
