"""Stored candles at an interval that may not be stored itself: made of shorter ones then.

A file of the interval itself always counts. Else the longest shorter interval of which it is a
multiple is read, symbol by symbol. Candles are never made of longer ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cointrader.domain.clock import INTERVALS_MS, interval_ms
from cointrader.domain.errors import MissingCandles
from cointrader.market.combined import Stored, candle_path, read_combined, stored_symbols
from cointrader.market.frame import Frame
from cointrader.market.resample import resample_frame


@dataclass(frozen=True, slots=True, eq=False)
class AtInterval:
    """One symbol's candles at the interval asked for, and the file they come from."""

    frame: Frame
    stored: Stored
    stored_interval: str

    @property
    def is_made(self) -> bool:
        """Whether the bars were made of shorter ones."""
        return self.stored.frame.interval_ms != self.frame.interval_ms


def stored_interval(folder: Path, symbol: str, interval: str) -> str | None:
    """The interval of the file that `symbol` would be read from; None when there is none."""
    asked_ms = interval_ms(interval)
    usable = [
        (length, name)
        for name, length in INTERVALS_MS.items()
        if length <= asked_ms and asked_ms % length == 0
    ]
    for _, name in sorted(usable, reverse=True):
        if candle_path(folder, symbol, name).is_file():
            return name
    return None


def read_at(folder: Path, symbol: str, interval: str) -> AtInterval:
    """The candles of `symbol` in bars of `interval`.

    Raises
    ------
    MissingCandles : nothing of the symbol is stored that they could be made of
    DataError : a file that cannot be trusted
    """
    name = stored_interval(folder, symbol, interval)
    if name is None:
        raise _nothing_stored(folder, symbol, interval)
    stored = read_combined(folder, symbol, name)
    if name == interval:
        return AtInterval(stored.frame, stored, name)
    frame = resample_frame(stored.frame, interval_ms(interval))
    if len(frame) == 0:
        raise MissingCandles(
            f"too few candles for a whole bar of {interval}",
            where=str(stored.path),
            found=f"{len(stored.frame)} candles of {name}",
            todo="store more candles, or choose a shorter --interval",
        )
    return AtInterval(frame, stored, name)


def _nothing_stored(folder: Path, symbol: str, interval: str) -> MissingCandles:
    longer = [
        name
        for name, length in INTERVALS_MS.items()
        if length > interval_ms(interval) and candle_path(folder, symbol, name).is_file()
    ]
    if longer:
        return MissingCandles(
            f"candles of {interval} cannot be made of longer ones",
            where=str(folder / symbol.lower()),
            found=f"candles of {', '.join(longer)}",
            allowed=f"candles of {interval}, or of a shorter interval that fits into it",
            todo=f"store candles of {interval}, or name an interval that is there",
        )
    exist = ", ".join(stored_symbols(folder, interval))  # raises where no symbol has any
    return MissingCandles(
        f"no candles of {symbol.upper()} are stored",
        where=str(candle_path(folder, symbol, interval)),
        allowed=f"stored are {exist}",
        todo="choose among those stored, or store its candles there",
    )
