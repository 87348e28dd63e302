"""Paper trading on the market as it happens: what such a run is, new or gone on with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from cointrader.app.config import Config
from cointrader.app.model_words import begun_with
from cointrader.app.paper.run import PaperPlan
from cointrader.domain.candle import Candle
from cointrader.domain.clock import interval_ms
from cointrader.domain.ports import Settlement
from cointrader.domain.records import RunStarted
from cointrader.journal.reader import JournalReader
from cointrader.journal.schema import has_begun

LIVE = "live"
_MARKET, _URL = "market", "url"  # in a run's origin


@dataclass(frozen=True, slots=True)
class UnwrittenSource:
    """A `CandleSource` whose candles are still to happen."""

    label: str
    interval_ms: int

    def symbols(self) -> Sequence[str]:
        return ()

    def candles(self, symbol: str) -> Sequence[Candle]:
        del symbol
        return ()

    def open_times(self, symbol: str) -> Sequence[int]:
        del symbol
        return ()

    def settlements(self, symbol: str) -> Sequence[Settlement]:
        del symbol
        return ()

    def open_interest(self, symbol: str) -> Sequence[tuple[int, float]]:
        del symbol
        return ()


def live_market_plan(
    config: Config,
    *,
    balance: Decimal,
    journal_path: Path,
    url: str | None = None,
    models: Path | None = None,
) -> PaperPlan:
    """A new run. `url` is of another server that speaks Binance's protocol."""
    return PaperPlan(
        config=config,
        source=_source(config, url or ""),
        journal_path=journal_path,
        balance=balance,
        origin={_MARKET: LIVE, _URL: url or ""},
        models=models,
    )


def resumed_live_market_plan(journal_path: Path) -> PaperPlan | None:
    """The run in a journal, to go on with; None where it is not one of the live market."""
    if not has_begun(journal_path):
        return None
    with JournalReader(journal_path) as reader:
        run, left = reader.last_run(), reader.exchange_state()
    if run is None or left is None or not _is_of_live_market(run):
        return None
    config = Config.from_shown(run.settings)
    return PaperPlan(
        config=config,
        source=_source(config, run.source[_URL]),
        journal_path=journal_path,
        balance=run.base_balance,
        origin=run.source,
        resumed=left.state,
        models=begun_with(run.source),
    )


def is_live_market(plan: PaperPlan) -> bool:
    """Whether the plan trades on the market as it happens."""
    return plan.origin.get(_MARKET) == LIVE


def market_url(plan: PaperPlan) -> str:
    """Of the server that is taken for Binance; "" where it is Binance itself."""
    return plan.origin[_URL]


def _is_of_live_market(run: RunStarted) -> bool:
    return run.mode == "paper" and run.source.get(_MARKET) == LIVE


def _source(config: Config, url: str) -> UnwrittenSource:
    label = f"the market at {url}" if url else "Binance's market as it happens"
    return UnwrittenSource(label, interval_ms(config.interval))
