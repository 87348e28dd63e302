"""Killed at any step and started again, the bots make the same trades."""

from decimal import Decimal

import numpy as np
import pytest

from cointrader.app.config import Config
from cointrader.domain.order import Leg, leg_of
from cointrader.domain.ports import Settlement
from tests import reference
from tests.full import some
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


def play_with_deaths(seed, journal, fates, latency=None):
    source, rules, expected = a_short_market(seed)
    config = founding(SYMBOLS, max_positions=1, max_same_direction=1)
    start_ms = START_MS + WARM_UP * BAR_MS
    world = World(config, source, journal, rules=rules, start_ms=start_ms, latency=latency)
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

    for step in some(range(1, whole.steps + 1), 5):
        world = play_with_deaths(1, tmp_path / f"{step}.db", [Fate(step)])
        assert world.lives == 2


@pytest.mark.parametrize("seed", range(6))
def test_killed_again_and_again_at_random_steps_nothing_changes(seed, tmp_path):
    rng = np.random.default_rng(seed)

    world = play_with_deaths(
        seed, tmp_path / "journal.db", [Fate(int(rng.integers(1, 60))) for _ in range(12)]
    )

    assert world.lives > 3


# ---------------------------------------------------------------------- the default profile


def play_trailed(journal, fates, seed=1):
    """The default profile with a trailing stop; each symbol is entered and reversed three times."""
    rng = np.random.default_rng(seed)
    flat = [(100.0, 100.0, 100.0, 100.0)] * WARM_UP
    rows = {symbol: flat + random_rows(rng, 24, move=0.012) for symbol in SYMBOLS}
    first_ms = START_MS + WARM_UP * BAR_MS
    signals = {
        SYMBOLS[0]: {first_ms + bar * BAR_MS: sign for bar, sign in ((0, 1), (8, -1), (12, 1))},
        SYMBOLS[1]: {first_ms + bar * BAR_MS: sign for bar, sign in ((1, -1), (9, 1), (15, -1))},
    }
    settings = {
        "profile": "default",
        "symbols": SYMBOLS,
        "correlation_symbols": [],
        "trailing_stop_pct": 0.01,
        "max_daily_loss": 1,
    }
    world = World(
        Config(overrides=settings, environ={}, folder="/nonexistent"),
        TableSource(rows),
        journal,
        rules={symbol: Scripted(script, 4.0, 8.0) for symbol, script in signals.items()},
        start_ms=first_ms,
    )
    world.run(fates)
    return world, summary_of(journal, SYMBOLS)


@pytest.fixture(scope="module")
def trailed(tmp_path_factory):
    """World and summary of the uninterrupted run, then of those killed at one of forty steps."""
    folder = tmp_path_factory.mktemp("trailed")
    whole, expected = play_trailed(folder / "whole.db", [])
    runs = [(whole, expected)]
    for step in np.linspace(1, whole.steps, 40).astype(int):
        world, summary = play_trailed(folder / f"{step}.db", [Fate(int(step))])
        assert world.lives == 2
        runs.append((world, summary))
    return runs


def test_killed_once_a_trailing_bot_of_the_default_profile_makes_the_same_trades(trailed):
    (_, expected), *interrupted = trailed

    for _, summary in interrupted:
        assert summary.trades == expected.trades


def test_killed_once_a_trailing_bot_enters_as_before_and_its_books_agree(trailed):
    whole, expected = trailed[0]
    legs = {leg_of(fill.client_order_id) for fill in whole.fill_log}
    assert legs == {Leg.ENTRY, Leg.TRAIL, Leg.CLOSE, None}  # None: the end of the history

    for world, summary in trailed:
        assert {t.trade_id for t in summary.trades} == {t.trade_id for t in expected.trades}
        assert len(summary.trades) == 6
        assert len(world.fill_log) == 12
        earned = 1000 + sum(trade.net for trade in summary.trades)
        assert abs(world.final_wallet - earned) < Decimal("1e-15")
        assert (world.left_orders, world.left_positions) == ([], [])
