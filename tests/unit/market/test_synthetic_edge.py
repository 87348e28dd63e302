"""A planted edge earns what it says: trades played by a small player of this file's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from cointrader.market.frame import Floats, Frame
from cointrader.market.quality import Severity, inspect
from cointrader.market.synthetic import PlantedEdge, SyntheticSource
from cointrader.signals.indicators import Indicators
from cointrader.signals.score import ScoreRule
from tests.unit.market.made import BAR_MS

SYMBOLS = ("XRPUSDT", "TRXUSDT", "DOGEUSDT")
START_MS = 1_767_225_600_000  # 2026-01-01
FEE, SLIPPAGE = 0.0005, 0.0002  # per fill
CHANNEL = 12

Answers = tuple[NDArray[np.int8], Floats]
Signal = Callable[[Frame], Answers]


def breakout(frame: Frame) -> Answers:
    """Out of the last three hours' range: a rule of many trades."""
    candles = frame.candles
    sides, distances = np.zeros(len(frame), np.int8), np.full(len(frame), np.nan)
    if len(frame) > CHANNEL:
        highest = sliding_window_view(candles.high, CHANNEL).max(axis=1)
        lowest = sliding_window_view(candles.low, CHANNEL).min(axis=1)
        ranges = sliding_window_view(candles.high - candles.low, CHANNEL).mean(axis=1)
        sides[CHANNEL:] += candles.close[CHANNEL:] > highest[:-1]
        sides[CHANNEL:] -= candles.close[CHANNEL:] < lowest[:-1]
        distances[CHANNEL:] = 1.3 * ranges[1:]
    return sides, distances


def score(frame: Frame) -> Answers:
    """The built-in rule, with the default stop."""
    indicators = Indicators(frame)
    return ScoreRule().evaluate(frame, indicators).side, 1.5 * indicators.atr


def long_only(frame: Frame) -> Answers:
    sides, distances = breakout(frame)
    return np.maximum(sides, 0), distances


def played(frame: Frame, signal: Signal, target_ratio: float = 2.0) -> Iterator[list[float]]:
    """Gross and net profit of each trade of a rule on one symbol, in units of its risk.

    Trading rules, section 3, without funding: in at the next open, the stop before the target, out
    at the next open after an opposite signal, which opens the other side there.
    """
    opens, highs, lows, _, _ = (column.tolist() for column in frame.candles.arrays())
    sides, distances = (answers.tolist() for answers in signal(frame))
    bar, bars = 0, len(frame)
    while bar < bars - 1:
        side, risk = sides[bar], distances[bar]
        bar += 1
        if not side or not risk > 0:
            continue
        begun = opens[bar]
        entry = begun * (1 + side * SLIPPAGE)
        stop, target = entry - side * risk, entry + side * target_ratio * risk
        level = None
        while bar < bars:
            worst, best = (lows[bar], highs[bar]) if side > 0 else (highs[bar], lows[bar])
            if side * worst <= side * stop:
                level = stop
            elif side * best >= side * target:
                level = target
            elif sides[bar] == -side and bar + 1 < bars:
                level = opens[bar + 1]
            if level is not None:
                break  # what the rule says to this bar is looked at next
            bar += 1
        if level is not None:
            out = level * (1 - side * SLIPPAGE)
            net = side * (out - entry) - FEE * (entry + out)
            yield [side * (level - begun) / risk, net / risk]


def a_market(
    edge: PlantedEdge | None, seed: int = 7, bars: int = 4_000, symbols=SYMBOLS, **options
) -> SyntheticSource:
    return SyntheticSource(symbols, seed, START_MS, bars, BAR_MS, edge=edge, **options)


def results(
    edge: PlantedEdge | None, signal: Signal, seeds: int, bars: int, target_ratio: float = 2.0
) -> Floats:
    """Gross and net of all trades on all symbols of several markets: two columns."""
    return np.array(
        [
            trade
            for seed in range(seeds)
            for symbol in SYMBOLS
            for trade in played(a_market(edge, seed, bars).frame(symbol), signal, target_ratio)
        ]
    )


def standard_error(values: Floats) -> float:
    return float(values.std() / math.sqrt(len(values)))


@pytest.mark.parametrize("net_r", [0.0, 0.1, 0.3])
def test_a_planted_edge_earns_what_it_says_after_costs(net_r):
    edge = PlantedEdge(breakout, net_r, history=2 * CHANNEL)

    net = results(edge, breakout, seeds=4, bars=4_000)[:, 1]

    assert len(net) > 3_500
    assert standard_error(net) < 0.025
    assert abs(net.mean() - net_r) < 2.5 * standard_error(net)


def test_without_an_edge_a_trade_loses_its_costs():
    gross, net = results(None, breakout, seeds=4, bars=4_000).T

    assert abs(gross.mean()) < 2.5 * standard_error(gross)
    assert 0.2 < (gross - net).mean() < 0.4


def test_the_built_in_rule_has_no_edge_here():
    gross = results(None, score, seeds=6, bars=8_000)[:, 0]

    assert len(gross) > 1_500
    assert abs(gross.mean()) < 2.5 * standard_error(gross)


def test_the_built_in_rule_earns_what_is_planted_for_it():
    net = results(PlantedEdge(score, 0.3), score, seeds=2, bars=12_000)[:, 1]

    assert len(net) > 800
    assert abs(net.mean() - 0.3) < 2.5 * standard_error(net)


@pytest.mark.parametrize("target_ratio", [1.0, math.inf])
def test_any_target_will_do(target_ratio):
    edge = PlantedEdge(breakout, 0.2, target_ratio=target_ratio, history=2 * CHANNEL)

    net = results(edge, breakout, 2, 4_000, target_ratio)[:, 1]

    assert abs(net.mean() - 0.2) < 2.5 * standard_error(net)


def test_a_rule_of_one_side_will_do():
    edge = PlantedEdge(long_only, 0.2, history=2 * CHANNEL)

    net = results(edge, long_only, seeds=3, bars=4_000)[:, 1]

    assert abs(net.mean() - 0.2) < 2.5 * standard_error(net)


def test_nothing_changes_before_the_first_signal_is_known():
    bare, planted = (a_market(edge).frame("XRPUSDT") for edge in (None, an_edge()))
    first = int(np.flatnonzero(breakout(bare)[0])[0])

    before = slice(0, first + 1)
    np.testing.assert_array_equal(bare.candles.close[before], planted.candles.close[before])
    assert bare.candles.close[first + 1] != planted.candles.close[first + 1]


def test_a_planted_market_is_the_same_however_it_is_asked_for():
    whole = a_market(an_edge(), bars=2_000)
    longer = a_market(an_edge(), bars=3_000, symbols=["btcusdt", "XRPUSDT"])

    np.testing.assert_array_equal(
        whole.candles("XRPUSDT").columns.close, longer.candles("XRPUSDT").columns.close[:2_000]
    )


def test_the_rule_sees_what_the_finished_market_shows():
    seen: dict[int, float] = {}

    def spy(frame: Frame) -> Answers:
        seen.update(zip(frame.open_time_ms.tolist(), frame.candles.close.tolist(), strict=True))
        return breakout(frame)

    frame = a_market(PlantedEdge(spy, 0.5)).frame("XRPUSDT")

    assert [seen[at] for at in frame.open_time_ms.tolist()] == frame.candles.close.tolist()


def test_context_volume_funding_and_open_interest_know_nothing_of_the_edge():
    bare, planted = a_market(None), a_market(an_edge())

    for symbol in ("BTCUSDT", "ETHUSDT"):
        one, other = (source.candles(symbol).columns for source in (bare, planted))
        np.testing.assert_array_equal(one.close, other.close)
    one, other = (source.candles("XRPUSDT").columns for source in (bare, planted))
    np.testing.assert_array_equal(one.volume, other.volume)
    assert bare.settlements("XRPUSDT") == planted.settlements("XRPUSDT")
    assert bare.open_interest("XRPUSDT") == planted.open_interest("XRPUSDT")


def test_a_traded_correlation_symbol_gets_its_edge_too():
    bare, planted = (a_market(edge, symbols=["BTCUSDT"]) for edge in (None, an_edge()))

    closes = [source.candles("BTCUSDT").columns.close for source in (bare, planted)]
    assert np.any(closes[0] != closes[1])
    context = planted.frame("BTCUSDT").correlated["BTCUSDT"]
    np.testing.assert_array_equal(context.close, closes[1])


def test_a_planted_market_looks_like_the_bare_one():
    bare, planted = (a_market(edge, bars=20_000) for edge in (None, an_edge()))
    moves = [np.diff(np.log(source.candles("XRPUSDT").columns.close)) for source in (bare, planted)]
    rows = planted.candles("XRPUSDT")

    findings = inspect(rows.open_time_ms, rows.columns, BAR_MS)
    assert [one for one in findings if one.severity is not Severity.SUSPECT] == []
    np.testing.assert_array_equal(rows.columns.open[1:], rows.columns.close[:-1])
    assert abs(moves[1].std() / moves[0].std() - 1) < 0.05
    for lag in (1, 2, 4):
        assert abs(np.corrcoef(moves[1][lag:], moves[1][:-lag])[0, 1]) < 0.06


def test_the_label_says_that_an_edge_is_planted():
    assert a_market(None).label == "synthetic market, seed 7"
    assert a_market(PlantedEdge(breakout, 0.2)).label == (
        "synthetic market, seed 7, planted edge of 0.20 R"
    )


@pytest.mark.parametrize(
    "impossible", [{"history": 0}, {"target_ratio": 0.0}, {"cost_ratio": -0.1}, {"net_r": math.nan}]
)
def test_an_impossible_edge_is_refused(impossible):
    with pytest.raises(ValueError, match="must"):
        PlantedEdge(**{"signal": breakout, "net_r": 0.1} | impossible)


def an_edge() -> PlantedEdge:
    return PlantedEdge(breakout, 0.2, history=2 * CHANNEL)
