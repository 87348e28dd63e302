"""Signals of history as rows to learn from: features, label, weight, and when each was known."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cointrader.backtest.filtered import as_a_bot_has_it
from cointrader.backtest.market import Market
from cointrader.backtest.settings import BacktestSettings
from cointrader.domain.errors import ConfigError
from cointrader.market.frame import Floats, Frame
from cointrader.signals.features import FEATURES_VERSION, feature_names, features
from cointrader.signals.indicators import DEFAULT_PERIODS, Indicators, Periods
from cointrader.signals.rules import SignalRule
from cointrader.training import labels
from cointrader.training.coverage import FLOOR, Report, report_of
from cointrader.training.labels import LabelSettings
from cointrader.training.population import Chosen, Population, chosen

Longs = NDArray[np.int64]
Bytes = NDArray[np.int8]

OPEN_AT_END = "not known before the history ends"
NOT_TRADED = "the exchange refuses the entry, or its stop stands at the fill"
TOO_LATE = "not known before the end of the range"


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Rows in time order, of one symbol or of several; arrays have one value (or line) per row.

    Parameters
    ----------
    symbols : whose rows these are; `symbol_id` is a row's place among them
    rows : full feature rows, shape (n, n_features), NaN where missing; columns are `names`
    label : 1 or 0
    open_ms : open time of the signal's bar
    label_end_ms : close time of the bar at whose close the label was known
    weight : ``exp(decay * position in time)``
    net_r : of the signal's own trade, costs included, in units of its risk
    side : +1 long, -1 short, 0 a bar without a signal
    is_own : whether the configured strategy would act on it; all of them unless others were asked
        for
    hash : names all that this was made of, the same on every machine
    population : which bars became rows, in words
    dropped : signals without a label, by reason
    """

    symbols: tuple[str, ...]
    symbol_id: Longs
    rows: Floats
    names: tuple[str, ...]
    label: Bytes
    open_ms: Longs
    label_end_ms: Longs
    weight: Floats
    net_r: Floats
    side: Bytes
    is_own: NDArray[np.bool_]
    hash: str
    population: str
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.label)

    def take(self, wanted: NDArray[np.integer] | NDArray[np.bool_]) -> Dataset:
        """Some of the rows, with their weights as they are."""
        columns = {
            each.name: getattr(self, each.name)[wanted]
            for each in fields(self)
            if isinstance(getattr(self, each.name), np.ndarray)
        }
        return replace(self, **columns)

    def report(self, *, floor: float = FLOOR, floors: Mapping[str, float] | None = None) -> Report:
        """What people should know of it; see `coverage.report_of`."""
        return report_of(
            self.rows, self.names, self.label,
            floor=floor, floors=floors, population=self.population, dropped=self.dropped,
        )  # fmt: skip


def dataset(
    market: Market,
    symbol: str,
    rule: SignalRule,
    settings: BacktestSettings,
    *,
    periods: Periods = DEFAULT_PERIODS,
    label: LabelSettings | None = None,
    population: Population | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
) -> Dataset:
    """One row per signal of the population whose outcome is known.

    Parameters
    ----------
    market : with the correlation symbols' candles; features look at all of its history
    rule : the configured one
    settings : costs, exits and instruments of the trades that are labelled
    from_ms, to_ms : rows of bars that open from `from_ms`, included, whose label was known by
        `to_ms`; None: all

    Raises
    ------
    MissingCandles : the candles have a hole
    DataError : a signal has no usable exit distance
    """
    label, population = label or LabelSettings(), population or Population()
    frame = as_a_bot_has_it(market.frames[symbol])
    bars = chosen(population, rule, frame, periods)
    found = labels.engine(
        market, symbol, bars.signals, settings,
        closing=bars.strategy, max_label_bars=label.max_label_bars,
    )  # fmt: skip
    if label.kind == labels.BARRIER:
        found = _by_barrier(found, market, symbol, bars, settings, label)
    made = _with_holds(_rows_of(frame, found, bars, periods), frame, bars, periods)
    times = frame.open_time_ms
    is_known = made.label >= 0
    is_late = np.zeros(len(made), np.bool_)
    if to_ms is not None:
        is_late = is_known & (made.label_end_ms > to_ms)
    in_range = np.ones(len(made), np.bool_)
    if from_ms is not None:
        in_range &= made.open_ms >= from_ms
    if to_ms is not None:
        in_range &= made.open_ms < to_ms
    dropped = {
        OPEN_AT_END: int((in_range & (made.label == labels.UNKNOWN)).sum()),
        NOT_TRADED: int((in_range & (made.label == labels.NOT_TRADED)).sum()),
        TOO_LATE: int((in_range & is_late).sum()),
    }
    kept = made.take(in_range & is_known & ~is_late)
    told = (repr(label), repr(settings.exits[symbol]), repr(settings.slippage),
            repr(settings.limits.taker_fee), population.text)  # fmt: skip
    return replace(
        kept,
        symbols=(symbol,),
        weight=labels.weights(kept.open_ms, label.decay),
        hash=_hash_of(market, frame, symbol, kept, told) if len(times) else "",
        population=population.text,
        dropped=dropped,
    )


def pooled(datasets: Sequence[Dataset], *, decay: float = LabelSettings().decay) -> Dataset:
    """The rows of several symbols as one dataset, in time order; weights anew over all of it.

    Raises `ConfigError` where their columns differ, as those of a correlation symbol do.
    """
    first = datasets[0]
    for other in datasets[1:]:
        if other.names != first.names:
            raise ConfigError(
                "rows of these symbols cannot be learned from together: their columns differ",
                where=", ".join((*first.symbols, *other.symbols)),
                found=", ".join(sorted(set(first.names) ^ set(other.names))),
                todo="leave out symbols that are correlation symbols too",
            )
    reasons = dict.fromkeys(reason for each in datasets for reason in each.dropped)
    whole = replace(
        _one_after_the_other(datasets),
        symbols=tuple(symbol for each in datasets for symbol in each.symbols),
        hash=hashlib.sha256(" ".join(each.hash for each in datasets).encode()).hexdigest(),
        population="; ".join(dict.fromkeys(each.population for each in datasets)),
        dropped={
            reason: sum(each.dropped.get(reason, 0) for each in datasets) for reason in reasons
        },
    )
    whole = replace(whole, weight=labels.weights(whole.open_ms, decay))
    return whole.take(np.lexsort((whole.symbol_id, whole.open_ms)))


# ------------------------------------------------------------------ the rows of one symbol


def _rows_of(frame: Frame, found: labels.Labels, bars: Chosen, periods: Periods) -> Dataset:
    """All signals, labelled or not."""
    signals, times = bars.signals, frame.open_time_ms
    return Dataset(
        symbols=(frame.symbol,),
        symbol_id=np.zeros(len(signals), np.int64),
        rows=features(
            frame, Indicators(frame, periods), signals.side, bars.strength,
            rows=signals.rows, extra=bars.extra,
        ),
        names=feature_names(tuple(frame.correlated), tuple(bars.extra)),
        label=found.label,
        open_ms=times[signals.rows],
        label_end_ms=times[found.end] + frame.interval_ms,
        weight=np.ones(len(signals)),
        net_r=found.net_r,
        side=signals.side,
        is_own=bars.is_own,
        hash="",
        population="",
    )  # fmt: skip


def _by_barrier(
    found: labels.Labels,
    market: Market,
    symbol: str,
    bars: Chosen,
    settings: BacktestSettings,
    label: LabelSettings,
) -> labels.Labels:
    """The founding label of every signal whose own trade is known too, so that each has its R."""
    told, end = labels.barrier(market, symbol, bars.signals, settings, bars=label.barrier_bars)
    is_known = found.label >= 0
    return replace(
        found,
        label=np.where(is_known, told, found.label).astype(np.int8),
        end=np.where(is_known, end, found.end),
    )


def _with_holds(made: Dataset, frame: Frame, bars: Chosen, periods: Periods) -> Dataset:
    """And bars without a signal, as rows that lost nothing and won nothing."""
    count = len(bars.holds)
    if not count:
        return made
    nothing, opened = np.zeros(count), frame.open_time_ms[bars.holds]
    extra = {name: np.full(count, np.nan) for name in bars.extra}
    holds = replace(
        made,
        symbol_id=np.zeros(count, np.int64),
        rows=features(
            frame, Indicators(frame, periods), nothing, nothing, rows=bars.holds, extra=extra
        ),
        label=np.zeros(count, np.int8),
        open_ms=opened,
        label_end_ms=opened + frame.interval_ms,
        weight=np.ones(count),
        net_r=nothing,
        side=np.zeros(count, np.int8),
        is_own=np.zeros(count, np.bool_),
    )
    both = _one_after_the_other((made, holds))
    both = replace(both, symbol_id=np.zeros(len(both), np.int64))
    return both.take(np.argsort(both.open_ms, kind="stable"))


def _one_after_the_other(parts: Sequence[Dataset]) -> Dataset:
    """Rows of several datasets of the same columns; all but the arrays are those of the first."""
    offsets = np.cumsum([0, *(len(each.symbols) for each in parts)])
    ids = [each.symbol_id + offset for each, offset in zip(parts, offsets, strict=False)]
    return replace(
        parts[0],
        symbol_id=np.concatenate(ids).astype(np.int64),
        rows=np.concatenate([each.rows for each in parts]),
        label=np.concatenate([each.label for each in parts]),
        open_ms=np.concatenate([each.open_ms for each in parts]),
        label_end_ms=np.concatenate([each.label_end_ms for each in parts]),
        weight=np.concatenate([each.weight for each in parts]),
        net_r=np.concatenate([each.net_r for each in parts]),
        side=np.concatenate([each.side for each in parts]),
        is_own=np.concatenate([each.is_own for each in parts]),
    )


def _hash_of(market: Market, frame: Frame, symbol: str, kept: Dataset, told: Sequence[str]) -> str:
    """Of candles, context, settlements, settings and labels, but not of features: these may differ
    in their last bits from machine to machine."""
    digest = hashlib.sha256(repr((symbol, frame.interval_ms, FEATURES_VERSION, *told)).encode())
    arrays: list[NDArray[Any]] = [
        frame.open_time_ms, *frame.candles.arrays(), frame.funding_rate, frame.oi_change,
    ]  # fmt: skip
    for name, columns in frame.correlated.items():
        digest.update(name.encode())
        arrays += columns.arrays()
    arrays += market.settlements[symbol]
    arrays += [kept.open_ms, kept.label_end_ms, kept.label, kept.side]
    digest.update(" ".join(kept.names).encode())
    for array in arrays:
        digest.update(str(array.shape).encode())
        is_float = array.dtype == np.float64
        told_alike = np.where(np.isnan(array), np.nan, array) if is_float else array  # one NaN
        digest.update(np.ascontiguousarray(told_alike).tobytes())
    return digest.hexdigest()
