"""Which models judge signals in a process: where they are, and what is done without one.

By symbol one of four things: a model; none, and never one; one that may not be used; or no filter,
because ``NO_ML_FILTER`` says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from cointrader.app.config.config import Config, SymbolConfig
from cointrader.app.config.settings import SETTINGS
from cointrader.app.model_state import UNFILTERED, ModelState, no_filter
from cointrader.app.model_words import (
    BROKEN,
    FOLDER,
    NONE,
    OFF,
    SERVED,
    THRESHOLDS,
    pairs,
)
from cointrader.domain.clock import Clock
from cointrader.domain.ports import Journal
from cointrader.domain.records import Alert
from cointrader.model.artifact import Model
from cointrader.model.drift import FeatureDrift
from cointrader.model.manifest import Manifest
from cointrader.model.serving import Nothing
from cointrader.signals.configured import configured_rule, rule_identity
from cointrader.signals.rules import SignalRule
from cointrader.strategy.entry_filter import MLFilter, ModelNews, in_words


class Models:
    """The filters of a process, each made and loaded when it is first asked for.

    Parameters
    ----------
    folder : of all models; None: nothing judges signals
    is_paper : without a model every signal passes, and a forced model may serve
    rules : given in code, by symbol; instead of the configured ones
    begun : the source of the run that is gone on with, as `told` wrote it: a model that judged
        then and is gone now is missed, and its threshold stays
    """

    def __init__(
        self,
        config: Config,
        folder: Path | None,
        *,
        is_paper: bool,
        rules: Mapping[str, SignalRule] | None = None,
        begun: Mapping[str, str] | None = None,
    ) -> None:
        self._config = config
        self.folder = folder
        self._is_paper = is_paper
        self._rules = rules or {}
        self._served_before = pairs((begun or {}).get(SERVED, ""))
        self._thresholds_before = pairs((begun or {}).get(THRESHOLDS, ""))
        self._filters: dict[str, MLFilter | None] = {}
        self._news: list[ModelNews] = []
        self._told_to: tuple[Journal, Clock] | None = None

    def filter_of(self, symbol: str) -> MLFilter | None:
        """What judges signals of `symbol`; None: nothing does."""
        if symbol not in self._filters:
            self._filters[symbol] = self._made(symbol)
        return self._filters[symbol]

    def state_of(self, symbol: str) -> ModelState:
        """How the filter of `symbol` stands now. Loads its model."""
        entry_filter = self.filter_of(symbol)
        if entry_filter is None:
            return no_filter(symbol) if self.folder is None else no_filter(symbol, "NO_ML_FILTER")
        now = entry_filter.look(symbol)
        if isinstance(now, Model):
            passes = self._passes(symbol, now.manifest)
            own = self._config.for_symbol(symbol)
            return ModelState(
                symbol,
                now.manifest.identity,
                in_words(now.manifest, passes),
                differences=tuple(_differences(now.manifest, own)),
            )
        todo = now.why.todo or ""
        if now.is_missing and self._is_paper and not self._had_one(symbol):
            return ModelState(symbol, NONE, f"no model: {UNFILTERED}", todo)
        if now.is_missing:
            return ModelState(symbol, NONE, "no model: no entries", todo)
        return ModelState(symbol, BROKEN, f"no entries: {_in_one_line(now)}", todo)

    def states(self) -> list[ModelState]:
        """Of every configured symbol, in their order."""
        return [self.state_of(symbol) for symbol in self._config.symbols]

    def drift(self) -> dict[str, Mapping[str, FeatureDrift]]:
        """How the signals judged so far lie beside those of training, by symbol and feature."""
        filters = [each for each in self._filters.values() if each is not None]
        return {
            symbol: features
            for each in filters
            for symbol, features in each.drift().items()
            if features
        }

    def model_of(self, symbol: str) -> tuple[Model, float] | None:
        """The model that judges `symbol`, and from which probability on a signal passes.

        None where every signal passes. For histories: raises `ModelBroken` where a running bot
        would make no entry.
        """
        entry_filter = self.filter_of(symbol)
        now = None if entry_filter is None else entry_filter.look(symbol)
        if isinstance(now, Nothing):
            if not now.is_missing or not self._is_paper or self._had_one(symbol):
                raise now.why
            return None
        return None if now is None else (now, self._passes(symbol, now.manifest))

    def told(self) -> dict[str, str]:
        """What a run writes down of its models, as part of the source of `RunStarted`."""
        if self.folder is None:
            return {}
        thresholds = {symbol: self._threshold(symbol) for symbol in self._config.symbols}
        return {
            FOLDER: str(self.folder.resolve()),
            SERVED: " ".join(f"{state.symbol}={state.identity}" for state in self.states()),
            THRESHOLDS: " ".join(f"{s}={t!r}" for s, t in thresholds.items() if t is not None),
        }

    def tell_to(self, journal: Journal, clock: Clock) -> None:
        """Write down from now on what there is to know of models; and what was heard before."""
        self._told_to = journal, clock
        for news in self._news:
            self._hear(news)
        self._news.clear()

    # -- how

    def _made(self, symbol: str) -> MLFilter | None:
        own = self._config.for_symbol(symbol)
        if self.folder is None or own.no_ml_filter:
            return None
        return MLFilter(
            self.folder,
            self._threshold(symbol),
            interval=self._config.interval,
            correlation_symbols=self._config.correlation_symbols,
            rule=_names_of(self._rules.get(symbol), own),
            passes_without_model=self._is_paper and not self._had_one(symbol),
            is_paper=self._is_paper,
            on_news=self._hear,
        )

    def _hear(self, news: ModelNews) -> None:
        if self._told_to is None:
            self._news.append(news)
            return
        journal, clock = self._told_to
        journal.note(Alert(clock.now_ms(), news.level, news.symbol, news.text))

    def _had_one(self, symbol: str) -> bool:
        return self._served_before.get(symbol, NONE) not in (NONE, OFF)

    def _threshold(self, symbol: str) -> float | None:
        """The one that was set, for everybody or for this symbol; None: the model's own counts."""
        before = self._thresholds_before.get(symbol)
        if before is not None:
            return float(before)
        name = "ml_threshold"
        if self._config.given(name) or name in self._config.own_values(symbol):
            return self._config.for_symbol(symbol).ml_threshold
        return None

    def _passes(self, symbol: str, manifest: Manifest) -> float:
        own = self._threshold(symbol)
        return manifest.threshold if own is None else own


def _names_of(rule: SignalRule | None, own: SymbolConfig) -> tuple[str, ...]:
    """Every name by which a model may know the rule."""
    if rule is not None:
        return (rule.name,)
    return tuple(dict.fromkeys((configured_rule(own).name, own.signal, rule_identity(own))))


def _differences(manifest: Manifest, own: SymbolConfig) -> Iterator[str]:
    """Settings of the training, as far as they are settings, that are others now."""
    for name, then in manifest.strategy.items():
        setting = SETTINGS.get(name.lower())
        if setting is None or setting.secret or not isinstance(then, str | int | float):
            continue
        now = getattr(own, setting.name)
        if str(then) not in (str(now), setting.type.text(now)):
            yield f"{setting.env_name} {then}, now {setting.type.text(now)}"


def _in_one_line(nothing: Nothing) -> str:
    why = nothing.why
    details = ", ".join(str(part) for part in (why.where, why.found) if part is not None)
    return f"{why.what} ({details})" if details else why.what
