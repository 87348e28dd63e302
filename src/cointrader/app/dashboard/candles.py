"""Candles for charts. The journal holds none, so they come from where the run had them.

Of a paper run that is its market: made up again, or its folder. Of a run on an exchange it is the
process itself, as long as it runs, else history that was stored with `cointrader fetch`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cointrader.app.config import Config
from cointrader.dashboard import answers, views
from cointrader.domain.clock import interval_ms
from cointrader.domain.errors import CointraderError
from cointrader.domain.records import RunStarted

if TYPE_CHECKING:  # they know the signal rule, which a server that starts need not wait for
    from cointrader.app.paper.market import PaperSource
    from cointrader.market.source import CandleRows

DATA = Path("data")  # where `cointrader fetch` stores history
_NOT_STORED = (
    "this run's candles came from the exchange and none are stored here: "
    "`cointrader fetch --symbol {symbol}` stores history"
)

Asked = Callable[[str, Mapping[str, Any]], Mapping[str, Any] | None]  # a command's values, or None


@dataclass(frozen=True, slots=True)
class Candles:
    """Some candles, where they are from, and why there are none."""

    rows: list[answers.CandleRow]
    source: str = ""
    why_not: str = ""


class CandleShelf:
    """Candles of one journal's runs; a market is made again once and kept.

    Parameters
    ----------
    ask : a command for the running process
    data : a folder of stored history
    """

    def __init__(self, ask: Asked, data: Path = DATA) -> None:
        self._ask = ask
        self._data = data
        self._lock = threading.Lock()  # making a market takes long: one thread does it
        self._kept: tuple[object, PaperSource | None, str] | None = None
        self._ready: tuple[object, PaperSource | None, str] | None = None
        self._begun: object = None  # what was last prepared

    def between(self, run: RunStarted, symbol: str, from_ms: int, to_ms: int) -> Candles:
        """Candles that opened in a time, `to_ms` excluded. Makes the market if it must."""
        told = self._from_process(run, symbol, from_ms, to_ms)
        if told is not None:
            return told
        source, why_not = self._source(run)
        if source is None:
            return Candles([], why_not=why_not.replace("{symbol}", symbol))
        try:
            rows = source.candles(symbol)
        except (CointraderError, ModuleNotFoundError, OSError) as error:
            return Candles([], why_not=_in_one_line(error))
        found = _cut(rows, from_ms, to_ms)
        why_not = "" if len(found) else "no candles of this time are stored"
        return Candles(_rows(found), source.label, why_not)

    def close(self, run: RunStarted, symbol: str, at_ms: int) -> views.Mark | None:
        """The close of the last candle that had closed then. Nobody waits for it: None until the
        market has been made, which a first question begins."""
        if not _is_remade(run):
            return None
        kept = self._ready
        if kept is None or kept[0] != _key(run):
            self._prepare_beside(run)
            return None
        if kept[1] is None:
            return None
        try:
            rows = kept[1].candles(symbol)
        except (CointraderError, ModuleNotFoundError, OSError):
            return None
        bar_ms = interval_ms(run.interval)
        place = int(np.searchsorted(rows.open_time_ms, at_ms - bar_ms, side="right")) - 1
        if place < 0:
            return None
        return views.Mark(rows.columns.close.item(place), rows.open_time_ms.item(place) + bar_ms)

    def prepare(self, run: RunStarted) -> None:
        """Make the market of a paper run, so that prices are at hand."""
        self._source(run)

    def _prepare_beside(self, run: RunStarted) -> None:
        """The same in a thread, once for a run: one that began after the server did."""
        if self._begun != _key(run):
            self._begun = _key(run)
            threading.Thread(target=self.prepare, args=(run,), name="market", daemon=True).start()

    def _from_process(
        self, run: RunStarted, symbol: str, from_ms: int, to_ms: int
    ) -> Candles | None:
        if _is_remade(run):
            return None
        span = {"symbols": [symbol], "from_ms": from_ms, "to_ms": to_ms}
        told = self._ask("candles", span)
        found = [
            answers.CandleRow(open_ms=int(o), open=a, high=h, low=b, close=c, volume=v)
            for o, a, h, b, c, v in (told or {}).get("candles") or []
        ]
        return Candles(found, "the running process") if found else None

    def _source(self, run: RunStarted) -> tuple[PaperSource | None, str]:
        key = _key(run)
        with self._lock:
            if not _is_remade(run):  # history may have been fetched meanwhile
                self._kept = None
            if self._kept is None or self._kept[0] != key:
                try:
                    self._kept = (key, *self._made(run))
                except (CointraderError, ModuleNotFoundError, OSError) as error:
                    self._kept = (key, None, _in_one_line(error))
                self._ready = self._kept
            return self._kept[1], self._kept[2]

    def _made(self, run: RunStarted) -> tuple[PaperSource | None, str]:
        from cointrader.app.paper.market import market_again
        from cointrader.market.source import FolderSource

        if _is_remade(run):
            return market_again(Config.from_shown(run.settings), run.source).source, ""
        try:
            return FolderSource(self._data, run.symbols, run.interval, ()), ""
        except CointraderError:
            return None, _NOT_STORED


def _is_remade(run: RunStarted) -> bool:
    return "seed" in run.source or "folder" in run.source


def _key(run: RunStarted) -> object:
    return (run.at_ms, run.market, tuple(sorted(run.source.items())))


def _cut(rows: CandleRows, from_ms: int, to_ms: int) -> CandleRows:
    first, end = np.searchsorted(rows.open_time_ms, [from_ms, to_ms])
    return rows[int(first) : int(end)]


def _rows(candles: CandleRows) -> list[answers.CandleRow]:
    return [
        answers.CandleRow(
            open_ms=candle.open_time_ms,
            open=candle.open,
            high=candle.high,
            low=candle.low,
            close=candle.close,
            volume=candle.volume,
        )
        for candle in candles
    ]


def _in_one_line(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"stored candles need {error.name}: pip install 'cointrader[research]'"
    return error.what if isinstance(error, CointraderError) else str(error)
