"""Through a network that loses, delays and hides: one entry, a stop in time, books that agree."""

from collections import Counter
from decimal import Decimal

import numpy as np
import pytest

from cointrader.app.config import Config
from cointrader.domain.order import Leg, leg_of
from cointrader.journal.reader import JournalReader
from tests.full import some
from tests.markets import BAR_MS, START_MS, Scripted, TableSource, random_rows
from tests.parity.faulty import Faults, FaultyExchange, longest_naked_ms
from tests.parity.mortal import Fate, World
from tests.parity.playing import summary_of

SYMBOLS = ["AAAUSDT", "BBBUSDT"]
WARM_UP, BARS = 300, 18
SIGNALS = {SYMBOLS[0]: {1: 1, 4: -1, 7: 1, 10: -1}, SYMBOLS[1]: {2: -1, 5: 1, 8: -1, 11: 1}}


def play(seed, chance, journal, fates=()):
    """Eight entries, six of them by reversal, and how long any was without a stop."""
    rng = np.random.default_rng(seed)
    flat = [(100.0, 100.0, 100.0, 100.0)] * WARM_UP
    rows = {symbol: flat + random_rows(rng, BARS, move=0.004) for symbol in SYMBOLS}
    first_ms = START_MS + WARM_UP * BAR_MS
    scripts = {
        symbol: {first_ms + bar * BAR_MS: sign for bar, sign in bars.items()}
        for symbol, bars in SIGNALS.items()
    }
    settings = {
        "profile": "default",
        "symbols": SYMBOLS,
        "correlation_symbols": [],
        "max_daily_loss": 1,
        "trailing_stop_pct": 0.01,
    }
    faults = Faults(seed, chance)
    naked = []

    async def watcher(exchange, clock):
        until_ms = first_ms + (BARS - 4) * BAR_MS
        naked.append(await longest_naked_ms(exchange, clock, SYMBOLS, until_ms))
        faults.is_on = False  # what is left is put in order before the end

    world = World(
        Config(overrides=settings, environ={}, folder="/nonexistent"),
        TableSource(rows),
        journal,
        rules={symbol: Scripted(script, 4.0, 8.0) for symbol, script in scripts.items()},
        start_ms=first_ms,
        stranger=watcher,
        through=lambda exchange: FaultyExchange(exchange, faults),
        pauses_ms=(1_000,) * 50,
    )
    world.run(fates)
    return world, summary_of(journal, SYMBOLS), naked[0], faults


def bars_decided(journal):
    """Of each symbol its bars in order, counted from the first one."""
    with JournalReader(journal) as reader:
        first_ms = START_MS + WARM_UP * BAR_MS
        return {
            symbol: sorted((d.bar_open_ms - first_ms) // BAR_MS for d in reader.decisions(symbol))
            for symbol in SYMBOLS
        }


def assert_in_order(world, summary, naked_ms, *, longest_ms):
    entries = [f.client_order_id for f in world.fill_log if leg_of(f.client_order_id) is Leg.ENTRY]
    assert max(Counter(entries).values()) == 1  # none twice
    assert Counter(entries) == Counter(trade.trade_id for trade in summary.trades)
    assert world.left_positions == []
    assert world.left_orders == []
    earned = 1000 + sum(trade.net for trade in summary.trades)
    assert abs(world.final_wallet - earned) < Decimal("1e-15")
    assert naked_ms <= longest_ms


def test_without_faults_eight_entries_are_made(tmp_path):
    world, summary, naked_ms, _ = play(0, 0.0, tmp_path / "j.db")

    assert_in_order(world, summary, naked_ms, longest_ms=0)
    assert len(summary.trades) == 8


@pytest.mark.parametrize("seed", some(range(4), 2))
def test_through_a_bad_network_nothing_is_doubled_naked_or_lost(seed, tmp_path):
    world, summary, naked_ms, faults = play(seed, 0.08, tmp_path / "j.db")

    assert len(faults.told) > 5
    assert len(summary.trades) >= 2
    assert_in_order(world, summary, naked_ms, longest_ms=6_000)


@pytest.mark.parametrize("seed", range(4))
def test_every_bar_is_answered_once_though_bots_crash_while_they_answer(seed, tmp_path):
    play(seed, 0.3, tmp_path / "j.db")

    with JournalReader(tmp_path / "j.db") as reader:
        crashes = [alert for alert in reader.alerts() if "crashed" in alert.text]
    assert len(crashes) > 3
    for bars in bars_decided(tmp_path / "j.db").values():
        assert bars == list(range(BARS))[bars[0] : bars[-1] + 1]
        assert bars[-1] >= BARS - 2  # the last may close while its bot is waiting to be restarted


@pytest.mark.parametrize("seed", some(range(3), 2))
def test_killed_again_and_again_on_a_bad_network_nothing_is_doubled_or_lost(seed, tmp_path):
    rng = np.random.default_rng(seed)
    fates = [Fate(int(rng.integers(5, 80))) for _ in range(8)]
    world, summary, naked_ms, _ = play(seed, 0.05, tmp_path / "j.db", fates)

    assert world.lives > 2
    assert_in_order(world, summary, naked_ms, longest_ms=20_000)
