"""Signals of a history as a model judges them: all at once, by the session that judges live."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cointrader.backtest.signals import SymbolSignals
from cointrader.market.frame import Floats, Frame
from cointrader.model.artifact import Model, require_features
from cointrader.signals.features import feature_names, features
from cointrader.signals.indicators import DEFAULT_PERIODS, Indicators, Periods
from cointrader.signals.rules import SignalRule, evaluate


def filtered(
    signals: SymbolSignals,
    rule: SignalRule,
    frame: Frame,
    model: Model,
    threshold: float,
    periods: Periods = DEFAULT_PERIODS,
) -> SymbolSignals:
    """`signals` of `rule` over `frame`, each with its probability; those below are refused.

    Raises `ModelBroken` for a model that expects other features than these.
    """
    if not len(signals):
        return replace(signals, refused=np.empty(0, np.int8), probability=np.empty(0))
    probability = model.scores(feature_rows(signals, rule, frame, model, periods))
    return signals.judged(probability, threshold)


def feature_rows(
    signals: SymbolSignals, rule: SignalRule, frame: Frame, model: Model, periods: Periods
) -> Floats:
    """What a bot would show the model at each signal, shape (n_signals, n_features)."""
    names, rows = named_rows(signals, rule, frame, periods)
    require_features(model.manifest, names, str(model.folder))
    return rows


def named_rows(
    signals: SymbolSignals, rule: SignalRule, frame: Frame, periods: Periods
) -> tuple[tuple[str, ...], Floats]:
    """Names of the features, and their values at each signal, shape (n_signals, n_features)."""
    shown = as_a_bot_has_it(frame)
    indicators = Indicators(shown, periods)
    answers = evaluate(rule, shown, indicators)
    rows = features(
        shown,
        indicators,
        signals.side,
        answers.strength[signals.rows],
        rows=signals.rows,
        extra={name: column[signals.rows] for name, column in answers.extra.items()},
    )
    return feature_names(tuple(shown.correlated), tuple(answers.extra)), rows


def as_a_bot_has_it(frame: Frame) -> Frame:
    """A bot of a correlation symbol does not follow that symbol twice."""
    if frame.symbol not in frame.correlated:
        return frame
    others = {name: own for name, own in frame.correlated.items() if name != frame.symbol}
    return replace(frame, correlated=others)
