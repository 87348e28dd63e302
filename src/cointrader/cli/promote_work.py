"""One symbol's candidate at the gate: its trades, its verdict, and whether it is published."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cointrader.app.backtest import market_of, settings_of
from cointrader.app.config.config import Config, SymbolConfig
from cointrader.app.config.settings import SETTINGS
from cointrader.app.paper.market import folder_market, instruments_of, with_known_correlations
from cointrader.app.verdict.trial import own_trades_config
from cointrader.backtest.filtered import as_a_bot_has_it
from cointrader.backtest.signals import signals_of
from cointrader.backtest.trial_ledger import TrialLedger
from cointrader.domain.errors import ConfigError, DataError, UsageError
from cointrader.model.artifact import Model, Wanted, publish, read_active, read_files
from cointrader.model.errors import ModelBroken, ModelMissing
from cointrader.model.folder import content
from cointrader.model.manifest import BACKENDS, Manifest
from cointrader.signals.configured import configured_rule, rule_identity
from cointrader.training import candidate
from cointrader.training.alpha import count_attempt
from cointrader.training.candidate import Tested
from cointrader.training.card import Card, read_cards
from cointrader.training.gate import GateVerdict, judge
from cointrader.training.gate_card import copy_card, write_verdict
from cointrader.training.gate_criteria import GateCriteria
from cointrader.training.gate_play import Judged, OnMarket, on_market

_MOST_ONNX = 64 << 20
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for. `backend` None: the one that has a candidate."""

    data: Path
    models: Path
    backend: str | None
    criteria: GateCriteria
    ledger: Path | None = None
    force_paper: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A trained model that nobody has let trade, whole and of one piece."""

    folder: Path
    model: Model
    card: Card
    tested: Tested

    @property
    def manifest(self) -> Manifest:
        return self.model.manifest


@dataclass(frozen=True, slots=True, eq=False)
class Promotion:
    """What became of a candidate. `active` is the model that is published now, if any is."""

    verdict: GateVerdict
    manifest: Manifest
    folder: Path
    is_published: bool
    active: str

    @property
    def is_forced(self) -> bool:
        return self.is_published and not self.verdict.passed


def promote_symbol(
    config: Config, symbol: str, asked: Asked, on_progress: Progress = lambda _done, _all: None
) -> Promotion:
    """Judge the candidate of `symbol`, and publish it if it passes, or is forced for paper.

    The verdict is on its card either way; an old model stays as it is unless the new one replaces
    it.

    Raises
    ------
    UsageError : there is no candidate, or two; or forcing would end live trading
    ConfigError : it was trained for another strategy than the configured one
    DataError : its files do not belong together, or not to these candles
    MissingCandles : there are no candles
    """
    alone = config.replace(symbols=[symbol])
    found = candidate_of(alone, symbol, asked)
    published_in = asked.models / symbol.lower()
    if asked.force_paper:
        _refuse_to_end_live(published_in, symbol, found.manifest)
    judged, play = _played(alone, symbol, asked, found)
    now_ms = time.time_ns() // 1_000_000
    with TrialLedger(asked.ledger) as ledger:  # before any result is looked at
        attempt = count_attempt(ledger, found.card, at_ms=now_ms)
    verdict = judge(judged, play, found.card, attempt, asked.criteria, on_progress)
    is_published = verdict.passed or asked.force_paper
    told = {**verdict.as_plain(), "judged_ms": now_ms}
    if not verdict.passed:
        told["forced_for_paper"] = asked.force_paper
    write_verdict(found.folder, found.card.backend, told)
    manifest = replace(found.manifest, gate=told)
    if is_published:
        onnx = content(found.folder, f"{manifest.backend}_filter.onnx", most_bytes=_MOST_ONNX)
        copy_card(found.folder, published_in, manifest.backend)
        publish(published_in, onnx, manifest)
    return Promotion(verdict, manifest, published_in, is_published, _active(published_in, symbol))


def candidate_of(config: Config, symbol: str, asked: Asked) -> Candidate:
    """The candidate of a symbol, if it is whole and was trained for this configuration."""
    folder = candidate.folder_of(asked.models, symbol)
    cards = read_cards(folder)
    backend = _backend(symbol, folder, asked.backend, cards)
    card = cards[backend]
    _require_same_strategy(card, config, symbol)
    try:
        model = read_files(folder, backend, Wanted(symbol, config.interval))
    except (ModelMissing, ModelBroken) as error:
        raise _not_whole(folder, error.what) from None
    tested = candidate.read_tested(folder, backend)
    if model.manifest.sha256 != card.final.sha256:
        raise _not_whole(folder, "the model is not the one on the card")
    if len(tested.open_ms) != card.ranking.rows:
        raise _not_whole(folder, "its out-of-fold rows are not those of the card")
    return Candidate(folder, model, card, tested)


def _backend(symbol: str, folder: Path, wanted: str | None, cards: Mapping[str, Card]) -> str:
    known = [name for name in BACKENDS if name in cards]
    if wanted is None and len(known) == 1:
        return known[0]
    if wanted in known:
        return wanted
    if wanted is None and known:
        raise UsageError(
            f"{symbol} has more than one candidate",
            where=str(folder),
            found=", ".join(known),
            todo="choose one with --backend: the one promoted last is the one that trades",
        )
    raise UsageError(
        f"there is no candidate of {symbol}",
        where=str(folder),
        found=", ".join(known) or None,
        todo=f"cointrader train --symbol {symbol}" + (f" --backend {wanted}" if wanted else ""),
    )


def _require_same_strategy(card: Card, config: Config, symbol: str) -> None:
    """The trades that are judged are those it was trained for."""
    different = list(_differences(card, config, config.for_symbol(symbol)))
    if card.symbol != symbol:
        different = [f"SYMBOL {card.symbol}, now {symbol}"]
    if different:
        raise ConfigError(
            f"the candidate of {symbol} was trained for another strategy",
            where=", ".join(text.partition(" ")[0] for text in different),
            found="; ".join(different),
            todo="give the settings it was trained with, or train again",
        )


def _differences(card: Card, config: Config, own: SymbolConfig) -> Iterator[str]:
    if card.interval != config.interval:
        yield f"INTERVAL {card.interval}, now {config.interval}"
    if card.rule not in (rule := rule_identity(own), configured_rule(own).name):
        yield f"SIGNAL {card.rule}, now {rule}"
    for name, then in card.strategy.items():
        setting = SETTINGS.get(name.lower())
        if setting is not None:
            now = setting.type.text(getattr(own, setting.name))
            if then != now:
                yield f"{name} {then}, now {now}"


def _played(config: Config, symbol: str, asked: Asked, found: Candidate) -> tuple[Judged, OnMarket]:
    """Its signals out of fold, and the kernel that plays them with a fixed size."""
    stored = folder_market(config, asked.data, None, None)
    config, _ = with_known_correlations(config, stored.source)
    market, own = market_of(config, stored.source), config.for_symbol(symbol)
    signals = signals_of(configured_rule(own), as_a_bot_has_it(market.frames[symbol]), own.periods)
    instruments = instruments_of(config, stored.source, [symbol])
    settings = settings_of(own_trades_config(config), instruments)
    return on_market(found.tested, market, symbol, signals, settings)


def _refuse_to_end_live(folder: Path, symbol: str, manifest: Manifest) -> None:
    """A forced model in the place of one that passed would leave live trading without one."""
    try:
        active = read_active(folder, Wanted(symbol)).manifest
    except (ModelMissing, ModelBroken):
        return
    if active.is_passed and active.sha256 != manifest.sha256:
        raise UsageError(
            f"the model of {symbol} that trades now has passed; a forced one would end its entries",
            where=str(folder),
            found=active.identity,
            todo="leave --force-paper out; or copy the candidate to another folder, and give that "
            "with --models here and to cointrader paper",
        )


def _active(folder: Path, symbol: str) -> str:
    """The published model in a few words; "" where there is none."""
    try:
        manifest = read_active(folder, Wanted(symbol)).manifest
    except ModelMissing:
        return ""
    except ModelBroken:
        return "one that cannot be used"
    return f"{manifest.identity}, gate {manifest.gate.get('verdict')}"


def _not_whole(folder: Path, why: str) -> DataError:
    return DataError(
        "the files of this candidate do not belong together",
        where=str(folder),
        found=why,
        todo="train again: cointrader train --again",
    )
