"""Candles to do research on: stored ones, or a made-up market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from os import devnull
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cointrader.app.config import Config
from cointrader.app.config.settings import SETTINGS
from cointrader.app.paper.market import (
    PaperMarket,
    folder_market,
    synthetic_market,
    with_known_correlations,
)
from cointrader.domain.errors import UsageError
from cointrader.market.frame import COLUMN_NAMES
from cointrader.research.frames import frame

if TYPE_CHECKING:
    import polars as pl

Moment = str | datetime | int


@dataclass(frozen=True, slots=True)
class History:
    """Candles, and the settings that everything played on them begins with."""

    config: Config
    market: PaperMarket

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self.config.symbols)

    @property
    def is_made_up(self) -> bool:
        """Whether it says nothing about a real market."""
        return "seed" in self.market.origin

    def arrays(self, symbol: str) -> Mapping[str, NDArray[np.generic]]:
        """Candles as arrays of one length.

        ``open_time_ms`` is int64, epoch ms; ``open``, ``high``, ``low``, ``close`` (quote currency)
        and ``volume`` (base currency) are float64. They are shared: do not write to them.
        """
        rows = self.market.source.candles(symbol)
        named = dict(zip(COLUMN_NAMES, rows.columns.arrays(), strict=True))
        return {"open_time_ms": rows.open_time_ms, **named}

    def candles(self, symbol: str) -> pl.DataFrame:
        """The same as a frame, by ``open_time``."""
        return frame(self.arrays(symbol))

    def funding(self, symbol: str) -> pl.DataFrame:
        """Funding settlements: time, rate as a fraction, mark price (NaN where none is known)."""
        settled = self.market.source.settlements(symbol)
        return frame(
            {
                "time_ms": np.array([each.at_ms for each in settled], np.int64),
                "rate": np.array([each.rate for each in settled], np.float64),
                "mark_price": np.array(
                    [np.nan if each.mark_price is None else each.mark_price for each in settled],
                    np.float64,
                ),
            }
        )

    def with_settings(self, **settings: object) -> Config:
        """Its configuration with some settings changed, those of one symbol too."""
        return changed(self.config, settings)


def load(
    folder: Path | str | None = None,
    symbols: str | Sequence[str] | None = None,
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    seed: int = 1,
    planted_edge: float | None = None,
    config: Config | None = None,
    **settings: object,
) -> History:
    """Read stored candles; without a folder make a market up.

    Parameters
    ----------
    folder : of candles, one sub-folder per symbol, as `cointrader fetch` leaves it
    symbols : one, or several; the configured ones by default
    start, end : first bar to decide, and the end, excluded: ISO text, a datetime, or epoch ms.
        UTC where nothing else is said. Indicators warm up on what lies before
    seed, planted_edge : of a made-up market: which one, and what it pays the rule a trade, in R
    config : settings to begin with; the built-in ones by default, whatever the environment says
    settings : single ones by name, such as ``interval="1h"`` or ``atr_sl_mult_xrpusdt=2.0``

    Raises `ConfigError`, `UsageError`, `MissingCandles`, `DataError`.
    """
    given = dict(settings)
    if symbols is not None:
        given["symbols"] = symbols if isinstance(symbols, str) else ",".join(symbols)
    own = changed(config or Config(environ={}, folder=devnull), given)
    start_ms, end_ms = as_ms(start), as_ms(end)
    if folder is None:
        market = synthetic_market(own, seed, start_ms, end_ms, planted_edge)
    elif planted_edge is not None:
        raise UsageError(
            "an edge is planted into a made-up market only",
            where="planted_edge",
            todo="leave it out, or the folder",
        )
    else:
        market = folder_market(own, Path(folder), start_ms, end_ms)
    known, _ = with_known_correlations(own, market.source)
    return History(known, market)


def changed(config: Config, settings: Mapping[str, object]) -> Config:
    """A configuration with some settings changed; a name may end in ``_SYMBOL``."""
    named = {name.lower(): value for name, value in settings.items()}
    if named.keys() <= SETTINGS.keys():
        return config.replace(**named)
    told = {name.upper(): str(value) for name, value in named.items()}
    return Config.from_shown({**config.shown(), **told})


def as_ms(moment: Moment | None) -> int | None:
    """Epoch ms of a moment; one without a zone is UTC. `UsageError` where it is none."""
    if moment is None or isinstance(moment, int):
        return moment
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            raise UsageError(
                "not a date", found=moment, allowed="2025-03-05, 2025-03-05T15:00, a datetime"
            ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
