"""One symbol's training as the configuration asks for it: candles, signals, labels, folds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cointrader.app.backtest import market_of, settings_of
from cointrader.app.cluster import spread
from cointrader.app.config.config import Config, SymbolConfig
from cointrader.app.config.settings import TABLE
from cointrader.app.paper.market import folder_market, instruments_of, with_known_correlations
from cointrader.backtest.trial_ledger import TrialLedger
from cointrader.domain.errors import CointraderError, ConfigError, MissingCandles
from cointrader.signals.configured import configured_rule, rule_identity
from cointrader.training import candidate, splits
from cointrader.training.alpha import count_attempt
from cointrader.training.backend import Backend
from cointrader.training.dataset import Dataset, dataset, pooled
from cointrader.training.labels import ENGINE, LabelSettings
from cointrader.training.learned_from import decision_rows, material_of, population_of
from cointrader.training.params import ACTIVE_FILE, backend_of, read_params
from cointrader.training.population import require_enough
from cointrader.training.train import Material, Outcome, Plan, Progress, Subject, train
from cointrader.training.wider import NOTHING_ELSE, Wider

_OF_STRATEGY = ("signal", "indicators", "exits", "costs")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for. `params` None: those of the symbol's folder, if any."""

    data: Path
    models: Path
    range_ms: tuple[int | None, int | None]
    backend: str
    folds: int
    params: Path | None
    seed: int
    jobs: int = 1
    cluster: str | None = None
    again: bool = False
    ledger: Path | None = None
    wider: Wider = NOTHING_ELSE


def train_symbol(
    config: Config, symbol: str, asked: Asked, on_progress: Progress, pool: Dataset | None = None
) -> Outcome:
    """Train a candidate for `symbol`, and count it as an attempt before anybody looks at it.

    Parameters
    ----------
    pool : the rows of several symbols that are learned from together, see `pool_of`

    Raises
    ------
    MissingCandles : no candles, or too few signals to learn from
    ConfigError : impossible settings, or a library that is not installed
    DataError : candles that cannot be trusted
    """
    backend = _backend(symbol, asked)
    alone = config.replace(symbols=[symbol])
    material = symbol_material(config, symbol, asked, pool)
    parts = splits.expanding(material.sample, asked.folds, tested=material.is_tested)
    outcome = train(
        _subject(alone, symbol),
        material,
        [(part.train, part.test) for part in parts],
        Plan(backend, splits.EMBARGO_MS, asked.seed),
        candidate.folder_of(asked.models, symbol),
        again=asked.again,
        spread=partial(spread, jobs=asked.jobs, cluster=asked.cluster),
        on_progress=on_progress,
    )
    with TrialLedger(asked.ledger) as ledger:
        count_attempt(ledger, outcome.card, at_ms=time.time_ns() // 1_000_000, source="train")
    return outcome


def symbol_material(
    config: Config, symbol: str, asked: Asked, pool: Dataset | None = None
) -> Material:
    """What a model of `symbol` learns from. Raises as `train_symbol` does."""
    rows = rows_of(config, symbol, asked) if pool is None else pool
    require_enough(rows.label[decision_rows(rows, symbol)], symbol)
    rule = configured_rule(config.for_symbol(symbol))
    return material_of(rows, symbol, asked.wider, rule=rule)


def pool_of(
    config: Config, asked: Asked, on_symbol: Callable[[str], None]
) -> tuple[Dataset | None, dict[str, CointraderError]]:
    """The rows of all symbols as one dataset, and what is wrong with those that gave none.

    Parameters
    ----------
    on_symbol : hears whose candles are read next

    Raises
    ------
    ConfigError : impossible settings; or their features are not the same
    """
    found: list[Dataset] = []
    failed: dict[str, CointraderError] = {}
    for symbol in config.symbols:
        on_symbol(symbol)
        try:
            rows = rows_of(config, symbol, asked)
        except ConfigError:
            raise  # the same for every symbol
        except CointraderError as error:
            failed[symbol] = error
            continue
        found.append(rows)
    decay = config.for_symbol(config.symbols[0]).weight_decay
    return (pooled(found, decay=decay) if found else None), failed


def label_settings(own: SymbolConfig) -> LabelSettings:
    """How the configuration wants rows labelled and weighed."""
    return LabelSettings(own.label, own.max_label_bars, own.barrier_bars, own.weight_decay)


def rows_of(config: Config, symbol: str, asked: Asked) -> Dataset:
    """The labelled rows of `symbol`. Raises as `train_symbol` does."""
    config = config.replace(symbols=[symbol])
    own = config.for_symbol(symbol)
    rule = configured_rule(own)
    population = population_of(asked.wider, rule, symbol, asked.seed)
    stored = folder_market(config, asked.data, *asked.range_ms)
    _, unknown = with_known_correlations(config, stored.source)
    if unknown:
        raise MissingCandles(
            f"features of {symbol} compare with {', '.join(unknown)}, whose candles are not there",
            where=stored.source.label,
            todo=f"cointrader fetch --symbol {symbol} stores both; or --correlation-symbols off, "
            "in training and in trading",
        )
    market = market_of(config, stored.source)
    settings = settings_of(config, instruments_of(config, stored.source, [symbol]))
    from_ms, to_ms = asked.range_ms
    return dataset(
        market,
        symbol,
        rule,
        settings,
        periods=own.periods,
        label=label_settings(own),
        population=population,
        from_ms=from_ms,
        to_ms=to_ms,
    )


def _subject(config: Config, symbol: str) -> Subject:
    own = config.for_symbol(symbol)
    kind = label_settings(own)
    bars = kind.max_label_bars if kind.kind == ENGINE else kind.barrier_bars
    return Subject(
        symbol=symbol,
        interval=config.interval,
        rule=rule_identity(own),
        label=f"{kind.kind}, at most {bars} bars, weights exp({kind.decay:g})",
        strategy={
            setting.env_name: setting.type.text(getattr(own, setting.name))
            for setting in TABLE
            if setting.group in _OF_STRATEGY and setting.name != "signal"
        },
    )


def _backend(symbol: str, asked: Asked) -> Backend:
    path = asked.params
    if path is None and asked.backend == "lgbm":
        tuned = asked.models / symbol.lower() / ACTIVE_FILE
        path = tuned if tuned.is_file() else None
    if path is None:
        return backend_of(asked.backend)
    return backend_of(asked.backend, read_params(path), str(path))
