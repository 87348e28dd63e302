"""The trained model as an entry filter: it judges signals, and never lets one pass by mistake.

What can happen at a signal, and what is answered:

- a model: its probability against the threshold; refused entries are ``filter``;
- a model that may not be used, or cannot answer this row: ``no-model``, and one critical alert;
- no model, and never was one: ``no-model``, or, where that is allowed (on paper), it passes.

Files that change are seen at the next signal, between two bars (`model.serving`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cointrader.domain.errors import CointraderError
from cointrader.model.artifact import Model, Wanted, require_features
from cointrader.model.drift import DriftCounter, FeatureDrift
from cointrader.model.errors import ModelBroken
from cointrader.model.folder import MODELS
from cointrader.model.manifest import Manifest
from cointrader.model.serving import Change, Nothing, Serving
from cointrader.model.session import is_probability
from cointrader.signals.features import feature_names
from cointrader.strategy.decide import FilterAnswer, MarketView

FILTER, NO_MODEL = "filter", "no-model"
USUAL_CORRELATIONS = ("BTCUSDT", "ETHUSDT")
_UNFILTERED = FilterAnswer(passed=True)


@dataclass(frozen=True, slots=True)
class ModelNews:
    """Something about a model that a person should know. `level` as of an alert."""

    symbol: str
    level: str
    text: str


class MLFilter:
    """An `EntryFilter` by the models in a folder. One may serve several bots.

    Parameters
    ----------
    model_dir : holds one folder for each symbol; where there is none, the model in it counts,
        if it was made for that symbol
    threshold : probability from which on a signal passes, itself included; None: the model's own
    interval : of the bars that are judged; None: the model's word is taken
    correlation_symbols : of the bots; they name the features
    rule : names of the signal rule in use; None: the model's word is taken
    passes_without_model : let everything pass where there never was a model: on paper
    is_paper : a model that the gate did not pass may serve if a person forced it for paper
    on_news : hears of models that come, go and break
    """

    def __init__(
        self,
        model_dir: Path | str = MODELS,
        threshold: float | None = None,
        *,
        interval: str | None = None,
        correlation_symbols: Sequence[str] = USUAL_CORRELATIONS,
        rule: Sequence[str] | None = None,
        passes_without_model: bool = False,
        is_paper: bool = False,
        on_news: Callable[[ModelNews], None] = lambda _news: None,
    ) -> None:
        if threshold is not None and not is_probability(threshold):
            raise ValueError(f"a threshold is from 0 to 1, and not {threshold}")
        self.model_dir = Path(model_dir)
        self.threshold = threshold
        self._interval = interval
        self._correlation_symbols = tuple(correlation_symbols)
        self._rule = None if rule is None else tuple(rule)
        self._passes_without_model = passes_without_model
        self._is_paper = is_paper
        self._on_news = on_news
        self._judges: dict[str, _Judge] = {}

    def judge(self, view: MarketView) -> FilterAnswer:
        """Whether this signal may become an entry. Never raises for what is wrong with a model."""
        return self._judge_of(view.symbol).judge(view)

    def look(self, symbol: str) -> Model | Nothing:
        """What would judge a signal of `symbol` now. Loads it, which a first signal need not."""
        return self._judge_of(symbol).serving.look()

    def drift(self) -> dict[str, Mapping[str, FeatureDrift]]:
        """How the rows judged by the present models lie beside those they were trained on.

        By symbol and feature; empty for a symbol without a model.
        """
        counters = {symbol: judge.drift for symbol, judge in self._judges.items()}
        return {s: {} if own is None else own.counted() for s, own in counters.items()}

    def _judge_of(self, symbol: str) -> _Judge:
        judge = self._judges.get(symbol)
        if judge is None:
            others = tuple(s for s in self._correlation_symbols if s != symbol)
            judge = self._judges[symbol] = _Judge(
                self.model_dir,
                Wanted(symbol, self._interval, others, self._rule),
                threshold=self.threshold,
                passes_without_model=self._passes_without_model,
                is_paper=self._is_paper,
                on_news=self._on_news,
            )
        return judge


class _Judge:
    """The filter of one symbol."""

    def __init__(
        self,
        models: Path,
        wanted: Wanted,
        *,
        threshold: float | None,
        passes_without_model: bool,
        is_paper: bool,
        on_news: Callable[[ModelNews], None],
    ) -> None:
        self.drift: DriftCounter | None = None
        self._wanted = wanted
        self._own_threshold = threshold
        self._threshold = 1.0
        self._passes_without_model = passes_without_model
        self._on_news = on_news
        self._extra: tuple[str, ...] | None = None  # the rule's own features, once checked
        self._told = ""  # of what went wrong with a row; a person hears of it once
        self.serving = Serving(
            models,
            wanted,
            may_serve=lambda manifest: why_not_served(manifest, is_paper=is_paper),
            on_change=self._changed,
        )

    def judge(self, view: MarketView) -> FilterAnswer:
        model = self.serving.look()
        if isinstance(model, Nothing):
            if model.is_missing and self._passes_without_model:
                return _UNFILTERED
            return _refused(_words(model.why))
        try:
            self._require_features(model, view.signal.extra)
            row = view.features()
            probability = model.score(row)
            if not is_probability(probability):
                return self._failed(f"the model answers {probability}")
        except ModelBroken as error:
            return self._failed(_words(error))
        except Exception as error:  # a filter that fails is no reason to trade without one
            return self._failed(f"{type(error).__name__}: {error}")
        counter = self.drift
        if counter is not None:
            counter.count(row)
        if probability >= self._threshold:
            return FilterAnswer(passed=True, probability=probability)
        detail = f"probability {probability:.3f}, below {self._threshold:g}"
        return FilterAnswer(False, probability, FILTER, detail)

    def _require_features(self, model: Model, extra: Mapping[str, float]) -> None:
        """Once for each model: its row ends with the features of this very rule."""
        names = tuple(extra)
        if names == self._extra:
            return
        expected = feature_names(self._wanted.correlation_symbols or (), names)
        require_features(model.manifest, expected, str(model.folder))
        self._extra = names

    def _failed(self, why: str) -> FilterAnswer:
        if why != self._told:
            self._told = why
            text = (
                f"the model of {self._wanted.symbol} cannot judge a signal: {why}\nno entry on it"
            )
            self._on_news(ModelNews(self._wanted.symbol, "critical", text))
        return _refused(why)

    def _changed(self, change: Change) -> None:
        now, symbol = change.now, self._wanted.symbol
        self._extra, self._told, self.drift = None, "", None
        if isinstance(now, Model):
            manifest = now.manifest
            own = self._own_threshold
            self._threshold = manifest.threshold if own is None else own
            self.drift = DriftCounter(manifest)
            if change.before is not None:
                text = f"{NEW_MODEL} {symbol}: {in_words(manifest, self._threshold)}"
                self._on_news(ModelNews(symbol, "info", text))
        elif not now.is_missing:
            text = f"{BROKEN_MODEL} {symbol}: {now.why}\nno entries; what is open is managed"
            self._on_news(ModelNews(symbol, "critical", text))


NEW_MODEL = "another model judges signals of"
BROKEN_MODEL = "there is no model to trust for"


def why_not_served(manifest: Manifest, *, is_paper: bool) -> str:
    """Why a sound model may not trade; "" where it may."""
    if manifest.is_passed or (is_paper and manifest.is_forced_for_paper):
        return ""
    verdict = manifest.gate.get("verdict")
    if manifest.is_forced_for_paper:
        return f"the gate says {verdict!r} of this model: it was forced, and that is for paper only"
    return f"the gate says {verdict!r} of this model: it may not trade"


def in_words(manifest: Manifest, threshold: float | None = None) -> str:
    """A model in one line."""
    passes = manifest.threshold if threshold is None else threshold
    own = "" if passes == manifest.threshold else f" (its own threshold is {manifest.threshold:g})"
    forced = "" if manifest.is_passed else f", gate {manifest.gate.get('verdict')}, FORCED"
    return f"{manifest.identity}, passes from {passes:g}{own}{forced}"


def _refused(detail: str) -> FilterAnswer:
    return FilterAnswer(passed=False, refusal=NO_MODEL, detail=detail)


def _words(error: CointraderError) -> str:
    parts = (str(part) for part in (error.where, error.found) if part is not None)
    details = ", ".join(parts)
    return f"{error.what} ({details})" if details else error.what
