"""Rows to learn from: which there are, what they hold, and what people are told of them."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from cointrader.app.backtest import market_of, settings_of
from cointrader.app.config import Config
from cointrader.app.paper.market import instruments_of, synthetic_market
from cointrader.backtest.signals import signals_of
from cointrader.domain.clock import DAY_MS
from cointrader.domain.errors import ConfigError, MissingCandles
from cointrader.market.source import FolderSource
from cointrader.signals.features import feature_names, feature_row
from cointrader.signals.indicators import Indicators
from cointrader.signals.rules import Signals, evaluate
from cointrader.signals.score import ScoreRule, ScoreSettings
from cointrader.training.coverage import drift_of, report_of
from cointrader.training.dataset import NOT_TRADED, OPEN_AT_END, TOO_LATE, dataset, pooled
from cointrader.training.labels import LabelSettings
from cointrader.training.population import Population, TooFewRows, require_enough
from cointrader.training.splits import expanding

SHARED = Path(__file__).parents[4] / "shared" / "data" / "combined"
SYMBOLS = ["XRPUSDT", "DOGEUSDT"]
START_MS = 1_767_225_600_000
DAYS = 40


@cache
def world(seed=3):
    """A synthetic market of two symbols, and how backtests play it."""
    config = Config(overrides={"symbols": SYMBOLS}, environ={}, folder="/nonexistent")
    source = synthetic_market(config, seed, START_MS, START_MS + DAYS * DAY_MS).source
    return market_of(config, source), settings_of(config, instruments_of(config, source, SYMBOLS))


@cache
def rows_of(symbol="XRPUSDT", **options):
    market, settings = world()
    return dataset(market, symbol, ScoreRule(), settings, **options)


def same(one, other):
    return all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name in ("rows",))
        for name in ("rows", "label", "open_ms", "label_end_ms", "weight", "net_r", "side")
    )


# ------------------------------------------------------------------ rows


def test_there_is_one_row_per_signal_of_the_strategy_whose_outcome_is_known():
    market, _ = world()
    frame, made = market.frames["XRPUSDT"], rows_of()
    signals = signals_of(ScoreRule(), frame)

    assert len(made) + made.dropped[OPEN_AT_END] == len(signals) - made.dropped[NOT_TRADED]
    assert set(made.open_ms) <= set(frame.open_time_ms[signals.rows])
    assert np.all(np.diff(made.open_ms) > 0)
    assert np.all(made.label_end_ms > made.open_ms)
    assert np.array_equal(made.label, made.net_r > 0.0)
    assert made.is_own.all()
    assert made.symbols == ("XRPUSDT",)


def test_a_row_is_what_a_bot_would_show_the_filter():
    market, _ = world()
    frame, made = market.frames["XRPUSDT"], rows_of()
    answers = evaluate(ScoreRule(), frame, Indicators(frame))

    assert made.names == feature_names(("BTCUSDT", "ETHUSDT"))
    for place in range(0, len(made), 7):
        row = int(np.searchsorted(frame.open_time_ms, made.open_ms[place]))
        shown = frame.rows(max(0, row - 999), row + 1)
        live = feature_row(shown, Indicators(shown), answers.at(row))
        np.testing.assert_allclose(made.rows[place], live, rtol=1e-9, atol=1e-9)
    assert not np.isnan(made.rows).any()  # funding and open interest included


def test_side_and_strength_are_the_signal_s():
    made = rows_of()

    assert np.array_equal(made.rows[:, made.names.index("side")], made.side > 0)
    assert made.rows[:, made.names.index("signal_strength")].min() >= 3


def test_a_correlation_symbol_has_no_columns_of_itself():
    config = Config(
        overrides={"symbols": ["BTCUSDT", "XRPUSDT"]}, environ={}, folder="/nonexistent"
    )
    source = synthetic_market(config, 3, START_MS, START_MS + 10 * DAY_MS).source
    market = market_of(config, source)
    settings = settings_of(config, instruments_of(config, source, config.symbols))

    made = dataset(market, "BTCUSDT", ScoreRule(), settings)

    assert made.names == feature_names(("ETHUSDT",))
    with pytest.raises(ConfigError, match="learned from together"):
        pooled([made, dataset(market, "XRPUSDT", ScoreRule(), settings)])


def test_a_range_keeps_rows_whose_label_was_known_in_it():
    market, settings = world()
    whole = rows_of()
    from_ms, to_ms = int(whole.open_ms[10]), int(whole.label_end_ms[40]) - 900_000

    part = dataset(market, "XRPUSDT", ScoreRule(), settings, from_ms=from_ms, to_ms=to_ms)

    wanted = (whole.open_ms >= from_ms) & (whole.open_ms < to_ms)
    known = wanted & (whole.label_end_ms <= to_ms)
    assert part.open_ms.tolist() == whole.open_ms[known].tolist()
    assert part.net_r.tolist() == whole.net_r[known].tolist()
    assert part.dropped[TOO_LATE] == (wanted & ~known).sum() > 0
    assert part.weight[[0, -1]].tolist() == pytest.approx([1.0, math.exp(2.0)])


def test_what_comes_after_a_range_changes_nothing_in_it():
    market, settings = world()
    frame = market.frames["XRPUSDT"]
    to_ms = int(frame.open_time_ms[2500])
    cut = replace(market, frames={"XRPUSDT": frame.rows(0, 2500)}, _stretches={})
    early = dataset(market, "XRPUSDT", ScoreRule(), settings, to_ms=to_ms)

    assert same(early, dataset(cut, "XRPUSDT", ScoreRule(), settings))


def test_the_founding_label_keeps_the_trade_s_own_r():
    market, settings = world()
    made = dataset(market, "XRPUSDT", ScoreRule(), settings, label=LabelSettings("barrier"))

    own = dict(zip(rows_of().open_ms.tolist(), rows_of().net_r.tolist(), strict=True))
    assert made.net_r.tolist() == [own[at] for at in made.open_ms.tolist()]
    assert np.all(made.label_end_ms <= made.open_ms + 25 * 900_000)
    assert made.label.tolist() != (made.net_r > 0).astype(int).tolist()


class Ranged(ScoreRule):
    """The built-in rule with a feature of its own."""

    def evaluate(self, frame, indicators) -> Signals:
        wide = (indicators.high - indicators.low) / indicators.close
        return replace(super().evaluate(frame, indicators), extra={"range": wide})


def test_a_rule_s_own_features_are_columns():
    market, settings = world()
    frame = market.frames["XRPUSDT"]

    made = dataset(market, "XRPUSDT", Ranged(), settings)

    rows = np.searchsorted(frame.open_time_ms, made.open_ms)
    candles = frame.candles
    expected = (candles.high[rows] - candles.low[rows]) / candles.close[rows]
    assert made.names[-1] == "range"
    assert made.rows[:, -1].tolist() == expected.tolist()


# ------------------------------------------------------------------ other populations


def test_looser_signals_are_more_and_say_what_they_are():
    loose = Population(ScoreRule(ScoreSettings(2)), "signal_threshold 2")

    made = rows_of(population=loose)

    assert len(made) > 2 * len(rows_of())
    assert made.population == "signal_threshold 2"
    assert 0 < made.is_own.sum() < len(made)
    assert same(replace(made.take(made.is_own), weight=rows_of().weight), rows_of())
    assert made.hash != rows_of().hash


def test_looser_signals_end_no_trades():
    made, own = rows_of(population=Population(ScoreRule(ScoreSettings(2)), "looser")), rows_of()

    assert made.net_r[made.is_own].tolist() == own.net_r.tolist()
    assert made.label_end_ms[made.is_own].tolist() == own.label_end_ms.tolist()


class BothWays:
    """A rule that says the contrary of the usual one, and more often."""

    name, warm_up = "contrary", 300

    def evaluate(self, frame, indicators):
        found = ScoreRule(ScoreSettings(2)).evaluate(frame, indicators)
        return replace(found, side=-found.side)


class WithExits:
    name, warm_up = "with exits", 300

    def evaluate(self, frame, indicators):
        found = ScoreRule(ScoreSettings(2)).evaluate(frame, indicators)
        return replace(found, stop_distance=np.full(len(found), 0.01))


def test_where_a_looser_rule_says_something_else_the_strategys_own_signal_stays():
    made = rows_of(population=Population(BothWays(), "contrary"))

    assert same(replace(made.take(made.is_own), weight=rows_of().weight), rows_of())
    assert len(made) > 2 * len(rows_of())


def test_a_looser_rule_with_other_exits_is_refused():
    with pytest.raises(ConfigError, match=r"other exits.*\n.*\n.*stop_distance"):
        rows_of(population=Population(WithExits(), "with exits"))


def test_bars_without_a_signal_come_only_when_they_are_asked_for():
    made = rows_of(population=Population(holds=2.0))
    holds = made.side == 0

    assert holds.sum() == pytest.approx(2 * len(rows_of()), abs=4)
    assert not made.label[holds].any()
    assert not made.net_r[holds].any()
    assert np.isnan(made.rows[holds][:, made.names.index("side")]).all()
    assert same(replace(made.take(~holds), weight=rows_of().weight), rows_of())
    assert "without a signal" in made.population
    assert not (rows_of().side == 0).any()


def test_looser_signals_need_a_name():
    with pytest.raises(ConfigError, match="name"):
        Population(ScoreRule(ScoreSettings(2)))


# ------------------------------------------------------------------ pooling


def test_pooled_rows_stand_in_time_order_with_weights_over_all_of_time():
    parts = [rows_of(symbol) for symbol in SYMBOLS]

    whole = pooled(parts)

    assert len(whole) == sum(map(len, parts))
    assert np.all(np.diff(whole.open_ms) >= 0)
    assert whole.weight.max() == pytest.approx(math.exp(2.0))
    for place, part in enumerate(parts):
        own = whole.take(whole.symbol_id == place)
        assert same(replace(own, weight=part.weight), part)
    assert whole.dropped[OPEN_AT_END] == sum(part.dropped[OPEN_AT_END] for part in parts)


def test_pooled_rows_are_purged_by_time_across_symbols():
    whole = pooled([rows_of(symbol) for symbol in SYMBOLS])

    for train, test in expanding(whole, 3, 6 * 3_600_000):
        begins_ms = whole.open_ms[test].min() - 6 * 3_600_000
        assert whole.label_end_ms[train].max() <= begins_ms
        assert set(whole.symbol_id[test]) == {0, 1}


# ------------------------------------------------------------------ the hash


def test_the_hash_is_stable_and_tells_other_data_apart():
    market, settings = world()
    again = dataset(market, "XRPUSDT", ScoreRule(), settings)
    frame = market.frames["XRPUSDT"]
    oi = frame.oi_change.copy()
    oi[1000] += 1e-9
    moved = replace(market, frames={"XRPUSDT": replace(frame, oi_change=oi)}, _stretches={})
    dearer = replace(settings, slippage=0.001)

    hashes = [
        rows_of().hash,
        rows_of("DOGEUSDT").hash,
        dataset(moved, "XRPUSDT", ScoreRule(), settings).hash,
        dataset(market, "XRPUSDT", ScoreRule(), dearer).hash,
        dataset(market, "XRPUSDT", ScoreRule(), settings, label=LabelSettings(decay=1.0)).hash,
        dataset(market, "XRPUSDT", ScoreRule(ScoreSettings(4)), settings).hash,
        pooled([rows_of(symbol) for symbol in SYMBOLS]).hash,
    ]

    assert again.hash == rows_of().hash
    assert len(set(hashes)) == len(hashes)


def test_every_nan_is_the_same_nan_to_the_hash():
    market, settings = world()
    frame = market.frames["XRPUSDT"]

    def with_nan(nan):
        oi = frame.oi_change.copy()
        oi[1000] = nan
        other = replace(market, frames={"XRPUSDT": replace(frame, oi_change=oi)}, _stretches={})
        return dataset(other, "XRPUSDT", ScoreRule(), settings).hash

    assert with_nan(math.nan) == with_nan(-math.nan)


# ------------------------------------------------------------------ gates and reports


@pytest.mark.parametrize(("won", "lost"), [(100, 99), (49, 500), (500, 49), (0, 0)])
def test_too_few_signals_are_refused_with_their_numbers(won, lost):
    label = np.array([1] * won + [0] * lost, np.int8)

    with pytest.raises(TooFewRows) as told:
        require_enough(label, "XRPUSDT")

    assert f"{won} won, {lost} lost" in str(told.value)
    assert isinstance(told.value, MissingCandles)  # which the commands answer with exit code 3


def test_enough_signals_pass():
    require_enough(np.array([1] * 50 + [0] * 150, np.int8), "XRPUSDT")


def test_a_column_under_its_floor_is_left_out_loudly():
    made = rows_of()
    rows = made.rows.copy()
    rows[: len(rows) // 2, made.names.index("oi_change")] = math.nan
    rows[: len(rows) // 20, made.names.index("funding_rate")] = math.nan
    holed = replace(made, rows=rows)

    report = holed.report()

    assert report.left_out == ("oi_change",)
    assert report.lines()[0].startswith("LEFT OUT, too little is known of them: oi_change (50%")
    assert holed.report(floors={"oi_change": 0.3}).left_out == ()
    assert "funding_rate" in holed.report(floor=0.99).left_out
    assert made.report().left_out == ()


def test_a_column_nobody_knows_is_left_out_whatever_its_floor():
    made = rows_of()
    rows = made.rows.copy()
    rows[:, 0] = math.nan

    assert replace(made, rows=rows).report(floor=0.0).left_out == ("rsi",)


@pytest.mark.parametrize("floors", [{"rsi": 1.1}, {"rsl": 0.5}, {"rsi": math.nan}])
def test_an_impossible_floor_is_refused(floors):
    with pytest.raises(ConfigError, match="coverage floor"):
        rows_of().report(floors=floors)


def test_a_report_tells_classes_population_and_what_was_dropped():
    made = rows_of()
    report, won = made.report(), int(made.label.sum())

    words = "\n".join(report.lines())

    assert (report.rows, report.won) == (len(made), won)
    assert f"{len(made):,} signals: {won:,} won" in words
    assert "the strategy's own signals" in words
    if made.dropped[OPEN_AT_END]:
        assert OPEN_AT_END in words


def test_drift_is_the_distance_of_smirnov():
    stats = pytest.importorskip("scipy.stats", reason="scipy, of oracle-stats, is not installed")
    rng = np.random.default_rng(1)
    for size in (40, 200, 1000):
        first, last = rng.normal(size=size), rng.normal(0.3, 1.2, size + 7)
        first[::9] = math.nan
        known = first[~np.isnan(first)]
        n, m = len(known), len(last)
        expected = stats.ks_2samp(known, last, method="asymp")

        found = drift_of(first, last)

        assert found.distance == pytest.approx(expected.statistic, abs=1e-12)
        assert found.chance == pytest.approx(
            stats.kstwobign.sf(expected.statistic * math.sqrt(n * m / (n + m))),
            abs=1e-9,
        )


def test_a_column_that_moved_is_named_and_chance_is_not():
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(600, 20))
    rows[:, 3] += np.linspace(0.0, 2.0, 600)
    names = [f"column_{place}" for place in range(20)]

    report = report_of(rows, names, np.zeros(600, np.int8))

    assert report.drifted == ("column_3",)
    assert any("column_3" in line for line in report.lines())


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared real candles are not here")
def test_a_year_of_real_signals_and_open_interest_that_nobody_recorded():
    symbols = ["XRPUSDT", "TRXUSDT", "DOGEUSDT"]
    config = Config(overrides={"symbols": symbols}, environ={}, folder="/nonexistent")
    source = FolderSource(SHARED, symbols)
    market = market_of(config, source)
    settings = settings_of(config, instruments_of(config, source, symbols))

    found = {name: dataset(market, name, ScoreRule(), settings) for name in symbols}

    assert {name: len(made) for name, made in found.items()} == {
        "XRPUSDT": 531, "TRXUSDT": 489, "DOGEUSDT": 551,
    }  # fmt: skip
    assert {name: int(made.label.sum()) for name, made in found.items()} == {
        "XRPUSDT": 168, "TRXUSDT": 167, "DOGEUSDT": 181,
    }  # fmt: skip
    for made in found.values():
        left_out = ("oi_change", "oi_change_ma5", "oi_price_spread")
        assert made.report().left_out == left_out
        assert made.net_r.mean() < 0  # the default strategy loses, and the rows say so
