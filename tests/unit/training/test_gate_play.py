"""Signals that are judged: which pass, by what was known, and what the kernel makes of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cointrader.app.backtest import market_of, settings_of
from cointrader.app.config import Config
from cointrader.app.paper.market import instruments_of, synthetic_market
from cointrader.app.verdict.trial import own_trades_config
from cointrader.backtest.run import run
from cointrader.backtest.signals import signals_of
from cointrader.domain.errors import DataError
from cointrader.signals.configured import configured_rule
from cointrader.training import candidate
from cointrader.training.gate_play import let_pass, on_market

SYMBOL = "XRPUSDT"
DAY_MS = 86_400_000
START_MS = 1_735_689_600_000


@pytest.fixture(scope="module")
def world():
    """A made-up market with the configured rule's signals, and how they are played."""
    config = own_trades_config(
        Config(None, flags={"symbols": SYMBOL, "correlation_symbols": "off"}, environ={})
    )
    made = synthetic_market(config, 3, START_MS, START_MS + 120 * DAY_MS)
    market = market_of(config, made.source)
    own = config.for_symbol(SYMBOL)
    signals = signals_of(configured_rule(own), market.frames[SYMBOL], own.periods)
    settings = settings_of(config, instruments_of(config, made.source, [SYMBOL]))
    return market, signals, settings


def out_of_fold(open_ms, side, margin, net_r=None, folds=3, label_ms=DAY_MS):
    count = len(open_ms)
    return candidate.Tested(
        open_ms=np.asarray(open_ms, np.int64),
        label_end_ms=np.asarray(open_ms, np.int64) + label_ms,
        fold=np.arange(count, dtype=np.int64) * folds // count,
        side=np.asarray(side, np.int8),
        label=np.zeros(count, np.int8),
        net_r=np.zeros(count) if net_r is None else np.asarray(net_r, np.float64),
        margin=np.asarray(margin, np.float64),
        probability=np.full(count, 0.5),
    )


def all_tested(world, margin=None, **changes):
    market, signals, _ = world
    times = market.frames[SYMBOL].open_time_ms[signals.rows]
    rng = np.random.default_rng(2)
    found = out_of_fold(
        times,
        signals.side,
        rng.normal(size=len(times)) if margin is None else margin,
        rng.normal(size=len(times)),
    )
    return dataclasses.replace(found, **changes)


def at_distance(count=400):
    """Rows two days apart, and a score that is right about them."""
    rng = np.random.default_rng(1)
    margin = rng.normal(size=count)
    return np.arange(count) * 2 * DAY_MS, margin, np.where(margin > 0.0, 1.0, -1.0)


def test_the_first_fold_is_not_judged_and_every_other_is():
    times, margin, net_r = at_distance()
    rows = out_of_fold(times, np.ones(400), margin, net_r)
    passed, is_judged = let_pass(rows)

    assert np.array_equal(is_judged, rows.fold > 0)
    assert passed[is_judged].mean() == pytest.approx(0.5, abs=0.1)
    assert (net_r[is_judged & passed] > 0.0).mean() > 0.9


def test_a_threshold_is_chosen_on_the_folds_before_alone():
    """What the judged fold's trades came to changes nothing about which of them pass."""
    times, margin, net_r = at_distance()
    last = np.arange(400) * 3 // 400 == 2
    passed, _ = let_pass(out_of_fold(times, np.ones(400), margin, net_r))
    other, _ = let_pass(out_of_fold(times, np.ones(400), margin, np.where(last, -net_r, net_r)))

    assert np.array_equal(passed, other)


def test_outcomes_that_were_not_known_when_a_fold_began_do_not_count():
    times, margin, net_r = at_distance()
    wrong = net_r.copy()
    before = np.arange(400) * 3 // 400 == 1
    late = before & (np.cumsum(before) > 100)  # the newest of the fold before
    wrong[late] = -net_r[late]
    rows = out_of_fold(times, np.ones(400), margin, net_r)
    ends = np.where(late, times[-1] + 1, rows.label_end_ms)
    known_late = dataclasses.replace(rows, label_end_ms=ends)
    changed = dataclasses.replace(known_late, net_r=wrong)

    assert np.array_equal(let_pass(known_late)[0], let_pass(changed)[0])


def test_without_a_refusal_the_gate_plays_the_backtest_itself(world):
    market, signals, settings = world
    judged, play = on_market(all_tested(world), market, SYMBOL, signals, settings)
    results = play(np.ones(len(judged), np.bool_))

    start = int(market.frames[SYMBOL].open_time_ms[signals.rows[-len(judged)]])
    plain = run(market, {SYMBOL: signals}, dataclasses.replace(settings, start_ms=start))
    made = results[~np.isnan(results)]
    assert len(made) == len(plain.trades) > 20
    assert np.array_equal(made, plain.trades["net"] / plain.trades["risk"])


def test_what_is_refused_makes_no_trade_and_costs_are_paid(world):
    market, signals, settings = world
    judged, play = on_market(all_tested(world), market, SYMBOL, signals, settings)
    none = play(np.zeros(len(judged), np.bool_))
    some = play(judged.passed)
    free = dataclasses.replace(settings, slippage=0.0)
    _, for_free = on_market(all_tested(world), market, SYMBOL, signals, free)

    assert np.isnan(none).all()
    assert not (~np.isnan(some) & ~judged.passed).any()
    assert np.nansum(for_free(judged.passed)) > np.nansum(some)


def test_a_refused_signal_frees_the_place_of_one_that_comes_while_it_would_be_held(world):
    market, signals, settings = world
    judged, play = on_market(all_tested(world), market, SYMBOL, signals, settings)
    everything = play(np.ones(len(judged), np.bool_))
    first = int(np.flatnonzero(~np.isnan(everything) & np.isnan(np.roll(everything, -1)))[0])
    without = np.ones(len(judged), np.bool_)
    without[first] = False

    assert np.isnan(everything[first + 1])  # held already
    assert not np.isnan(play(without)[first + 1])


def test_rows_that_are_no_signals_of_the_rule_are_not_judged(world):
    market, signals, settings = world
    rows = all_tested(world)
    more = {
        field.name: np.insert(getattr(rows, field.name), 100, getattr(rows, field.name)[100])
        for field in dataclasses.fields(rows)
    }
    more["open_ms"][100] -= market.interval_ms  # a bar without a signal
    more["side"][100] = 0
    judged, _ = on_market(rows, market, SYMBOL, signals, settings)
    with_it, _ = on_market(candidate.Tested(**more), market, SYMBOL, signals, settings)

    assert len(with_it) == len(judged)


def test_a_candidate_of_other_candles_or_another_strategy_is_refused(world):
    market, signals, settings = world
    rows = all_tested(world)
    shifted = dataclasses.replace(rows, open_ms=rows.open_ms + market.interval_ms)
    opposite = dataclasses.replace(rows, side=-rows.side)
    every_other = {f.name: getattr(rows, f.name)[::2] for f in dataclasses.fields(rows)}
    thinned = candidate.Tested(**every_other)

    for wrong in (shifted, opposite, thinned):
        with pytest.raises(DataError, match="other candles, or for another strategy"):
            on_market(wrong, market, SYMBOL, signals, settings)


def test_a_training_of_one_fold_has_nothing_to_judge(world):
    market, signals, settings = world
    rows = all_tested(world)
    single = dataclasses.replace(rows, fold=np.zeros_like(rows.fold))

    with pytest.raises(DataError, match="one fold"):
        on_market(single, market, SYMBOL, signals, settings)
