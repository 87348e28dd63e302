"""Independent reference of the founding profile: a plain one-pass engine, used as a test oracle.

Written from the trading rules alone (sections 0-5) and importing nothing from the project.
It is meant to be read: one account, N symbols, one loop over the union of their timestamps.

Inside one timestamp:
  A1  every close by opposite signal, at the open, over all symbols;
      then the wallet is read once (the snapshot);
  A2  entries at the same open, in the configured symbol order;
  B   per symbol: funding, then stop, then target, then END on the symbol's last bar.

Times are open times of bars in ms. A trade's exit time is the open time of the bar it ended in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import talib

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Sides = npt.NDArray[np.int8]

DAY_MS = 86_400_000
SETTLEMENT_MS = 8 * 3_600_000
TIE = 1e-9  # K > D means K - D > TIE
TALIB_ZERO = 1e-14  # TA-Lib takes a sum of gains and losses below this for none at all


@dataclass(frozen=True)
class Settings:
    """The founding profile; every field may be overridden."""

    balance: float = 1000.0
    # signal
    signal_threshold: int = 3
    vol_multiplier: float = 1.5
    adx_threshold: float = 0.0
    warmup_bars: int = 300  # bars needed before a decision; 0 for hand-made tables
    # exits
    exit_mode: str = "atr"  # or "pct"
    atr_sl_mult: float = 1.5
    atr_tp_mult: float = 3.0
    stop_loss_pct: float = 0.015
    take_profit_pct: float = 0.045
    # size
    leverage: float = 10.0
    margin_max_ratio: float = 0.50
    margin_min_ratio: float = 0.20
    margin_decay_rate: float = 0.0006
    # shared risk
    max_positions: int = 3
    max_same_direction: int = 2
    max_daily_loss: float = 0.05
    # costs
    fee: float = 0.0004
    slippage_bps: float = 0.0


@dataclass(frozen=True)
class History:
    """Closed candles of one symbol, oldest first; funding_rate as in the combined files."""

    symbol: str
    open_time_ms: npt.NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    funding_rate: Floats


@dataclass(frozen=True)
class Trade:
    symbol: str
    side: str  # "long" or "short"
    entry_time_ms: int
    exit_time_ms: int
    entry_price: float
    exit_price: float
    quantity: float
    reason: str  # SL, SL_GAP, TP, REVERSE, END
    gross: float
    fee: float  # entry and exit, positive
    funding: float  # received, negative when paid
    net: float  # gross - fee + funding


@dataclass
class Result:
    trades: list[Trade]
    final_wallet: float
    refusals: dict[str, int]
    halted_days: int


def load_combined(path: str | Path) -> History:
    """Read <symbol>/combined_<interval>.parquet; the folder names the symbol."""
    path = Path(path)
    frame = pl.read_parquet(path).sort("timestamp")

    def column(name: str) -> Floats:
        return frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()

    times = frame["timestamp"].dt.epoch("ms").to_numpy().astype(np.int64)
    names = ("open", "high", "low", "close", "volume", "funding_rate")
    return History(path.parent.name.upper(), times, *(column(name) for name in names))


# ---------------------------------------------------------------- sections 1-2: indicators, signal


def windows(values: Floats, width: int) -> Floats:
    """Row i holds values[i-width+1 .. i]; rows without a full window are NaN."""
    padded = np.concatenate([np.full(width - 1, np.nan), values])
    return np.lib.stride_tricks.sliding_window_view(padded, width)


def previous(values: Floats) -> Floats:
    return np.concatenate([[np.nan], values[:-1]])


def wilder_abs_change(close: Floats, period: int) -> Floats:
    """Wilder mean of |change|: what TA-Lib's RSI divides by."""
    change = np.abs(np.diff(close, prepend=close[:1]))
    mean = np.full(len(close), np.nan)
    if len(close) > period:
        mean[period] = change[1 : period + 1].mean()
        for i in range(period + 1, len(close)):
            mean[i] = (mean[i - 1] * (period - 1) + change[i]) / period
    return mean


def rsi_of(close: Floats, period: int = 14) -> Floats:
    """Wilder RSI, 50 where TA-Lib answers 0 because there is no change at all."""
    rsi = talib.RSI(close, period)
    no_change = (rsi == 0.0) & (wilder_abs_change(close, period) < TALIB_ZERO)
    return np.where(no_change, 50.0, rsi)


def three_term_mean(values: Floats) -> Floats:
    one_back = previous(values)
    return (previous(one_back) + one_back + values) / 3.0


def stoch_rsi(rsi: Floats, period: int = 14) -> tuple[Floats, Floats]:
    window = windows(rsi, period)
    low, high = window.min(axis=1), window.max(axis=1)
    flat = high == low
    raw = np.where(flat, 0.0, 100.0 * (rsi - low) / np.where(flat, 1.0, high - low))
    k = three_term_mean(raw)
    return k, three_term_mean(k)


def bands(close: Floats, period: int = 20, width: float = 2.0) -> tuple[Floats, Floats]:
    """Lower and upper Bollinger band; both exactly the close when the window is constant."""
    window = windows(close, period)
    constant = window.max(axis=1) == window.min(axis=1)
    mean = np.where(constant, close, window.mean(axis=1))
    variance = ((window - mean[:, None]) ** 2).mean(axis=1)
    half = width * np.sqrt(np.where(constant, 0.0, variance))
    return mean - half, mean + half


def signals(history: History, settings: Settings) -> tuple[Sides, Floats]:
    """(+1 long, -1 short, 0 hold) at every bar's close, and ATR 14."""
    close, volume = history.close, history.volume
    rsi = rsi_of(close)
    k, d = stoch_rsi(rsi)
    lower, upper = bands(close)
    line, sig, _ = talib.MACD(close, 12, 26, 9)
    ema9, ema21, ema50 = (talib.EMA(close, period) for period in (9, 21, 50))
    adx = talib.ADX(history.high, history.low, close, 14)
    atr: Floats = talib.ATR(history.high, history.low, close, 14)
    volume_mean = windows(volume, 20).mean(axis=1)

    def score(*parts: tuple[int, Bools]) -> npt.NDArray[np.int64]:
        total: npt.NDArray[np.int64] = np.sum([points * part for points, part in parts], axis=0)
        return total

    long_score = score(
        (1, rsi < 35),
        (2, (previous(line) <= previous(sig)) & (line > sig)),
        (1, close < lower),
        (1, (ema9 > ema21) & (ema21 > ema50)),
        (1, (k < 20) & (k - d > TIE)),
    )
    short_score = score(
        (1, rsi > 65),
        (2, (previous(line) >= previous(sig)) & (line < sig)),
        (1, close > upper),
        (1, (ema9 < ema21) & (ema21 < ema50)),
        (1, (k > 80) & (d - k > TIE)),
    )
    volume_gate = (volume > settings.vol_multiplier * volume_mean) & (volume > 0)

    needed = settings.signal_threshold
    is_long = (long_score >= needed) & (volume_gate | (long_score >= needed + 1))
    is_short = (short_score >= needed) & (volume_gate | (short_score >= needed + 1))
    side = is_long.astype(np.int8) - is_short.astype(np.int8)  # both qualify: 0
    if settings.adx_threshold > 0:
        side[adx < settings.adx_threshold] = 0
    side[: settings.warmup_bars] = 0
    return side, atr


score_rule = signals  # the same function; `run` has a parameter named signals


# ---------------------------------------------------------------- sections 3-5: the engine


@dataclass
class Position:
    side: int
    entry_time: int
    entry_price: float
    quantity: float
    stop: float
    target: float
    entry_fee: float
    funding: float = 0.0


@dataclass
class Lane:
    """One symbol: its candles, its decisions and its position."""

    history: History
    side: Sides  # only decided bars are non-zero
    atr: Floats
    index_of: dict[int, int]  # open time -> bar index, played bars only
    last: int  # index of the last played bar, -1 if there is none
    first_rate: int  # index of the first recorded funding rate
    position: Position | None = None


@dataclass
class Account:
    wallet: float
    trades: list[Trade] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    halted: set[int] = field(default_factory=set)


def make_lane(
    history: History, side: Sides, atr: Floats, settings: Settings, start: int, end: int
) -> Lane:
    times = history.open_time_ms
    decided = (times >= start) & (np.arange(len(times)) >= settings.warmup_bars)
    played = [i for i, time in enumerate(times.tolist()) if start <= time < end]
    rates = np.flatnonzero(np.nan_to_num(history.funding_rate))
    index_of = {int(times[i]): i for i in played}
    first_rate = int(rates[0]) if len(rates) else len(times)
    taken = np.where(decided, side, 0).astype(np.int8)
    return Lane(history, taken, atr, index_of, played[-1] if played else -1, first_rate)


def slipped(price: float, direction: int, settings: Settings) -> float:
    """What an order pays: direction +1 buys (dearer), -1 sells (cheaper)."""
    return price * (1.0 + direction * settings.slippage_bps / 10_000.0)


def funding_rate(lane: Lane, bar: int) -> float | None:
    """Rate settled at the open of a bar, None if there is no settlement or no record of it."""
    if int(lane.history.open_time_ms[bar]) % SETTLEMENT_MS != 0:
        return None
    source = min(bar + 1, len(lane.history.open_time_ms) - 1)  # of t itself at the very end
    rate = float(lane.history.funding_rate[source])
    return None if source < lane.first_rate or np.isnan(rate) else rate


def close_position(
    account: Account, lane: Lane, time: int, level: float, reason: str, settings: Settings
) -> None:
    p = lane.position
    assert p is not None
    price = slipped(level, -p.side, settings)
    gross = p.side * p.quantity * (price - p.entry_price)
    exit_fee = p.quantity * price * settings.fee
    account.wallet += gross - exit_fee
    fee = p.entry_fee + exit_fee
    side = "long" if p.side > 0 else "short"
    opened = (lane.history.symbol, side, p.entry_time, time, p.entry_price, price, p.quantity)
    account.trades.append(
        Trade(*opened, reason, gross, fee, p.funding, net=gross - fee + p.funding)
    )
    lane.position = None


def loss_limit_hit(day_start: float, wallet: float, settings: Settings) -> bool:
    return day_start - wallet >= settings.max_daily_loss * day_start


def refusal(
    lanes: Sequence[Lane], side: int, snapshot: float, day_start: float, settings: Settings
) -> str | None:
    """The first reason against an entry, in the order of section 5 (founding: no margin check)."""
    held = [lane.position for lane in lanes if lane.position is not None]
    if snapshot <= 0:
        return "no-money"
    if loss_limit_hit(day_start, snapshot, settings):
        return "daily-loss"
    if len(held) >= settings.max_positions:
        return "max-positions"
    if sum(p.side == side for p in held) >= settings.max_same_direction:
        return "same-direction"
    return None


def open_position(
    account: Account, lane: Lane, bar: int, side: int, snapshot: float, slots: int, s: Settings
) -> None:
    ratio = s.margin_max_ratio - (snapshot - s.balance) * s.margin_decay_rate
    ratio = min(max(ratio, s.margin_min_ratio), s.margin_max_ratio)
    price = slipped(float(lane.history.open[bar]), side, s)
    quantity = snapshot / slots * ratio * s.leverage / price
    if s.exit_mode == "pct":
        stop_distance, target_distance = s.stop_loss_pct * price, s.take_profit_pct * price
    else:
        atr = float(lane.atr[bar - 1])
        stop_distance, target_distance = s.atr_sl_mult * atr, s.atr_tp_mult * atr
    entry_fee = quantity * price * s.fee
    account.wallet -= entry_fee
    time = int(lane.history.open_time_ms[bar])
    stop, target = price - side * stop_distance, price + side * target_distance
    lane.position = Position(side, time, price, quantity, stop, target, entry_fee)


def exit_inside_bar(lane: Lane, p: Position, bar: int) -> tuple[float, str] | None:
    """Level and reason of an exit inside the bar: stop, then target, then the end of data."""
    h = lane.history
    first, high, low = float(h.open[bar]), float(h.high[bar]), float(h.low[bar])
    worst, best = (low, high) if p.side > 0 else (high, low)
    entry_bar = p.entry_time == int(h.open_time_ms[bar])
    if p.side * (first - p.stop) < 0 and not entry_bar:
        return first, "SL_GAP"
    if p.side * (worst - p.stop) <= 0:
        return p.stop, "SL"
    if p.side * (best - p.target) >= 0:
        return p.target, "TP"
    if bar == lane.last:
        return float(h.close[bar]), "END"
    return None


def run(
    histories: Sequence[History],
    settings: Settings,
    start_ms: int | None = None,
    end_ms: int | None = None,
    signals: Mapping[str, Sides] | None = None,
    atr: Mapping[str, Floats] | None = None,
) -> Result:
    """Play bars with start_ms <= open time < end_ms; histories in the configured order.

    `signals` and `atr`, per symbol over the full history, replace the built-in rule. `warmup_bars`
    applies to them as well.
    """
    start = -(2**62) if start_ms is None else start_ms
    end = 2**62 if end_ms is None else end_ms
    lanes: list[Lane] = []
    for history in histories:
        if signals is not None and atr is not None:
            decisions, own_atr = signals[history.symbol], atr[history.symbol]
        else:
            decisions, own_atr = score_rule(history, settings)
            decisions = decisions if signals is None else signals[history.symbol]
            own_atr = own_atr if atr is None else atr[history.symbol]
        lanes.append(make_lane(history, decisions, own_atr, settings, start, end))
    account = Account(settings.balance)
    day, day_start = -(2**62), settings.balance

    for time in sorted(set().union(*(lane.index_of for lane in lanes))):
        if time // DAY_MS != day:
            day, day_start = time // DAY_MS, account.wallet
        bars = [(lane, lane.index_of[time]) for lane in lanes if time in lane.index_of]
        # the decision of the bar before; bar 0 has none
        wanted = [int(lane.side[bar - 1]) if bar > 0 else 0 for lane, bar in bars]

        for (lane, bar), side in zip(bars, wanted, strict=True):  # A1
            if lane.position is not None and side == -lane.position.side:
                price = float(lane.history.open[bar])
                close_position(account, lane, time, price, "REVERSE", settings)

        snapshot = account.wallet
        if loss_limit_hit(day_start, snapshot, settings):
            account.halted.add(day)

        for (lane, bar), side in zip(bars, wanted, strict=True):  # A2
            if side == 0 or lane.position is not None:  # a same-side signal is ignored
                continue
            reason = refusal(lanes, side, snapshot, day_start, settings)
            if reason is None:
                open_position(account, lane, bar, side, snapshot, len(lanes), settings)
            else:
                account.refusals[reason] += 1

        for lane, bar in bars:  # B
            p = lane.position
            if p is None:
                continue
            rate = funding_rate(lane, bar) if p.entry_time < time else None
            if rate is not None:
                payment = -p.side * p.quantity * float(lane.history.open[bar]) * rate
                p.funding += payment
                account.wallet += payment
            done = exit_inside_bar(lane, p, bar)
            if done is not None:
                close_position(account, lane, time, *done, settings)
        if loss_limit_hit(day_start, account.wallet, settings):
            account.halted.add(day)

    return Result(account.trades, account.wallet, dict(account.refusals), len(account.halted))
