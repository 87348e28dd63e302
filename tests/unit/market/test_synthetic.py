from __future__ import annotations

import hashlib
from decimal import Decimal

import numpy as np
import pytest

from cointrader.domain.clock import HOUR_MS, INTERVALS_MS
from cointrader.domain.ports import CandleSource
from cointrader.exchange.simulated.instruments import known_instrument
from cointrader.market.quality import Severity, inspect
from cointrader.market.synthetic import SyntheticSource
from cointrader.market.synthetic.nature import nature_of
from tests.unit.market.made import BAR_MS

SYMBOLS = ("XRPUSDT", "TRXUSDT", "DOGEUSDT")
KNOWN = (
    *SYMBOLS, "BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "ADAUSDT", "LINKUSDT", "AVAXUSDT",
    "LTCUSDT", "BCHUSDT", "DOTUSDT", "UNIUSDT", "XLMUSDT", "SUIUSDT", "NEARUSDT", "ATOMUSDT",
)  # fmt: skip
START_MS = 1_767_225_600_000  # 2026-01-01
BARS = 14 * 96 + 300


def a_market(
    seed: int = 7, symbols=SYMBOLS, bars: int = BARS, interval_ms: int = BAR_MS, **options
) -> SyntheticSource:
    source: CandleSource = SyntheticSource(symbols, seed, START_MS, bars, interval_ms, **options)
    assert isinstance(source, SyntheticSource)
    return source


def digest(source: SyntheticSource, symbol: str) -> str:
    arrays = source.candles(symbol).columns.arrays()
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def test_the_same_seed_is_the_same_market_byte_for_byte():
    for symbol in a_market().symbols():
        assert digest(a_market(), symbol) == digest(a_market(), symbol)
    assert a_market().settlements("XRPUSDT") == a_market().settlements("XRPUSDT")
    assert a_market().open_interest("XRPUSDT") == a_market().open_interest("XRPUSDT")


def test_another_seed_is_another_market():
    assert digest(a_market(1), "XRPUSDT") != digest(a_market(2), "XRPUSDT")


def test_a_symbol_does_not_depend_on_which_others_are_asked_for():
    alone = digest(a_market(symbols=["XRPUSDT"], correlation_symbols=[]), "XRPUSDT")

    later = a_market(symbols=SYMBOLS[::-1])
    for symbol in later.symbols():
        digest(later, symbol)
    assert alone == digest(a_market(), "XRPUSDT") == digest(later, "XRPUSDT")


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
    assert source.open_interest("ADAUSDT") == ()
    assert len(source.frame("ADAUSDT")) == 0


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


def test_funding_is_persistent_follows_the_trend_and_is_sometimes_negative():
    source = a_market(bars=365 * 96)
    rates = np.array([settlement.rate for settlement in source.settlements("XRPUSDT")])
    opens = source.candles("XRPUSDT").columns.open[::32]
    trend = np.log(opens[3:] / opens[:-3])

    assert 0.00001 < rates.mean() < 0.0001
    assert 0.05 < np.mean(rates < 0) < 0.45
    assert np.mean(rates == 0.0001) > 0.1  # the exchange's own part, when premiums are small
    assert np.corrcoef(rates[1:], rates[:-1])[0, 1] > 0.4
    assert np.corrcoef(rates[3:], trend)[0, 1] > 0.1


def test_open_interest_is_known_at_every_close():
    source = a_market(bars=200)

    known = source.open_interest("xrpusdt")
    times = [at_ms for at_ms, _ in known]
    assert times == [START_MS + (bar + 1) * BAR_MS for bar in range(200)]
    frame = source.frame("XRPUSDT")
    assert np.isnan(frame.oi_change[:2]).all()
    # What is stamped with a bar's close is told after it.
    assert frame.oi_change[7] == known[6][1] / known[5][1] - 1


def test_open_interest_goes_with_the_price_and_comes_back():
    source = a_market(bars=365 * 96)
    amounts = np.array([amount for _, amount in source.open_interest("DOGEUSDT")])
    changes = amounts[1:] / amounts[:-1] - 1
    moves = np.diff(np.log(source.candles("DOGEUSDT").columns.close))

    assert 0.5 < amounts.min() / amounts.mean() < amounts.max() / amounts.mean() < 2.0
    assert 0.001 < changes.std() < 0.01
    assert 0.15 < np.corrcoef(changes, moves)[0, 1] < 0.5


@pytest.mark.parametrize("interval", ["1m", "5m", "15m", "1h", "4h"])
def test_volatility_and_turnover_go_with_the_interval(interval):
    length_ms = INTERVALS_MS[interval]
    start_ms = START_MS // (4 * HOUR_MS) * 4 * HOUR_MS
    source = SyntheticSource(["XRPUSDT"], 3, start_ms, 4_000, length_ms)
    columns = source.candles("XRPUSDT").columns
    quarters = length_ms / BAR_MS

    moves = np.diff(np.log(columns.close))
    assert 0.6 < moves.std() / (0.0046 * quarters**0.5) < 1.5
    assert 0.4 < np.mean(columns.volume * columns.close) / (21e6 * quarters) < 2.0


@pytest.mark.parametrize("symbol", KNOWN)
def test_prices_stand_on_the_grid_of_the_simulated_exchange(symbol):
    instrument = known_instrument(symbol)

    assert instrument is not None
    assert Decimal(1).scaleb(-nature_of(symbol).decimals) == instrument.tick_size


def test_a_name_that_nobody_knows_has_a_nature_of_its_own():
    one, other = nature_of("AAAUSDT"), nature_of("BBBUSDT")

    assert one == nature_of("AAAUSDT")
    assert one != other
    assert 0.03 < one.price < 100
    assert 0 < one.own < 1


def test_a_longer_market_begins_with_the_shorter_one():
    short, long = a_market(bars=500), a_market(bars=3_000)

    for symbol in SYMBOLS:
        columns = zip(
            short.candles(symbol).columns.arrays(),
            long.candles(symbol).columns.rows(0, 500).arrays(),
            strict=True,
        )
        for one, other in columns:
            np.testing.assert_array_equal(one, other)


def test_years_do_not_drift_off():
    source = a_market(bars=5 * 365 * 24, interval_ms=HOUR_MS)

    for symbol in source.symbols():
        closes = source.candles(symbol).columns.close
        assert closes.min() / nature_of(symbol).price > 0.1
        assert closes.max() / nature_of(symbol).price < 10


@pytest.mark.parametrize(
    ("seed", "start_ms", "bars"), [(-1, START_MS, 10), (0, START_MS + 1, 10), (0, START_MS, 0)]
)
def test_an_impossible_market_is_refused(seed, start_ms, bars):
    with pytest.raises(ValueError, match="must"):
        SyntheticSource(SYMBOLS, seed, start_ms, bars, BAR_MS)
