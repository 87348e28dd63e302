"""The market that a paper run plays: made up or from a folder, and made again for a resumed run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from zlib import crc32

import numpy as np

from cointrader.app.config import Config
from cointrader.domain.clock import DAY_MS, interval_ms
from cointrader.domain.errors import DataError, UsageError
from cointrader.domain.instrument import Instrument
from cointrader.domain.ports import CandleSource
from cointrader.exchange.simulated.instruments import plausible_instrument, unconstrained
from cointrader.market.context import Recorded
from cointrader.market.quality import Severity, utc
from cointrader.market.source import CandleRows, FolderSource
from cointrader.signals.configured import rule_identity
from cointrader.signals.rules import WARM_UP_BARS

SYNTHETIC_START_MS = 1_767_225_600_000  # 2026-01-01
SYNTHETIC_DAYS = 14
_RECENT = 500  # candles whose prices tell the grid of a symbol without known filters
MOST_BARS = 500_000  # of a synthetic market: fourteen years of 15 minutes


class PaperSource(CandleSource, Protocol):
    """What every paper market can do beyond the port: tell its candles as columns."""

    def candles(self, symbol: str) -> CandleRows: ...


@dataclass(frozen=True, slots=True)
class PaperMarket:
    """Candles to play, and how to come by the same again.

    `start_ms` is the first bar to decide, `end_ms` the first that is not; None: all there are.
    """

    source: PaperSource
    start_ms: int | None
    end_ms: int | None
    origin: Mapping[str, str]  # plain text, for the journal
    doubts: int = 0  # findings about the candles that are suspect and refused nothing


def folder_market(
    config: Config, folder: Path, start_ms: int | None, end_ms: int | None
) -> PaperMarket:
    """Stored candles of the configured symbols."""
    source = FolderSource(
        folder,
        config.symbols,
        interval=config.interval,
        correlation_symbols=config.correlation_symbols,
    )
    origin = {
        "folder": str(folder.resolve()),
        "from_ms": _text(start_ms),
        "to_ms": _text(end_ms),
        "candles": _fingerprint(source, config),
        "rules": _rules(config),
    }
    findings = [f for symbol in config.symbols for f in source.findings(symbol)]
    doubts = sum(finding.severity is Severity.SUSPECT for finding in findings)
    return PaperMarket(source, start_ms, end_ms, origin, doubts)


def synthetic_market(
    config: Config,
    seed: int,
    start_ms: int | None,
    end_ms: int | None,
    edge_r: float | None = None,
) -> PaperMarket:
    """Made-up candles, `SYNTHETIC_DAYS` of them unless told otherwise; warm-up comes on top.

    With `edge_r` the configured rule earns that much on average, in units of its risk.
    """
    # Here and not above: candles are mostly read, not made.
    from cointrader.app.paper.edge import planted_edge
    from cointrader.market.synthetic import SyntheticSource

    if seed < 0:
        raise UsageError("a seed is not negative", where="--seed", found=seed, allowed="0 or more")
    bar_ms = interval_ms(config.interval)
    first_ms = (SYNTHETIC_START_MS if start_ms is None else start_ms) // bar_ms * bar_ms
    last_ms = first_ms + SYNTHETIC_DAYS * DAY_MS if end_ms is None else end_ms
    if last_ms <= first_ms:
        raise UsageError(
            "the synthetic market begins later",
            where="--to",
            found=utc(last_ms),
            allowed=f"after {utc(first_ms)}, or an earlier --from",
        )
    bars = -(-(last_ms - first_ms) // bar_ms)
    if bars > MOST_BARS:
        raise UsageError(
            "so long a market is not made up",
            where="--to",
            found=f"{bars:,} bars, {utc(first_ms)} to {utc(last_ms)}",
            allowed=f"up to {MOST_BARS:,} bars, to {utc(first_ms + MOST_BARS * bar_ms)}",
            todo="choose an earlier --to, a later --from, or a longer --interval",
        )
    warm_up_bars = WARM_UP_BARS + 1
    source = SyntheticSource(
        config.symbols,
        seed=seed,
        start_ms=first_ms - warm_up_bars * bar_ms,
        bars=bars + warm_up_bars,
        interval_ms=bar_ms,
        correlation_symbols=config.correlation_symbols,
        edge=None if edge_r is None else planted_edge(config, edge_r),
    )
    origin = {
        "seed": str(seed),
        "from_ms": str(first_ms),
        "to_ms": str(last_ms),
        "candles": _fingerprint(source, config),
        "rules": _rules(config),
    }
    if edge_r is not None:
        origin["edge_r"] = repr(edge_r)
    return PaperMarket(source, first_ms, last_ms, origin)


def with_known_correlations(config: Config, source: CandleSource) -> tuple[Config, list[str]]:
    """The configuration without the correlation symbols that `source` lacks; and those."""
    known = [s for s in config.correlation_symbols if s in source.symbols()]
    unknown = [s for s in config.correlation_symbols if s not in known]
    return (config.replace(correlation_symbols=known) if unknown else config), unknown


def instruments_of(
    config: Config, source: CandleSource, symbols: Sequence[str]
) -> dict[str, Instrument]:
    """What a simulated exchange allows for each symbol: usual filters, or none (founding)."""
    if not config.use_filters:
        return {symbol: unconstrained(symbol) for symbol in symbols}
    recent = {symbol: source.candles(symbol)[-_RECENT:] for symbol in symbols}
    return {
        symbol: plausible_instrument(symbol, (candle.close for candle in candles))
        for symbol, candles in recent.items()
    }


def market_again(config: Config, origin: Mapping[str, str]) -> PaperMarket:
    """The market that a journal tells of. `DataError` when its candles are others by now."""
    market = _made_again(config, origin)
    if market.origin["candles"] != origin["candles"]:
        raise DataError(
            "the candles have changed since the run began",
            where=market.source.label,
            found=f"fingerprint {market.origin['candles']}",
            allowed=origin["candles"],
            todo="put the old files back, or the version that began the run; or start a new run",
        )
    then, now = origin.get("rules"), market.origin["rules"]
    if then is not None and then != now:
        raise DataError(
            "a signal rule has changed since the run began",
            where=", ".join(dict.fromkeys(config.for_symbol(s).signal for s in config.symbols)),
            found=now,
            allowed=then,
            todo="put the old file back, or start a new run",
        )
    return market


def _made_again(config: Config, origin: Mapping[str, str]) -> PaperMarket:
    start_ms, end_ms = _number(origin["from_ms"]), _number(origin["to_ms"])
    if "seed" in origin:
        edge_r = float(origin["edge_r"]) if "edge_r" in origin else None
        return synthetic_market(config, int(origin["seed"]), start_ms, end_ms, edge_r)
    return folder_market(config, Path(origin["folder"]), start_ms, end_ms)


def _rules(config: Config) -> str:
    """What the signal rule of each symbol is, by the hash of its file."""
    named = ((symbol, rule_identity(config.for_symbol(symbol))) for symbol in config.symbols)
    return " ".join(f"{symbol}={identity}" for symbol, identity in named)


def _fingerprint(source: PaperSource, config: Config) -> str:
    """Tells two sets of candles, settlements and open interest apart."""
    value = 0
    for symbol in dict.fromkeys([*config.symbols, *config.correlation_symbols]):
        rows = source.candles(symbol)
        rates = np.array([(s.at_ms, s.rate) for s in source.settlements(symbol)], dtype=np.float64)
        context = Recorded(source, symbol).columns(rows.open_time_ms)
        for column in (rows.open_time_ms, *rows.columns.arrays(), rates, *context):
            value = crc32(np.ascontiguousarray(column).tobytes(), value)
    return f"{value:08x}"


def _text(at_ms: int | None) -> str:
    return "" if at_ms is None else str(at_ms)


def _number(text: str) -> int | None:
    return int(text) if text else None
