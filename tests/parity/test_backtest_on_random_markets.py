"""Random markets, signals and settings: a backtest's trades and answers are paper's, every one."""

from typing import Any

import numpy as np
import pytest

from cointrader.app.config import Config
from tests.full import some
from tests.markets import BAR_MS, START_MS, Scripted, TableSource, random_rows
from tests.parity.backtests import backtested, compare
from tests.parity.playing import settlements

WARM_UP = 300
SEEDS = range(24)
# Known symbols, so that the default profile has their filters; with prices as they usually are.
SYMBOLS = {"XRPUSDT": 2.0, "TRXUSDT": 0.25, "BTCUSDT": 60_000.0, "NEWUSDT": 100.0}
TICKS = {"XRPUSDT": 0.0001, "TRXUSDT": 0.00001, "BTCUSDT": 0.1, "NEWUSDT": 0.01}


def a_market(rng, count):
    """Symbols that start and end at different times, with gaps at the open and with funding."""
    rows, starts, funding = {}, {}, {}
    for symbol in rng.permutation(list(SYMBOLS))[:count].tolist():
        starts[symbol] = START_MS + int(rng.integers(0, 40)) * BAR_MS
        bars = WARM_UP + int(rng.integers(90, 160))
        move = float(rng.uniform(0.002, 0.03))
        rows[symbol] = random_rows(rng, bars, price=SYMBOLS[symbol], move=move, tick=TICKS[symbol])
        rows[symbol] = [tuple(round(p, 8) for p in row) for row in rows[symbol]]
        funding[symbol] = settlements(rng, starts[symbol], bars)
    return TableSource(rows, starts, funding)


def scripted(rng, source):
    """Signals at random bars; now and then with distances of the rule's own."""
    chance = float(rng.uniform(0.05, 0.4))
    rules = {}
    for symbol in source.symbols():
        times = source.open_times(symbol)
        sides = rng.choice([0, 1, -1], len(times), p=[1 - chance, chance / 2, chance / 2])
        own = rng.random() < 0.25
        rules[symbol] = Scripted(
            {at: int(side) for at, side in zip(times, sides, strict=True) if side},
            SYMBOLS[symbol] * float(rng.uniform(0.001, 0.03)) if own else None,
            SYMBOLS[symbol] * float(rng.uniform(0.001, 0.03)) if own else None,
        )
    return rules


def settings(rng, profile):
    given: dict[str, Any] = {
        "exit_mode": str(rng.choice(["atr", "pct"])),
        "atr_sl_mult": float(rng.uniform(0.2, 3)),
        "atr_tp_mult": float(rng.uniform(0.3, 4)),
        "stop_loss_pct": float(rng.uniform(0.002, 0.03)),
        "take_profit_pct": float(rng.uniform(0.002, 0.06)),
        "max_positions": int(rng.integers(1, 5)),
        "max_daily_loss": float(rng.choice([1.0, rng.uniform(0.01, 0.2)])),
        "leverage": int(rng.choice([rng.integers(1, 21), 50])),
        "slippage_bps": float(rng.choice([0.0, 2.0, 7.5])),
        "trailing_stop_pct": float(rng.choice([0.0, 0.0, 0.004, 0.02])),
        "margin_decay": str(rng.choice(["absolute", "relative"])),
        "margin_max_ratio": float(rng.choice([1.0, rng.uniform(0.3, 1.0)])),
        "kill_fast": bool(rng.random() < 0.5),
        "kill_slow": bool(rng.random() < 0.2),
        "sizing": str(rng.choice(["account", "account", "risk", "fixed:37.5"])),
    }
    given["max_same_direction"] = int(rng.integers(1, given["max_positions"] + 1))
    if profile == "default":
        given["max_drawdown"] = float(rng.uniform(0.02, 0.4))
        given["open_risk_bound"] = bool(rng.random() < 0.5)
        given["liquidation_distance"] = bool(rng.random() < 0.5)
        given["daily_loss_basis"] = str(rng.choice(["marked", "realised"]))
    return given


def played(seed, profile, how):
    rng = np.random.default_rng(seed)
    source = a_market(rng, int(rng.integers(1, 5)))
    rules = scripted(rng, source)
    config = Config(
        overrides={
            "profile": profile,
            "symbols": list(source.symbols()),
            "correlation_symbols": [],
            **settings(rng, profile),
        },
        environ={},
        folder="/nonexistent",
    )
    # A fixed notional asks for no wallet, but the simulated exchange does.
    balances = [30.0, 1000.0, 250_000.0] if config.sizing[:5] != "fixed" else [1000.0]
    balance = float(rng.choice(balances))
    return how(config, source, balance=balance, rules=rules)


@pytest.mark.parametrize("profile", ["founding", "default"])
@pytest.mark.parametrize("seed", some(SEEDS, 3))
def test_every_trade_and_every_answer_is_papers(seed, profile):
    played(seed, profile, compare)


@pytest.mark.slow
def test_random_markets_reach_every_exit_and_nearly_every_refusal():
    """Otherwise the comparison above would prove less than it seems to."""
    reasons, refusals = set(), set()
    for seed in SEEDS:
        for profile in ("founding", "default"):
            result = played(seed, profile, backtested)
            reasons |= set(result.reasons)
            refusals |= set(result.refusals)

    assert reasons == {"SL", "SL_GAP", "TP", "REVERSE", "END", "LIQUIDATED"}
    assert refusals >= {
        "daily-loss", "open-risk", "drawdown", "max-positions", "same-direction", "margin",
        "kill-slow", "min-quantity", "liquidation-near", "rejected",
    }  # fmt: skip
