"""From the kernel's result to what the statistics read, on a small synthetic market."""

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from cointrader.app.backtest import configured_signals, market_of, settings_of
from cointrader.app.config import Config
from cointrader.app.paper.edge import planted_edge
from cointrader.app.paper.market import instruments_of
from cointrader.backtest.codes import FILTER
from cointrader.backtest.columns import BY_SIGNAL, REASONS, TRADE
from cointrader.backtest.criteria import load_criteria
from cointrader.backtest.own_trades import (
    RandomSignals,
    columns_of,
    marked_equity,
    played,
    plays_that_fit,
    trade_columns,
)
from cointrader.backtest.run import run
from cointrader.backtest.signals import SymbolSignals
from cointrader.backtest.statistics.comparisons import buy_and_hold
from cointrader.backtest.statistics.evidence import MEASURES, Method, measured
from cointrader.backtest.verdict import Answer, Subject, judge
from cointrader.domain.errors import DataError
from cointrader.market.synthetic import SyntheticSource
from cointrader.strategy.plan import ExitSettings
from tests.unit.statistics.making import START_MS

BAR_MS = 900_000
SYMBOLS = ["XRPUSDT", "DOGEUSDT"]


@dataclass
class Stage:
    """A market with its signals and settings."""

    market: object
    signals: object
    settings: object

    @property
    def play(self):
        return self.market, self.signals, self.settings

    def result(self):
        return run(*self.play)


def a_stage(symbols=SYMBOLS, bars=6_000, seed=3, edge=None, start_ms=None, end_ms=None, **changed):
    fixed = {"profile": "default", "symbols": symbols, "correlation_symbols": []}
    given = fixed | {"sizing": "fixed:1000", "slippage_bps": 10.0} | changed
    config = Config(overrides=given, environ={}, folder="/nonexistent")
    planted = None if edge is None else planted_edge(config, edge)
    source = SyntheticSource(
        symbols, seed=seed, start_ms=START_MS, bars=bars, interval_ms=BAR_MS, edge=planted
    )
    market = market_of(config, source)
    limits = settings_of(config, instruments_of(config, source, config.symbols))
    limits = replace(limits, start_ms=start_ms, end_ms=end_ms)
    return Stage(market, configured_signals(config, market), limits)


def test_columns_hold_every_trade_of_a_backtest_with_its_times_and_results():
    result = a_stage().result()

    columns = trade_columns(result, 0.001)

    assert len(columns) == len(result.trades) > 60
    assert columns.net.sum() == pytest.approx(result.final_wallet - result.start_wallet)
    assert columns.r.tolist() == pytest.approx(result.r_multiples.tolist())
    assert columns.entry_ms.tolist() == result.entry_ms.tolist()
    assert set(columns.side.tolist()) == {-1, 1}


def test_slippage_is_what_moved_the_fills_away_from_the_candles():
    stage = a_stage()
    result = stage.result()
    columns = trade_columns(result, 0.001)
    at_open = [i for i, t in enumerate(result.trades) if REASONS[t["reason"]] == "REVERSE"]

    assert at_open
    for i in at_open:  # both fills are at an open
        trade = result.trades[i]
        frame = stage.market.frames[result.symbols[trade["symbol"]]]
        bought, sold = (
            frame.candles.open[np.searchsorted(frame.open_time_ms, at)]
            for at in (columns.entry_ms[i], columns.exit_ms[i])
        )
        moved = abs(trade["entry_price"] - bought) + abs(trade["exit_price"] - sold)
        # Fills are on the price grid, which is a hundredth of the slippage or less.
        assert columns.slippage[i] == pytest.approx(moved * trade["quantity"], rel=0.05)


def test_slippage_in_numbers():
    """A tenth: opens of 100 are bought at 110 and sold at 90, so 10 each for every unit."""
    rows = np.zeros(2, TRADE)
    rows["side"], rows["quantity"], rows["reason"] = [1, -1], [2.0, 3.0], BY_SIGNAL
    rows["risk"] = 1.0
    rows["entry_price"], rows["exit_price"] = [110.0, 90.0], [90.0, 110.0]

    assert columns_of(rows, np.zeros(1, np.int64), 0.1).slippage.tolist() == pytest.approx([40, 60])


def test_equity_ends_with_the_last_trade_closed():
    result = a_stage().result()
    equity = marked_equity(result)

    assert equity.value[0] == result.start_wallet
    assert equity.value[-1] == result.final_wallet
    assert equity.time_ms[-1] == START_MS + 6_000 * BAR_MS - 1


def test_what_was_played_can_be_measured_and_judged():
    evidence = played(*a_stage().play)
    method = Method(draws=200, random_plays=20)

    measures = measured(evidence, 1, method)
    verdict = judge(measures, load_criteria(), Subject("c", "d"))

    assert measures.keys() == MEASURES.keys()
    assert all(math.isfinite(measures[name]) for name in ("mean_r", "random_p", "alpha_r"))
    assert measures["days"] == 63
    assert verdict.answer is Answer.TOO_LITTLE_DATA


def test_only_what_lies_between_from_and_to_is_played_and_held():
    start, end = START_MS + 2_000 * BAR_MS, START_MS + 4_000 * BAR_MS
    stage = a_stage(["XRPUSDT"], start_ms=start, end_ms=end)
    close = stage.market.frames["XRPUSDT"].candles.close

    evidence = played(*stage.play)

    assert (evidence.start_ms, evidence.end_ms) == (start, end)
    assert evidence.trades.entry_ms.min() >= start
    assert evidence.trades.exit_ms.max() < end
    assert evidence.holding is not None
    assert evidence.random is not None
    held = close[3_999] / close[2_000] * (1.0 - 2 * (0.0005 + 0.001)) - 1.0
    assert evidence.holding.total_ratio == pytest.approx(held)
    random = evidence.random(np.random.default_rng(1))
    assert random.entry_ms.min() >= start
    assert random.exit_ms.max() < end


def test_a_symbol_without_candles_in_that_time_is_not_held():
    start = START_MS + 2_000 * BAR_MS
    stage = a_stage(start_ms=start)
    frames = dict(stage.market.frames)
    frames["DOGEUSDT"] = frames["DOGEUSDT"].between(START_MS, START_MS + 1_000 * BAR_MS)
    gone = stage.signals["DOGEUSDT"]
    signals = stage.signals | {"DOGEUSDT": gone.after(len(gone))}
    market = replace(stage.market, frames=frames)

    held = played(market, signals, stage.settings).holding

    prices = [
        (frame.open_time_ms[2_000:], frame.candles.close[2_000:])
        for symbol, frame in frames.items()
        if symbol != "DOGEUSDT"
    ]
    assert held is not None
    assert held.total_ratio == buy_and_hold(prices, 2 * (0.0005 + 0.001)).total_ratio


def test_random_entries_are_about_as_many_on_either_side_and_others_each_time():
    stage = a_stage()
    own = trade_columns(stage.result(), 0.001)
    play = RandomSignals(*stage.play)

    first, same, other = (play(np.random.default_rng(seed)) for seed in (1, 1, 2))

    assert first.net.tolist() == same.net.tolist()
    assert first.net.tolist() != other.net.tolist()
    for side in (1, -1):
        count = np.count_nonzero(own.side == side)
        assert np.count_nonzero(first.side == side) == pytest.approx(count, rel=0.2)
    shared = np.intersect1d(first.entry_ms, own.entry_ms)
    assert len(shared) < 0.1 * len(own)


def with_signals(stage, rows, sides):
    """The market of `stage` with these signals, each a trade that is over within a few bars."""
    own = SymbolSignals(np.array(rows), np.array(sides, np.int8), np.full(len(rows), np.nan))
    near = ExitSettings(mode="pct", stop_loss_pct=1e-4, take_profit_pct=1e-4)
    settings = replace(stage.settings, exits={"XRPUSDT": near})
    return RandomSignals(stage.market, {"XRPUSDT": own}, settings)


def test_only_signals_of_the_time_played_that_can_be_acted_on_are_moved():
    """Bars 2,000 to 3,999 are played, and nothing follows the last one: longs alone are left."""
    start, end = START_MS + 2_000 * BAR_MS, START_MS + 4_000 * BAR_MS
    stage = a_stage(["XRPUSDT"], start_ms=start, end_ms=end)
    rows, sides = [500, 1_999, 2_000, 3_000, 3_998, 3_999, 4_000], [-1, -1, 1, 1, 1, -1, -1]

    plays = [with_signals(stage, rows, sides)(np.random.default_rng(seed)) for seed in range(5)]

    assert [trades.side.tolist() for trades in plays] == [[1, 1, 1]] * 5


@pytest.mark.parametrize("first", [300, 301, 1_000])
def test_chance_moves_a_signal_to_any_bar_that_can_be_acted_on_and_to_no_other(first):
    """Three bars; nothing is decided before bar 300, nor on the last bar that is played."""
    whole = {"start_ms": START_MS + first * BAR_MS} if first > 300 else {}
    stage = a_stage(["XRPUSDT"], end_ms=START_MS + (first + 4) * BAR_MS, **whole)
    play = with_signals(stage, [first, first + 1], [1, 1])

    plays = [play(np.random.default_rng(seed)) for seed in range(30)]

    entered = {(at - START_MS) // BAR_MS - 1 for trades in plays for at in trades.entry_ms.tolist()}
    assert entered == {first, first + 1, first + 2}


def test_random_entries_pay_the_costs_and_earn_nothing_on_a_fair_market():
    stage = a_stage(bars=20_000)
    play = RandomSignals(*stage.play)

    plays = [play(np.random.default_rng(seed)) for seed in range(30)]
    r = np.concatenate([trades.r for trades in plays])
    paid = np.concatenate([trades.costs / trades.risk for trades in plays])

    assert r.mean() == pytest.approx(-paid.mean(), abs=0.04)


def test_signals_that_a_filter_refused_are_not_drawn_at_random():
    stage = a_stage(["XRPUSDT"])
    own = stage.signals["XRPUSDT"]
    codes = np.full(len(own), FILTER, np.int8)
    codes[:5] = 0
    filtered = {"XRPUSDT": replace(own, refused=codes)}

    random = RandomSignals(stage.market, filtered, stage.settings)(np.random.default_rng(1))

    assert 1 <= len(random) <= 5


def test_a_rule_s_own_distances_go_along_as_fractions_of_the_price():
    stage = a_stage(["XRPUSDT"])
    own = stage.signals["XRPUSDT"]
    close = stage.market.frames["XRPUSDT"].candles.close
    brought = replace(own, stop_distance=0.02 * close[own.rows])

    play = RandomSignals(stage.market, {"XRPUSDT": brought}, stage.settings)
    random = play(np.random.default_rng(1))

    # 2 % of the signal bar's close, for a notional of 1,000 at the next open
    assert np.allclose(random.risk, 20.0, rtol=0.02)


def with_own_stop(stage):
    own = stage.signals["XRPUSDT"]
    close = stage.market.frames["XRPUSDT"].candles.close
    return stage.signals | {"XRPUSDT": replace(own, stop_distance=0.02 * close[own.rows])}


def with_own_target(stage):
    own = stage.signals["DOGEUSDT"]
    close = stage.market.frames["DOGEUSDT"].candles.close
    return stage.signals | {"DOGEUSDT": replace(own, target_distance=0.02 * close[own.rows])}


def with_own_stops(stage):
    return (
        stage.signals
        | with_own_stop(stage)
        | {
            "DOGEUSDT": replace(
                stage.signals["DOGEUSDT"],
                stop_distance=np.full(len(stage.signals["DOGEUSDT"]), 0.002),
            )
        }
    )


def with_own_targets(stage):
    return {
        symbol: replace(
            own, target_distance=0.02 * stage.market.frames[symbol].candles.close[own.rows]
        )
        for symbol, own in stage.signals.items()
    }


def with_refused(stage):
    own = stage.signals["DOGEUSDT"]
    refused = np.where(np.arange(len(own)) % 3 == 0, FILTER, 0).astype(np.int8)
    return stage.signals | {"DOGEUSDT": replace(own, refused=refused)}


def without_any(stage):
    return {symbol: own.after(len(own)) for symbol, own in stage.signals.items()}


@pytest.mark.parametrize(
    ("changed", "signals"),
    [
        ({}, None),
        ({"symbols": ["XRPUSDT"]}, None),
        ({"exit_mode": "pct"}, None),
        ({"trailing_stop_pct": 0.01}, None),
        ({"start_ms": START_MS + 2_000 * BAR_MS, "end_ms": START_MS + 4_000 * BAR_MS}, None),
        ({"bars": 320}, None),  # more plays than bars to draw
        ({"profile": "founding"}, None),
        ({}, with_refused),
        ({}, with_own_stop),
        ({}, with_own_target),
        ({}, with_own_targets),
        ({}, with_own_stops),
        ({}, without_any),
        ({"sizing": "account"}, None),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_many_plays_in_one_go_are_those_of_as_many_calls_to_the_last_bit(changed, signals):
    stage = a_stage(**changed)
    own = stage.signals if signals is None else signals(stage)
    play = RandomSignals(stage.market, own, stage.settings)

    together = play.r_of_each(np.random.default_rng(4).spawn(9))

    one_by_one = [play(rng).r for rng in np.random.default_rng(4).spawn(9)]
    assert [r.tobytes() for r in together] == [r.tobytes() for r in one_by_one]


def test_random_trades_that_risk_nothing_are_refused_however_they_are_played():
    stage = a_stage(["XRPUSDT"])
    nothing = {"XRPUSDT": ExitSettings(atr_sl_mult=0.0, atr_tp_mult=2.0)}
    play = RandomSignals(stage.market, stage.signals, replace(stage.settings, exits=nothing))

    with pytest.raises(DataError, match="no trades"):
        play(np.random.default_rng(1))
    with pytest.raises(DataError, match="no trades"):
        play.r_of_each([np.random.default_rng(1)])


def test_plays_that_do_not_fit_into_one_go_are_the_same():
    stage = a_stage(["XRPUSDT"])
    at_once, two_by_two = RandomSignals(*stage.play), RandomSignals(*stage.play, at_once=2)

    first = at_once.r_of_each(np.random.default_rng(4).spawn(5))
    second = two_by_two.r_of_each(np.random.default_rng(4).spawn(5))

    assert [r.tobytes() for r in first] == [r.tobytes() for r in second]


@pytest.mark.parametrize(
    ("signals", "plays"),
    [(0, 5_000), (1, 5_000), (25, 1_000), (1_000, 100), (9_091, 10), (50_001, 1), (10**9, 1)],
)
def test_as_many_plays_go_at_once_as_signals_and_marks_leave_room_for(signals, plays):
    """100,000 signals in all, and a mark for each of them and each play: 25 million."""
    assert plays_that_fit(signals) == plays


@pytest.mark.slow
def test_an_edge_planted_into_a_market_is_found_and_its_absence_too():
    shipped = load_criteria()
    criteria = replace(shipped, method=replace(shipped.method, draws=1_000, random_plays=40))

    def answer(edge):
        stage = a_stage(["XRPUSDT"], bars=42_000, seed=1, edge=edge, slippage_bps=2.0)
        return judge(
            measured(played(*stage.play), 1, criteria.method), criteria, Subject("c", "d")
        ).answer

    assert answer(0.3) is Answer.EDGE
    assert answer(None) is Answer.NO_EDGE
