"""Random markets, random signals, random settings: the bots' trades are the reference's."""

import numpy as np
import pytest

from tests import reference
from tests.markets import BAR_MS, START_MS, Scripted, TableSource, random_rows
from tests.parity.playing import (
    as_history,
    assert_same_run,
    founding,
    play,
    settlements,
)

WARM_UP = 300
SYMBOLS = ["AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT"]


def a_market(rng, *, bars=160, symbols=4):
    """Symbols that start and end at different times, with gaps at the open and with funding."""
    rows, starts, funding = {}, {}, {}
    for symbol in SYMBOLS[:symbols]:
        starts[symbol] = START_MS + int(rng.integers(0, 40)) * BAR_MS
        count = WARM_UP + bars + int(rng.integers(-40, 1))
        rows[symbol] = random_rows(rng, count, move=float(rng.uniform(0.004, 0.03)))
        funding[symbol] = settlements(rng, starts[symbol], count)
    return TableSource(rows, starts, funding)


def random_signals(rng, history, chance):
    sides = rng.choice([0, 1, -1], len(history.open), p=[1 - chance, chance / 2, chance / 2])
    return np.where(np.arange(len(sides)) >= WARM_UP, sides, 0).astype(np.int8)


def random_settings(rng):
    return {
        "exit_mode": str(rng.choice(["atr", "pct"])),
        "atr_sl_mult": float(rng.uniform(0.2, 3)),
        "atr_tp_mult": float(rng.uniform(0.3, 4)),
        "stop_loss_pct": float(rng.uniform(0.002, 0.03)),
        "take_profit_pct": float(rng.uniform(0.002, 0.06)),
        "max_positions": int(rng.integers(2, 5)),
        "max_same_direction": int(rng.integers(1, 3)),
        "max_daily_loss": float(rng.uniform(0.01, 0.2)),
        "leverage": int(rng.integers(1, 15)),
        "slippage_bps": float(rng.choice([0.0, 3.0])),
    }


def compare(rng, journal, **plan):
    source = a_market(rng, symbols=int(rng.integers(1, 5)))
    settings = random_settings(rng)
    histories = {symbol: as_history(source, symbol) for symbol in source.symbols()}
    chance = float(rng.uniform(0.05, 0.4))
    signals = {s: random_signals(rng, history, chance) for s, history in histories.items()}
    expected = reference.run(
        list(histories.values()),
        reference.Settings(**settings),
        signals=signals,
        atr={s: reference.signals(h, reference.Settings())[1] for s, h in histories.items()},
    )
    rules = {
        s: Scripted(dict(zip(h.open_time_ms.tolist(), signals[s].tolist(), strict=True)))
        for s, h in histories.items()
    }
    outcome, summary = play(
        founding(source.symbols(), **settings), source, journal, rules=rules, **plan
    )
    assert_same_run(outcome, summary, expected)
    return summary


@pytest.mark.parametrize("seed", range(12))
def test_every_trade_is_the_references(seed, tmp_path):
    summary = compare(np.random.default_rng(seed), tmp_path / "journal.db")

    assert summary.trades


@pytest.mark.parametrize("seed", range(100, 108))
def test_candles_that_arrive_late_and_in_any_order_change_no_trade(seed, tmp_path):
    late = np.random.default_rng(seed + 1000)

    compare(
        np.random.default_rng(seed),
        tmp_path / "journal.db",
        lateness=lambda symbol, open_ms: int(late.integers(0, 2000)),
    )


def test_random_markets_reach_every_exit_and_every_founding_refusal(tmp_path):
    """Otherwise the comparison above would prove less than it seems to."""
    reasons, refusals = set(), set()
    for seed in range(12):
        summary = compare(np.random.default_rng(seed), tmp_path / f"{seed}.db")
        reasons |= set(summary.reasons)
        refusals |= set(summary.refusals)

    assert reasons == {"SL", "SL_GAP", "TP", "REVERSE", "END"}
    assert refusals >= {"daily-loss", "max-positions", "same-direction"}
