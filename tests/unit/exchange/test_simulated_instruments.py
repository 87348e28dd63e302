# mypy: disable-error-code="comparison-overlap"
# Decimals are compared with whole numbers here.

from decimal import Decimal

from cointrader.exchange.simulated import known_instrument, plausible_instrument, unconstrained


def test_known_symbol_has_its_stored_filters_whatever_the_prices():
    doge = plausible_instrument("DOGEUSDT", [0.1])

    assert doge == known_instrument("DOGEUSDT")
    assert (doge.tick_size, doge.step_size, doge.min_notional) == (Decimal("0.00001"), 1, 5)
    assert doge.maintenance_margin_ratio == Decimal("0.005")


def test_unknown_symbol_gets_a_tick_of_the_decimals_seen_and_a_step_of_little_worth():
    made = plausible_instrument("NEWUSDT", [12.5, 12.345, 12.0])

    assert known_instrument("NEWUSDT") is None
    assert made.tick_size == Decimal("0.001")
    assert made.step_size == made.min_quantity == Decimal("0.01")
    assert made.min_notional == 5


def test_cheap_symbol_trades_in_whole_units_with_at_most_eight_decimals():
    made = plausible_instrument("DUSTUSDT", [1.23e-7, 1.234567891e-3])

    assert made.tick_size == Decimal("0.00000001")
    assert made.step_size == 1


def test_symbol_without_prices_still_has_an_instrument():
    assert plausible_instrument("NEWUSDT", []).tick_size == 1
    assert plausible_instrument("NEWUSDT", [float("nan"), 2.5]).tick_size == Decimal("0.1")


def test_unconstrained_rounds_nothing():
    free = unconstrained("XRPUSDT")

    assert free.quantity(0.123456789) == Decimal("0.123456789")
    assert free.min_notional == free.maintenance_margin_ratio == 0


def test_known_symbol_has_its_brackets():
    xrp = plausible_instrument("XRPUSDT", [])

    assert (xrp.max_leverage, xrp.maintenance_margin_ratio) == (75, Decimal("0.005"))
    assert xrp.max_notional(10) == 8_000_000
    assert xrp.maintenance_margin(Decimal(100_000)) == 915  # 1 % less 85
    assert [bracket.maintenance_amount for bracket in xrp.brackets][-2:] == [3_345_685, 13_345_685]


def test_unknown_symbol_has_those_of_a_small_one():
    made = plausible_instrument("NEWUSDT", [1.0])

    assert (made.max_leverage, made.max_notional(10)) == (50, 1_000_000)


def test_brackets_ask_for_more_margin_and_allow_less_leverage_as_they_grow():
    for symbol in ("BTCUSDT", "XRPUSDT", "XLMUSDT", "NEWUSDT"):
        brackets = plausible_instrument(symbol, []).brackets
        ratios = [bracket.maintenance_margin_ratio for bracket in brackets]

        assert ratios == sorted(set(ratios))
        assert all(b.maintenance_margin_ratio * b.max_leverage < 1 for b in brackets)
        assert brackets[-1].max_leverage == 1


def test_unconstrained_symbol_is_never_liquidated():
    assert unconstrained("XRPUSDT").brackets == ()
