"""Liquidation and bankruptcy of an isolated position, in numbers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cointrader.domain.instrument import Instrument, brackets_of
from cointrader.domain.position import bankruptcy_price, liquidation_price

D = Decimal


RATIOS, AMOUNTS = (0.005, 0.0065, 0.01), (0.0, 15.0, 85.0)  # brackets up to 10,000 and 20,000
TIERED = Instrument(
    "XRPUSDT",
    brackets=brackets_of(
        [(D(10_000), 75, D("0.005")), (D(20_000), 50, D("0.0065")), (D(160_000), 40, D("0.01"))]
    ),
)


@pytest.mark.parametrize("sign", [1, -1])
@given(
    quantity=st.decimals(1, 5_000, places=1),
    margin_ratio=st.decimals(D("0.02"), D("0.5"), places=3),
)
def test_at_its_liquidation_price_a_position_is_worth_its_maintenance_margin(
    sign, quantity, margin_ratio
):
    ratios = [bracket.maintenance_margin_ratio for bracket in TIERED.brackets]
    amounts = [bracket.maintenance_amount for bracket in TIERED.brackets]
    level = liquidation_price(sign, D(100), quantity, margin_ratio, ratios, amounts)

    worth = 100 * quantity * margin_ratio + sign * quantity * (level - 100)
    assert round(worth - TIERED.maintenance_margin(quantity * level), 12) == 0


@pytest.mark.parametrize(
    ("sign", "quantity", "expected"),
    [
        (1, 50.0, 90.452261),  # 90 / 0.995: the ratio of the first bracket and no amount
        (-1, 50.0, 109.452736),
        (1, 150.0, 90.488173),  # 15,000 at entry: (90 - 15 / 150) / 0.9935
        (-1, 150.0, 109.388972),
        (1, 105.0, 90.452261),  # 10,500 at entry, and back in the first bracket at 9,497
        # 9,900 at entry, and in the second at 10,835: (110 + 15 / 99) / 1.0065
        (-1, 99.0, 109.440154),
    ],
)
def test_bracket_that_a_position_is_in_when_liquidated_says_where(sign, quantity, expected):
    level = liquidation_price(sign, 100.0, quantity, 0.1, RATIOS, AMOUNTS)

    assert level == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("sign", "expected"), [(1, 90.0), (-1, 110.0)])
def test_without_brackets_a_position_lasts_as_long_as_its_margin(sign, expected):
    assert liquidation_price(sign, 100.0, 1.0, 0.1, (), ()) == pytest.approx(expected)


@pytest.mark.parametrize(("sign", "expected"), [(1, "90.0450"), (-1, "109.9450")])
def test_at_its_bankruptcy_price_loss_and_fee_are_the_whole_margin(sign, expected):
    price = bankruptcy_price(sign, D(100), D("0.1"), D("0.0005"))

    assert round(price, 4) == D(expected)
    assert round(10 + sign * (price - 100) - price * D("0.0005"), 20) == 0


def test_position_of_leverage_one_is_bankrupt_at_nothing():
    assert bankruptcy_price(1, D(100), D(1), D("0.0005")) == 0
    assert liquidation_price(1, 100.0, 1.0, 1.0, RATIOS, AMOUNTS) == 0
