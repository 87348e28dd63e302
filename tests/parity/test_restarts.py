"""Killed at any step and started again, the bots make the same trades."""

import numpy as np
import pytest

from cointrader.domain.ports import Settlement
from tests import reference
from tests.markets import BAR_MS, START_MS, Scripted, TableSource, random_rows
from tests.parity.mortal import Fate, World
from tests.parity.playing import as_history, assert_same_trades, founding, summary_of
from tests.parity.test_paper_on_random_markets import random_signals

WARM_UP = 300
SYMBOLS = ["AAAUSDT", "BBBUSDT"]


def a_short_market(seed, *, bars=14):
    rng = np.random.default_rng(seed)
    rows = {symbol: random_rows(rng, WARM_UP + bars, move=0.02) for symbol in SYMBOLS}
    settled = START_MS + (WARM_UP + 4) * BAR_MS // (8 * 3_600_000) * (8 * 3_600_000)
    funding = {symbol: [Settlement(settled + 8 * 3_600_000, 0.01)] for symbol in SYMBOLS}
    source = TableSource(rows, funding=funding)
    histories = {symbol: as_history(source, symbol) for symbol in SYMBOLS}
    signals = {symbol: random_signals(rng, h, 0.7) for symbol, h in histories.items()}
    rules = {
        s: Scripted(dict(zip(h.open_time_ms.tolist(), signals[s].tolist(), strict=True)))
        for s, h in histories.items()
    }
    expected = reference.run(
        list(histories.values()),
        reference.Settings(max_positions=1, max_same_direction=1),
        signals=signals,
        atr={s: reference.signals(h, reference.Settings())[1] for s, h in histories.items()},
    )
    return source, rules, expected


def play_with_deaths(seed, journal, fates):
    source, rules, expected = a_short_market(seed)
    config = founding(SYMBOLS, max_positions=1, max_same_direction=1)
    start_ms = START_MS + WARM_UP * BAR_MS
    world = World(config, source, journal, rules=rules, start_ms=start_ms)
    world.run(fates)
    summary = summary_of(journal, SYMBOLS)
    assert_same_trades(summary, expected)
    assert float(world.final_wallet) == pytest.approx(expected.final_wallet, rel=1e-9)
    assert summary.refusals == expected.refusals
    assert world.halted_days == expected.halted_days
    assert world.left_orders == []
    return world


def test_killed_once_at_every_single_step_nothing_changes(tmp_path):
    whole = play_with_deaths(1, tmp_path / "whole.db", [])
    assert whole.steps > 200

    for step in range(1, whole.steps + 1):
        world = play_with_deaths(1, tmp_path / f"{step}.db", [Fate(step)])
        assert world.lives == 2


@pytest.mark.parametrize("seed", range(6))
def test_killed_again_and_again_at_random_steps_nothing_changes(seed, tmp_path):
    rng = np.random.default_rng(seed)

    world = play_with_deaths(
        seed, tmp_path / "journal.db", [Fate(int(rng.integers(1, 60))) for _ in range(12)]
    )

    assert world.lives > 3
