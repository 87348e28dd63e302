"""Liquidation and bankruptcy of an isolated position, in numbers."""

from decimal import Decimal

import pytest

from cointrader.domain.position import (
    bankruptcy_price,
    isolated_liquidation_price,
    liquidation_price,
)

D = Decimal


@pytest.mark.parametrize("sign", [1, -1])
def test_at_its_liquidation_price_a_position_is_worth_its_maintenance_margin(sign):
    # 300 units from 100 with 3,000 of margin, in a bracket of 1 % less 85.
    level = isolated_liquidation_price(sign, D(100), D("0.1"), D("0.01"), D(85) / 300)

    worth = 3000 + sign * 300 * (level - 100)
    assert round(worth - (300 * level * D("0.01") - 85), 12) == 0


def test_second_bracket_lies_nearer_than_its_ratio_alone_and_as_far_as_its_amount_says():
    first = liquidation_price(1, 100.0, 10.0, 0.005)

    assert first == pytest.approx(90.452261)
    assert liquidation_price(1, 100.0, 10.0, 0.0065, 15 / 150) == pytest.approx(90.488173)
    assert liquidation_price(-1, 100.0, 10.0, 0.0065, 15 / 150) == pytest.approx(109.388972)


@pytest.mark.parametrize(("sign", "expected"), [(1, "90.0450"), (-1, "109.9450")])
def test_at_its_bankruptcy_price_loss_and_fee_are_the_whole_margin(sign, expected):
    price = bankruptcy_price(sign, D(100), D("0.1"), D("0.0005"))

    assert round(price, 4) == D(expected)
    assert round(10 + sign * (price - 100) - price * D("0.0005"), 20) == 0


def test_position_of_leverage_one_is_bankrupt_at_nothing():
    assert bankruptcy_price(1, D(100), D(1), D("0.0005")) == 0
    assert liquidation_price(1, 100.0, 1.0, 0.005) == 0
