"""Bots that look ahead answer every bar as bots that do not, whatever comes in between."""

import numpy as np
import pytest

from cointrader.journal.reader import JournalReader
from cointrader.market.synthetic import SyntheticSource
from cointrader.signals.rules import WARM_UP_BARS
from cointrader.signals.score import ScoreRule, ScoreSettings
from tests.markets import BAR_MS, START_MS
from tests.parity.mortal import Fate, Latency, World
from tests.parity.playing import founding, summary_of

SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT")
WARM_UP, BARS = 310, 90
_PREPARED_WITH = 1.0  # the close of a flat market on which rules are tried before any bar


class Often:
    """Signals on a third of all bars, and counts the bars it was asked about ahead."""

    name, warm_up, look_back = "often", WARM_UP_BARS, 0

    def __init__(self) -> None:
        self._score = ScoreRule(ScoreSettings(signal_threshold=1, vol_multiplier=2.5))
        self.asked_ahead = 0

    def evaluate(self, frame, indicators):
        return self._score.evaluate(frame, indicators)

    def answer(self, bar):
        return self._score.answer(bar)

    def holds(self, ahead, close, volume):
        self.asked_ahead += close != _PREPARED_WITH
        return self._score.holds(ahead, close, volume)


def played(path, seed, fates=(), *, looks_ahead, latency=None, **settings):
    """Decisions, trades, the world's end, and how many bars were asked about ahead."""
    rules = {symbol: Often() for symbol in SYMBOLS}
    source = SyntheticSource(
        SYMBOLS,
        seed=seed,
        start_ms=START_MS,
        bars=WARM_UP + BARS,
        interval_ms=BAR_MS,
        correlation_symbols=[],
    )
    world = World(
        founding(SYMBOLS, max_positions=3, max_same_direction=3, **settings),
        source,
        path,
        rules=rules,
        looks_ahead=looks_ahead,
        latency=latency,
        start_ms=START_MS + WARM_UP * BAR_MS,
    )
    world.run(list(fates))
    with JournalReader(path) as reader:
        decisions = sorted(reader.decisions(), key=lambda d: (d.bar_open_ms, d.symbol))
    asked_ahead = sum(rule.asked_ahead for rule in rules.values())
    return decisions, summary_of(path, SYMBOLS).trades, world, asked_ahead


@pytest.mark.parametrize("settings", [{}, {"trailing_stop_pct": 0.01}])
@pytest.mark.parametrize("seed", [1, 2])
def test_decisions_and_trades_are_the_same(seed, settings, tmp_path):
    decisions, trades, world, asked_ahead = played(
        tmp_path / "with.db", seed, looks_ahead=True, latency=Latency(seed), **settings
    )
    plain = played(
        tmp_path / "without.db", seed, looks_ahead=False, latency=Latency(seed), **settings
    )

    assert (decisions, trades) == plain[:2]
    assert world.final_wallet == plain[2].final_wallet
    assert len(decisions) == (BARS - 1) * len(SYMBOLS)
    assert asked_ahead > 20
    assert plain[3] == 0
    assert len(trades) > 5


@pytest.mark.parametrize("seed", range(6))
def test_killed_again_and_again_every_bar_is_answered_all_the_same(seed, tmp_path):
    rng = np.random.default_rng(seed)
    fates = [Fate(int(rng.integers(1, 80))) for _ in range(12)]
    decisions, trades, world, asked_ahead = played(
        tmp_path / "killed.db", seed, fates, looks_ahead=True
    )
    plain = played(tmp_path / "whole.db", seed, looks_ahead=False)

    assert world.lives > 6
    assert asked_ahead > 20
    assert trades == plain[1]
    assert [(d.bar_open_ms, d.symbol, d.side) for d in decisions] == [
        (d.bar_open_ms, d.symbol, d.side) for d in plain[0]
    ]
    assert world.final_wallet == plain[2].final_wallet
