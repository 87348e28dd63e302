"""The synthetic market against real candles: the stylised facts of fourteen months, side by side.

The real figures are written out, so that the comparison is never empty; where the real candles are
at hand they are measured again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cointrader.market.frame import COLUMN_NAMES, Columns, Floats, Times
from cointrader.market.synthetic import SyntheticSource
from tests.unit.market.made import BAR_MS

REAL_CANDLES = Path(__file__).resolve().parents[4] / "shared" / "data" / "klines_15m"
SYMBOLS = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "DOGEUSDT", "TRXUSDT")
START_MS, BARS = 1_735_603_200_000, 40_800  # 2024-12-31, the hours and weekdays of the real ones
SEEDS = (0, 1, 2)
LAGS = (1, 4, 16, 96)  # a quarter of an hour, an hour, four, a day

Market = dict[str, tuple[Times, Columns]]
Measure = Callable[[Times, Columns], float | list[float]]


def returns(candles: Columns) -> Floats:
    return np.diff(np.log(candles.close))


def without_crashes(values: Floats) -> Floats:
    """The thousandth that is largest cut down to its smallest: one crash would decide the rest."""
    most = np.quantile(np.abs(values), 0.999)
    return np.clip(values, -most, most)


def autocorrelation(values: Floats, lag: int) -> float:
    away = values - values.mean()
    return float((away[lag:] * away[:-lag]).mean() / (away * away).mean())


def volatility(times: Times, candles: Columns) -> float:
    return 100.0 * float(returns(candles).std())


def tail_index(times: Times, candles: Columns) -> float:
    """Hill's estimator on the largest fiftieth of absolute returns."""
    sizes = np.sort(np.abs(returns(candles)))[::-1]
    largest = len(sizes) // 50
    return float(1.0 / np.mean(np.log(sizes[:largest] / sizes[largest])))


def kurtosis(times: Times, candles: Columns) -> float:
    moves = without_crashes(returns(candles))
    return float(np.mean(moves**4) / np.mean(moves**2) ** 2)


def clusters_squared(times: Times, candles: Columns) -> list[float]:
    squares = without_crashes(returns(candles)) ** 2
    return [autocorrelation(squares, lag) for lag in LAGS]


def clusters_absolute(times: Times, candles: Columns) -> list[float]:
    sizes = np.abs(returns(candles))
    return [autocorrelation(sizes, lag) for lag in LAGS]


def memory_of_direction(times: Times, candles: Columns) -> list[float]:
    return [autocorrelation(returns(candles), lag) for lag in LAGS]


def memory_of_volume(times: Times, candles: Columns) -> list[float]:
    volumes = np.log(candles.volume + 1.0)
    return [autocorrelation(volumes, lag) for lag in LAGS]


def volume_with_move(times: Times, candles: Columns) -> float:
    volumes = np.log(candles.volume[1:] + 1.0)
    return float(np.corrcoef(volumes, np.abs(returns(candles)))[0, 1])


def body_share(times: Times, candles: Columns) -> float:
    """|close - open| of high - low, over all bars; the rest is wicks."""
    bodies = np.abs(np.log(candles.close / candles.open))
    return float(bodies.mean() / np.log(candles.high / candles.low).mean())


def by_hour(times: Times, values: Floats) -> list[float]:
    return by_group(times // 3_600_000 % 24, values)


def by_weekday(times: Times, values: Floats) -> list[float]:
    return by_group((times // 86_400_000 + 3) % 7, values)


def by_group(group: Times, values: Floats) -> list[float]:
    return [float(values[group == one].mean() / values.mean()) for one in range(group.max() + 1)]


def hours_of_moves(times: Times, candles: Columns) -> list[float]:
    return by_hour(times[1:], np.abs(returns(candles)))


def hours_of_volume(times: Times, candles: Columns) -> list[float]:
    return by_hour(times, candles.volume)


def weekdays_of_moves(times: Times, candles: Columns) -> list[float]:
    return by_weekday(times[1:], np.abs(returns(candles)))


def weekdays_of_volume(times: Times, candles: Columns) -> list[float]:
    return by_weekday(times, candles.volume)


def in_all_symbols(measure: Measure, market: Market) -> Floats:
    """One row per symbol."""
    return np.array([np.atleast_1d(measure(*market[symbol])) for symbol in SYMBOLS])


def correlations(market: Market) -> Floats:
    """Of returns, over the bars that all symbols have: the pairs above the diagonal."""
    length = min(len(times) for times, _ in market.values())
    moves = [returns(market[symbol][1])[1 - length :] for symbol in SYMBOLS]
    return np.atleast_2d(np.corrcoef(moves))[np.triu_indices(len(SYMBOLS), 1)]


MEASURES: dict[str, Measure] = {
    measure.__name__: measure
    for measure in (
        volatility, tail_index, kurtosis, clusters_squared, clusters_absolute, memory_of_direction,
        memory_of_volume, volume_with_move, body_share, hours_of_moves, hours_of_volume,
        weekdays_of_moves, weekdays_of_volume,
    )
}  # fmt: skip

PROFILES = ("hours_of_moves", "hours_of_volume", "weekdays_of_moves", "weekdays_of_volume")

# One row per symbol, one column per lag; profiles are averaged over the symbols.
REAL: dict[str, Floats] = {
    name: np.array(figures)
    for name, figures in {
        "volatility": [[0.247], [0.387], [0.468], [0.497], [0.178]],
        "tail_index": [[2.985], [2.892], [2.714], [2.933], [3.152]],
        "kurtosis": [[12.879], [12.406], [14.238], [11.02], [8.956]],
        "clusters_squared": [
            [0.283, 0.178, 0.083, 0.086],
            [0.229, 0.128, 0.067, 0.047],
            [0.307, 0.195, 0.12, 0.057],
            [0.237, 0.155, 0.077, 0.041],
            [0.222, 0.157, 0.093, 0.063],
        ],
        "clusters_absolute": [
            [0.335, 0.257, 0.159, 0.155],
            [0.283, 0.196, 0.122, 0.108],
            [0.384, 0.243, 0.173, 0.116],
            [0.31, 0.21, 0.125, 0.093],
            [0.261, 0.182, 0.116, 0.09],
        ],
        "memory_of_direction": [
            [-0.004, -0.006, 0.003, 0.011],
            [0.005, 0.0, 0.009, 0.0],
            [-0.022, -0.003, 0.01, -0.009],
            [-0.002, -0.001, 0.014, -0.001],
            [0.02, 0.028, 0.012, 0.0],
        ],
        "memory_of_volume": [
            [0.778, 0.608, 0.372, 0.322],
            [0.761, 0.589, 0.374, 0.341],
            [0.789, 0.639, 0.453, 0.379],
            [0.746, 0.583, 0.367, 0.342],
            [0.676, 0.555, 0.421, 0.373],
        ],
        "volume_with_move": [[0.592], [0.57], [0.563], [0.552], [0.555]],
        "body_share": [[0.5], [0.477], [0.49], [0.49], [0.514]],
        "hours_of_moves": [
            1.126,
            1.064,
            0.957,
            0.871,
            0.841,
            0.817,
            0.856,
            0.86,
            0.889,
            0.868,
            0.795,
            0.838,
            0.939,
            1.148,
            1.407,
            1.36,
            1.238,
            1.191,
            1.055,
            1.0,
            1.04,
            1.0,
            0.976,
            0.866,
        ],
        "hours_of_volume": [
            1.028,
            0.939,
            0.851,
            0.767,
            0.743,
            0.718,
            0.806,
            0.872,
            0.917,
            0.866,
            0.818,
            0.864,
            1.078,
            1.382,
            1.761,
            1.636,
            1.428,
            1.261,
            1.05,
            0.956,
            0.944,
            0.799,
            0.782,
            0.737,
        ],
        "weekdays_of_moves": [1.144, 1.067, 1.038, 1.035, 1.104, 0.752, 0.859],
        "weekdays_of_volume": [1.203, 1.091, 1.047, 1.053, 1.146, 0.663, 0.796],
        "correlations": [0.823, 0.748, 0.762, 0.437, 0.759, 0.811, 0.492, 0.816, 0.474, 0.491],
    }.items()
}


@pytest.fixture(scope="module")
def made() -> dict[str, Floats]:
    """The figures of the synthetic market, averaged over seeds."""
    figures = [figures_of(a_market(seed)) for seed in SEEDS]
    return {name: np.mean([one[name] for one in figures], axis=0) for name in figures[0]}


def a_market(seed: int) -> Market:
    source = SyntheticSource(SYMBOLS, seed, START_MS, BARS, BAR_MS)
    rows = {symbol: source.candles(symbol) for symbol in SYMBOLS}
    return {symbol: (one.open_time_ms, one.columns) for symbol, one in rows.items()}


def figures_of(market: Market) -> dict[str, Floats]:
    figures = {name: in_all_symbols(measure, market) for name, measure in MEASURES.items()}
    profiles = {name: figures[name].mean(axis=0) for name in figures if name in PROFILES}
    return figures | profiles | {"correlations": correlations(market)}


@pytest.mark.skipif(
    not REAL_CANDLES.is_dir(), reason=f"real market data is not in this checkout ({REAL_CANDLES})"
)
def test_the_real_figures_are_those_of_the_real_candles():
    market = {}
    for symbol in SYMBOLS:
        table = pl.read_parquet(REAL_CANDLES / f"{symbol}.parquet")
        prices = (table[name].cast(pl.Float64).to_numpy() for name in COLUMN_NAMES)
        market[symbol] = table["timestamp"].dt.epoch("ms").to_numpy(), Columns(*prices)

    for name, figure in figures_of(market).items():
        np.testing.assert_allclose(figure, REAL[name], atol=0.0006, err_msg=name)


@pytest.mark.parametrize(
    ("name", "most_apart", "on_average"),
    [("volatility", 0.15, 0.08), ("tail_index", 0.35, 0.15), ("kurtosis", 0.40, 0.20)],
)
def test_a_size_is_the_real_one_within_a_fraction(made, name, most_apart, on_average):
    apart = np.abs(made[name] / REAL[name] - 1.0)

    assert apart.max() < most_apart
    assert apart.mean() < on_average


@pytest.mark.parametrize(
    ("name", "most_apart", "on_average"),
    [
        ("clusters_squared", 0.12, 0.05),
        ("clusters_absolute", 0.12, 0.05),
        ("memory_of_volume", 0.15, 0.06),
        ("memory_of_direction", 0.05, 0.02),
        ("volume_with_move", 0.08, 0.04),
        ("body_share", 0.04, 0.02),
        ("correlations", 0.05, 0.03),
        ("hours_of_moves", 0.10, 0.04),
        ("hours_of_volume", 0.25, 0.12),
        ("weekdays_of_moves", 0.10, 0.05),
        ("weekdays_of_volume", 0.15, 0.06),
    ],
)
def test_a_share_or_correlation_is_the_real_one_but_for_little(made, name, most_apart, on_average):
    apart = np.abs(made[name] - REAL[name])

    assert apart.max() < most_apart
    assert apart.mean() < on_average


def test_the_direction_is_not_remembered(made):
    assert np.abs(made["memory_of_direction"]).max() < 0.02
