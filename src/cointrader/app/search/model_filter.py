"""A model that is there already, in a search: what it says of the signals of every cell.

Signals are scored before anything is played, once for each set of settings that makes other
signals; and a row of features that was scored for one cell is not scored again for another. Cells
that differ in exits, size, costs or the threshold share all of it. What plays the cells is given
probabilities, and knows no model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cointrader.app.backtest import judged_rules
from cointrader.app.config import Config
from cointrader.app.model_state import ModelState
from cointrader.app.models import Models
from cointrader.app.search.cell import (
    Cell,
    Judged,
    JudgedParts,
    Part,
    configured,
    parted,
    setting_named,
)
from cointrader.app.verdict.trial import with_rules
from cointrader.backtest.columns import Floats
from cointrader.backtest.filtered import feature_rows
from cointrader.backtest.market import Market
from cointrader.backtest.signals import signals_of
from cointrader.model.artifact import Model
from cointrader.signals.configured import configured_rule
from cointrader.signals.rules import SignalRule

_CHOOSING = ("signal", "ml_threshold")  # settings: a model is of one rule


@dataclass(frozen=True, slots=True, eq=False)
class _Chosen:
    """The models of some cells: with their thresholds, and as parts of what is a strategy."""

    models: Mapping[str, tuple[Model, float]]  # by symbol; without one every signal passes
    rules: Mapping[str, SignalRule]


class ModelFilter:
    """The models of a folder, as `backtest --model` has them.

    Raises `ModelBroken` where a running bot would make no entry, because a model may not be used.
    """

    def __init__(self, base: Config, folder: Path) -> None:
        self.asked = 0  # rows that models were asked about
        self._base = base
        self._folder = folder
        self._chosen: dict[Part, _Chosen] = {}
        self._loaded: dict[str, Model] = {}  # by SHA-256: sessions are large
        self._known: dict[tuple[str, str], dict[bytes, float]] = {}  # by symbol and model
        self._scored: dict[tuple[str, str, Part], Floats] = {}

    def models(self, cell: Cell | None = None) -> Models:
        """Of the configuration that is searched from, or of one cell's."""
        return Models(configured(self._base, cell or {}), self._folder, is_paper=True)

    def states(self) -> list[ModelState]:
        """How the filter of each symbol stands."""
        return self.models().states()

    def identity(self, cell: Cell, alone: str) -> str:
        """Of a cell's configuration with its models, by that of the configuration `alone`."""
        return with_rules(alone, self._of(cell).rules)

    def judged(self, cells: Iterable[Cell], market: Market) -> JudgedParts:
        """What the models say of the signals of each set of signal settings."""
        found: dict[Part, Mapping[str, Judged]] = {}
        for cell in cells:
            part = parted(cell)[0]
            if part not in found:
                found[part] = {
                    symbol: Judged(self._probability(symbol, part, model, market), threshold)
                    for symbol, (model, threshold) in self._of(cell).models.items()
                }
        return found

    def _of(self, cell: Cell) -> _Chosen:
        part = tuple(item for item in sorted(cell.items()) if self._named(item[0]) in _CHOOSING)
        if part not in self._chosen:
            config = configured(self._base, dict(part))
            models = self.models(dict(part))
            judges: dict[str, tuple[Model, float]] = {}
            for symbol in config.symbols:
                judge = models.model_of(symbol)
                if judge is not None:
                    model, threshold = judge
                    loaded = self._loaded.setdefault(model.manifest.sha256, model)
                    judges[symbol] = loaded, threshold
            self._chosen[part] = _Chosen(judges, judged_rules(config, {}, models))
        return self._chosen[part]

    def _named(self, name: str) -> str:
        return setting_named(self._base, name)[0].name

    def _probability(self, symbol: str, part: Part, model: Model, market: Market) -> Floats:
        """Of every signal of one symbol under some signal settings."""
        making = tuple(item for item in part if self._named(item[0]) != "ml_threshold")
        key = symbol, model.manifest.sha256, making
        if key not in self._scored:
            own = configured(self._base, dict(making)).for_symbol(symbol)
            rule, frame = configured_rule(own), market.frames[symbol]
            signals = signals_of(rule, frame, own.periods)
            rows = np.empty((0, 0))
            if len(signals):
                rows = feature_rows(signals, rule, frame, model, own.periods)
            self._scored[key] = self._scores(symbol, model, rows)
        return self._scored[key]

    def _scores(self, symbol: str, model: Model, rows: Floats) -> Floats:
        """Probabilities of rows, asked of the model for those alone that it has not seen yet."""
        known = self._known.setdefault((symbol, model.manifest.sha256), {})
        names = [row.tobytes() for row in rows]
        new = {name: place for place, name in enumerate(names) if name not in known}
        if new:
            self.asked += len(new)
            found = model.scores(rows[list(new.values())])
            known.update(zip(new, found.tolist(), strict=True))
        return np.array([known[name] for name in names])
