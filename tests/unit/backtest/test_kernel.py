"""The kernel: the same bits compiled and not, and never an older rule than the source's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cointrader.backtest.kernel import play_compiled
from cointrader.backtest.market import Market
from cointrader.backtest.run import run
from cointrader.backtest.settings import BacktestSettings
from cointrader.backtest.signals import SymbolSignals
from cointrader.exchange.simulated.instruments import plausible_instrument
from cointrader.risk.limits import RiskLimits
from cointrader.risk.switches import Switch
from cointrader.strategy.plan import ExitSettings
from tests.full import only_in_full
from tests.markets import TableSource, random_rows
from tests.metamorphic.backtests import Limits, Scene
from tests.unit.backtest import by_hand

SOURCE = Path(__file__).parents[3] / "src"
SYMBOLS = ["XRPUSDT", "BTCUSDT", "DOGEUSDT"]
PRICES = {"XRPUSDT": 2.0, "BTCUSDT": 60_000.0, "DOGEUSDT": 0.2}
TICKS = {"XRPUSDT": 0.0001, "BTCUSDT": 0.1, "DOGEUSDT": 0.00001}


def played_both_ways(seed, **limits):
    """All protections on, three symbols with grids and leverage brackets."""
    rng = np.random.default_rng(seed)
    scene = Scene.random(seed, symbols=3, chance=0.3)
    rows = {
        symbol: random_rows(rng, 300, price=PRICES[symbol], move=0.02, tick=TICKS[symbol])
        for symbol in SYMBOLS
    }
    source = TableSource(rows, funding=dict(zip(SYMBOLS, scene.funding.values(), strict=True)))
    signals = {
        symbol: SymbolSignals(
            rows=np.flatnonzero(side),
            side=side[side != 0].astype(np.int8),
            atr=np.full(int((side != 0).sum()), PRICES[symbol] * 0.015),
        )
        for symbol, side in zip(SYMBOLS, scene.sides.values(), strict=True)
    }
    given: dict[str, Any] = {
        "sizing": "account", "taker_fee": 0.0005, "daily_loss_basis": "marked",
        "open_risk_bound": True, "max_drawdown": 0.6, "check_margin": True,
        "liquidation_distance": True, "max_daily_loss": 0.3,
    }  # fmt: skip
    settings = BacktestSettings(
        limits=RiskLimits.of(Limits(SYMBOLS, **(given | limits))),
        exits=dict.fromkeys(SYMBOLS, ExitSettings(trailing_stop_pct=0.01)),
        instruments={symbol: plausible_instrument(symbol, ()) for symbol in SYMBOLS},
        slippage=0.0002,
    )
    market = Market.of(source, SYMBOLS)
    return run(market, signals, settings), run(market, signals, settings, compiled=False)


@pytest.mark.parametrize(
    "limits", [{}, {"leverage": 20, "liquidation_distance": False}, {"sizing": "risk"}]
)
def test_compiled_and_uncompiled_are_the_same_to_the_bit(limits):
    compiled, plain = played_both_ways(seed=11, **limits)

    assert len(compiled.trades) > 20
    for name in compiled.trades.dtype.names:
        assert compiled.trades[name].tobytes() == plain.trades[name].tobytes(), name
    assert len(compiled.equity) == len(compiled.time_ms)
    assert compiled.equity.tobytes() == plain.equity.tobytes()
    assert compiled.decisions.action.tobytes() == plain.decisions.action.tobytes()
    assert compiled.decisions.refusal.tobytes() == plain.decisions.refusal.tobytes()
    assert compiled.final_wallet == plain.final_wallet
    assert compiled.halted_days == plain.halted_days


def python_functions_in(call):
    names = set()
    sys.setprofile(lambda frame, *_: names.add(frame.f_code.co_name))
    try:
        call()
    finally:
        sys.setprofile(None)
    return names


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled here")
def test_python_plays_the_bars_only_where_somebody_wants_to_look_inside():
    scene = Scene.random(3)

    assert "next_entry" not in python_functions_in(scene.play)
    assert "next_entry" in python_functions_in(lambda: by_hand.play({"AAAUSDT": [(1.0,) * 4]}, {}))


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled here")
def test_the_kernel_is_run_without_numba():
    played_both_ways(seed=11)

    assert play_compiled.is_native


def test_what_a_trade_won_and_lost_adds_up_to_the_wallet():
    result, _ = played_both_ways(seed=5)

    trades = result.trades
    assert trades["net"] == pytest.approx(trades["gross"] - trades["fee"] + trades["funding"])
    assert result.final_wallet == pytest.approx(result.start_wallet + trades["net"].sum())


@pytest.mark.parametrize("name", ["kill_fast", "kill_slow"])
def test_a_kill_switch_ends_a_symbol_as_the_live_one_does(name):
    """Losing on purpose: stops are near, targets far, and fees are high."""
    scene = Scene.random(2, symbols=2, chance=0.6)
    scene = replace(scene, exits=ExitSettings(atr_sl_mult=0.3, atr_tp_mult=9.0))
    limits: dict[str, Any] = {
        "sizing": "account",
        "taker_fee": 0.001,
        "max_daily_loss": 1.0,
        name: True,
    }

    result = scene.play(**limits)

    for symbol in range(2):
        nets = result.trades["net"][result.trades["symbol"] == symbol].tolist()
        switch, tripped = Switch(), []
        for net in nets:
            switch = switch.after(net, fast=name == "kill_fast", slow=name == "kill_slow")
            tripped.append(switch.is_fast_tripped or switch.is_slow_tripped)
        assert tripped == [False] * (len(nets) - 1) + [True]
    assert result.refusals[name.replace("_", "-")] > 10


def test_importing_a_backtest_imports_no_compiler():
    code = "import sys, cointrader.backtest.run; print('numba' in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "False"


PROGRAM = """
import sys
from tests.metamorphic.backtests import Scene
print(repr(Scene.random(3).play(slippage=0.001).final_wallet), "numba" in sys.modules)
"""


DIGESTS = """
from cointrader.backtest.kernel import play_compiled
from cointrader.backtest.sweep.cells import COMPILED
print(play_compiled.digest(), COMPILED[0].digest(), COMPILED[1].digest())
"""
EDITS = {
    "domain/position.py": ("price * slippage * order_sign", "price * slippage * 2 * order_sign"),
    "domain/candle.py": ("return NO_TOUCH", "return STOP"),
    "risk/limits.py": ("_TIE = ", "_TIE = 2 * "),
    "strategy/plan.py": ("return fill_price", "return 2 * fill_price"),
}


def test_an_edit_of_any_rule_the_kernel_is_made_of_names_other_code(tmp_path):
    """What is kept is found by these names; counting alone knows no rule."""
    copy = tmp_path / "src" / "cointrader"
    shutil.copytree(SOURCE / "cointrader", copy, ignore=shutil.ignore_patterns("__pycache__"))

    def digests():
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src")}
        command = [sys.executable, "-B", "-c", DIGESTS]
        return subprocess.check_output(command, env=environment, text=True).split()

    kernel, walk, counting = digests()
    for name, (before, after) in EDITS.items():
        file = copy / name
        text = file.read_text()
        assert before in text, name
        file.write_text(text.replace(before, after))
        edited = digests()
        assert edited[0] != kernel, name
        assert edited[1] != walk, name
        assert edited[2] == counting, name
        file.write_text(text)
    assert digests() == [kernel, walk, counting]


@pytest.mark.slow
@only_in_full
def test_an_edited_rule_is_the_rule_of_the_next_run(tmp_path):
    """A rule of another file than the kernel's, in a copy of the package; the cache is kept.

    Where nothing was edited, the machine code that is there is run, and numba is not imported.
    """
    shutil.copytree(SOURCE / "cointrader", tmp_path / "src" / "cointrader")
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": os.pathsep.join((str(tmp_path / "src"), str(SOURCE.parent))),
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def played():
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        wallet, compiles = done.stdout.split()
        return float(wallet), compiles == "True"

    before, compiles = played()
    assert compiles
    assert played() == (before, False)
    rule = tmp_path / "src" / "cointrader" / "domain" / "position.py"
    text = rule.read_text()
    assert "price * slippage * order_sign" in text
    rule.write_text(
        text.replace("price * slippage * order_sign", "price * slippage * 2 * order_sign")
    )

    after, compiles = played()
    assert compiles
    assert after < before
