from __future__ import annotations

import hashlib

import numpy as np
import pytest

from cointrader.domain.ports import CandleSource
from cointrader.market.quality import Severity, inspect
from cointrader.market.synthetic import SyntheticSource
from tests.unit.market.made import BAR_MS

SYMBOLS = ("XRPUSDT", "TRXUSDT", "DOGEUSDT")
START_MS = 1_767_225_600_000  # 2026-01-01
BARS = 14 * 96 + 300


def a_market(seed: int = 7, symbols=SYMBOLS, bars: int = BARS, **options) -> SyntheticSource:
    source: CandleSource = SyntheticSource(symbols, seed, START_MS, bars, BAR_MS, **options)
    assert isinstance(source, SyntheticSource)
    return source


def digest(source: SyntheticSource, symbol: str) -> str:
    arrays = source.candles(symbol).columns.arrays()
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def test_the_same_seed_is_the_same_market_byte_for_byte():
    for symbol in a_market().symbols():
        assert digest(a_market(), symbol) == digest(a_market(), symbol)
    assert a_market().settlements("XRPUSDT") == a_market().settlements("XRPUSDT")


def test_another_seed_is_another_market():
    assert digest(a_market(1), "XRPUSDT") != digest(a_market(2), "XRPUSDT")


def test_a_symbol_does_not_depend_on_which_others_are_asked_for():
    assert digest(a_market(symbols=["XRPUSDT"]), "XRPUSDT") == digest(a_market(), "XRPUSDT")


def test_its_candles_are_sound():
    source = a_market(symbols=(*SYMBOLS, "NOBODYKNOWSUSDT"))

    for symbol in source.symbols():
        candles = source.candles(symbol)
        findings = inspect(candles.open_time_ms, candles.columns, BAR_MS)
        assert [one for one in findings if one.severity is not Severity.SUSPECT] == []
        assert len(candles) == BARS


def test_every_bar_opens_where_the_last_one_closed_on_the_price_grid():
    columns = a_market().candles("XRPUSDT").columns

    np.testing.assert_array_equal(columns.open[1:], columns.close[:-1])
    for array in columns.arrays()[:4]:
        assert all(float(f"{price:.4f}") == price for price in array.tolist())


def test_symbols_are_the_given_ones_then_the_context():
    assert a_market().symbols() == (*SYMBOLS, "BTCUSDT", "ETHUSDT")
    assert a_market(symbols=["btcusdt"], correlation_symbols=["SOLUSDT"]).symbols() == (
        "BTCUSDT",
        "SOLUSDT",
    )


def test_an_unknown_symbol_has_nothing():
    source = a_market()

    assert len(source.candles("ADAUSDT")) == 0
    assert source.settlements("ADAUSDT") == ()
    assert source.open_interest("XRPUSDT") == ()


def test_funding_settles_every_eight_hours():
    settlements = a_market(bars=96).settlements("XRPUSDT")

    hours = [(settlement.at_ms - START_MS) / 3_600_000 for settlement in settlements]
    assert hours == [0, 8, 16]
    assert all(abs(settlement.rate) <= 0.003 for settlement in settlements)


def test_a_frame_knows_the_last_settled_rate():
    source = a_market(bars=96)

    frame = source.frame("XRPUSDT")
    rates = [settlement.rate for settlement in source.settlements("XRPUSDT")]
    assert frame.funding_rate[[0, 31, 32, 95]].tolist() == [rates[0], rates[0], rates[1], rates[2]]
    assert list(frame.correlated) == ["BTCUSDT", "ETHUSDT"]


def test_it_moves_like_a_market():
    source = a_market(bars=10_000)
    own, btc = (source.candles(name).columns for name in ("XRPUSDT", "BTCUSDT"))
    moves, btc_moves = (np.diff(np.log(columns.close)) for columns in (own, btc))

    assert 0.003 < moves.std() < 0.008
    assert 0.5 < np.corrcoef(moves, btc_moves)[0, 1] < 0.8
    assert np.corrcoef(np.abs(moves[1:]), np.abs(moves[:-1]))[0, 1] > 0.1  # clusters
    assert abs(np.corrcoef(moves[1:], moves[:-1])[0, 1]) < 0.06  # and nothing to predict
    assert np.mean(moves**4) / np.mean(moves**2) ** 2 > 5  # fat tails
    assert np.corrcoef(np.abs(moves), np.log(own.volume[1:]))[0, 1] > 0.25


@pytest.mark.parametrize(
    ("seed", "start_ms", "bars"), [(-1, START_MS, 10), (0, START_MS + 1, 10), (0, START_MS, 0)]
)
def test_an_impossible_market_is_refused(seed, start_ms, bars):
    with pytest.raises(ValueError, match="must"):
        SyntheticSource(SYMBOLS, seed, start_ms, bars, BAR_MS)
