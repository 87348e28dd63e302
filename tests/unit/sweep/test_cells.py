"""A walk from signal to signal trades what the backtest trades, to the last bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cointrader.backtest.market import Market
from cointrader.backtest.run import run
from cointrader.backtest.settings import BacktestSettings
from cointrader.backtest.signals import SymbolSignals
from cointrader.backtest.sweep.cells import COMPILED, Sheet
from cointrader.backtest.sweep.figures import FOREVER, Windows, counted
from cointrader.backtest.sweep.marking import marked_equity
from cointrader.backtest.sweep.shared import ABSENT, SharedSignals
from cointrader.domain.instrument import Instrument
from cointrader.exchange.simulated.instruments import plausible_instrument
from cointrader.risk.limits import RiskLimits
from cointrader.strategy.plan import ExitSettings
from tests.full import IS_FULL
from tests.markets import TableSource
from tests.metamorphic.backtests import Limits, Scene

FILTER = 17


def a_market(seed, *, symbols=1, bars=300, chance=0.3):
    """Candles, and signals of four variants on them; one of them is refused here and there."""
    scene = Scene.random(seed, symbols, bars=bars, chance=chance)
    rng = np.random.default_rng(seed)
    for symbol, table in scene.rows.items():
        scene.rows[symbol] = [gapped(row, rng) for row in table]
    shared = {}
    for symbol, side in scene.sides.items():
        rows = np.flatnonzero(side).astype(np.int64)
        marks = rng.choice([ABSENT, 0, 0], (4, len(rows))).astype(np.int8)
        marks[0] = 0
        marks[1][rng.random(len(rows)) < 0.3] = FILTER
        all_of_them = SymbolSignals(
            rows, side[rows].astype(np.int8), rng.uniform(0.5, 1.5, len(rows)),
            refused=np.zeros(len(rows), np.int8),
        )  # fmt: skip
        shared[symbol] = SharedSignals(all_of_them, marks)
    return Market.of(TableSource(scene.rows, funding=scene.funding), list(scene.rows)), shared


def gapped(row, rng):
    """A bar that may open away from the close before it."""
    opened, high, low, close = row
    if rng.random() < 0.2:
        opened *= 1 + rng.normal(0, 0.01)
    return opened, max(high, opened), min(low, opened), close


def given_settings(market, exits, *, slippage=0.0, with_filters=False, **limits):
    symbols = list(market.symbols)
    usual = {"sizing": "fixed:1000", "taker_fee": 0.0005, "liquidation_distance": with_filters}
    return BacktestSettings(
        limits=RiskLimits.of(Limits(symbols, **(usual | limits))),
        exits=dict.fromkeys(symbols, exits),
        instruments={
            symbol: plausible_instrument(symbol, market.recent_closes(symbol))
            if with_filters
            else Instrument(symbol)
            for symbol in symbols
        },
        slippage=slippage,
    )


def assert_each_is_its_backtest(market, shared, how):
    sheet = Sheet(market, shared, how.start_ms, how.end_ms)
    variants = np.array([2, 0, 3, 1])
    played = sheet.play(how, variants)
    for place, variant in enumerate(variants):
        signals = {symbol: own.of(variant) for symbol, own in shared.items()}
        result = run(market, signals, how)
        trades = sheet.trades(how, int(variant))
        assert len(trades) == len(result.trades)
        for name in trades.dtype.names or ():
            assert trades[name].tobytes() == result.trades[name].tobytes(), (name, variant)
        one = counted(result.trades, sheet.stretch)
        for name in played.figures.dtype.names or ():
            mine, theirs = played.figures[name][place, 0], one.figures[name][0, 0]
            assert mine == pytest.approx(theirs, rel=1e-9, abs=1e-9), name
        assert played.daily[place] == pytest.approx(one.daily[0], rel=1e-9, abs=1e-9)
    return played


EXITS = st.one_of(
    st.builds(
        ExitSettings,
        atr_sl_mult=st.sampled_from([0.3, 1.0, 2.0, 50.0]),
        atr_tp_mult=st.sampled_from([0.3, 1.5, 3.0, 50.0]),
        trailing_stop_pct=st.sampled_from([0.0, 0.002, 0.01]),
    ),
    st.builds(
        ExitSettings,
        mode=st.just("pct"),
        stop_loss_pct=st.sampled_from([0.005, 0.02]),
        take_profit_pct=st.sampled_from([0.01, 0.05]),
    ),
)


@settings(deadline=None, max_examples=60 if IS_FULL else 15)
@given(
    seed=st.integers(0, 2**32 - 1),
    symbols=st.integers(1, 3),
    exits=EXITS,
    slippage=st.sampled_from([0.0, 0.0002]),
    with_filters=st.booleans(),
    leverage=st.sampled_from([5.0, 20.0, 75.0]),
    is_far_from_ruin=st.booleans(),
)
def test_every_variant_trades_what_its_backtest_trades(
    seed, symbols, exits, slippage, with_filters, leverage, is_far_from_ruin
):
    market, shared = a_market(seed, symbols=symbols)
    how = given_settings(
        market, exits, slippage=slippage, with_filters=with_filters, leverage=leverage,
        liquidation_distance=is_far_from_ruin and with_filters,
    )  # fmt: skip

    assert_each_is_its_backtest(market, shared, how)


def test_liquidations_and_every_other_end_are_among_them():
    ends = set()
    for seed in range(3, 7):
        market, shared = a_market(seed, symbols=2, bars=3000, chance=0.05)
        how = given_settings(
            market, ExitSettings(atr_sl_mult=4.0, atr_tp_mult=3.0), with_filters=True,
            leverage=50.0, liquidation_distance=False,
        )  # fmt: skip
        assert_each_is_its_backtest(market, shared, how)
        ends |= set(Sheet(market, shared).trades(how, 0)["reason"].tolist())

    assert {1, 3, 4, 5, 6} <= ends  # stop, target, liquidated, opposite signal, end


def test_a_part_of_the_time_is_the_backtest_of_that_part():
    market, shared = a_market(8, symbols=2)
    times = next(iter(market.frames.values())).open_time_ms
    how = given_settings(market, ExitSettings())

    assert_each_is_its_backtest(
        market, shared, replace(how, start_ms=int(times[70]), end_ms=int(times[200]))
    )


def test_a_trade_is_counted_in_the_window_of_its_signal_unless_it_ends_too_late():
    market, shared = a_market(5, bars=400)
    how = given_settings(market, ExitSettings(atr_sl_mult=3.0, atr_tp_mult=3.0))
    sheet = Sheet(market, shared)
    rows = [(0, 150, 150), (0, 150, FOREVER), (150, 400, FOREVER), (0, FOREVER, FOREVER)]

    figures = sheet.play(how, np.array([0]), Windows.of(rows)).figures[0]

    trades = sheet.trades(how, 0)
    signalled = trades["entry_bar"] - 1
    early = trades[signalled < 150]
    purged = early[early["exit_bar"] < 150]
    assert len(purged) == len(early) - 1  # one is open at the boundary
    assert figures["trades"].tolist() == [
        len(purged), len(early), len(trades) - len(early), len(trades),
    ]  # fmt: skip
    assert figures["net"][0] == pytest.approx(purged["net"].sum())
    assert figures["net"][2] == pytest.approx(trades[signalled >= 150]["net"].sum())


def test_all_of_it_runs_without_numba():
    market, shared = a_market(2)
    sheet = Sheet(market, shared)

    counted(sheet.trades(given_settings(market, ExitSettings()), 0), sheet.stretch)

    assert all(each.is_native for each in COMPILED)


def test_variants_on_an_account_are_refused():
    market, shared = a_market(1)
    how = given_settings(market, ExitSettings(), sizing="account")

    with pytest.raises(ValueError, match="fixed size"):
        Sheet(market, shared).play(how, np.array([0]))


def test_equity_marked_from_trades_alone_is_the_backtests():
    market, shared = a_market(4, symbols=3)
    how = given_settings(market, ExitSettings(trailing_stop_pct=0.02), slippage=0.0003)
    sheet = Sheet(market, shared)
    signals = {symbol: own.of(0) for symbol, own in shared.items()}
    result = run(market, signals, how)

    equity = marked_equity(sheet.trades(how, 0), sheet.stretch, 1000.0)

    assert equity.time_ms[:-1].tolist() == result.time_ms.tolist()
    assert equity.value[:-1] == pytest.approx(result.equity, rel=1e-9)
    assert equity.value[-1] == pytest.approx(result.final_wallet, rel=1e-9)
