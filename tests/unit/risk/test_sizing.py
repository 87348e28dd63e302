"""Section 4 of the trading rules, in numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cointrader.domain.instrument import Instrument
from cointrader.domain.order import Side
from cointrader.risk.book import Refusal
from cointrader.risk.limits import RiskLimits
from cointrader.risk.sizing import (
    BELOW_MIN_QUANTITY,
    SIZE_FITS,
    is_liquidation_near,
    margin_ratio,
    risk_notional,
    size_entry,
    size_verdict,
    slot_notional,
)
from tests.unit.risk.fakes import LONG, SHORT, Settings

GRID = Instrument(
    "XRPUSDT",
    tick_size=Decimal("0.0001"),
    step_size=Decimal("0.1"),
    min_quantity=Decimal("0.1"),
    max_quantity=Decimal(100000),
    min_notional=Decimal(5),
    maintenance_margin_ratio=Decimal("0.005"),
)


@pytest.mark.parametrize(
    ("snapshot", "is_relative", "expected"),
    [
        (1000.0, False, 0.50),
        (1100.0, False, 0.44),  # 100 of profit x 0.0006
        (900.0, False, 0.50),  # never above the maximum
        (2000.0, False, 0.20),  # never below the minimum
        (1100.0, True, 0.49994),  # a tenth of the base x 0.0006
    ],
)
def test_margin_ratio_falls_as_the_wallet_grows_past_its_base(snapshot, is_relative, expected):
    ratio = margin_ratio(snapshot, 1000.0, 0.50, 0.20, 0.0006, is_relative)

    assert ratio == pytest.approx(expected)


def test_a_relative_ratio_without_a_base_is_the_maximum():
    assert margin_ratio(50.0, 0.0, 0.5, 0.2, 0.0006, True) == 0.5


def test_slot_notional_is_a_share_of_the_wallet_times_ratio_times_leverage():
    assert slot_notional(900.0, 3, 0.5, 10.0) == 1500.0


def test_risk_notional_loses_the_risk_at_the_stop():
    notional = risk_notional(1000.0, 0.02, 2.0, 0.1)

    assert notional == pytest.approx(400.0)  # 200 units x 0.1 lost = 20 = 2 %


@pytest.mark.parametrize("sign", [1, -1])
def test_liquidation_is_near_when_less_than_two_stops_away(sign):
    assert not is_liquidation_near(sign, 100.0, 5.0, 100.0 - 10.0 * sign)
    assert is_liquidation_near(sign, 100.0, 5.1, 100.0 - 10.0 * sign)


def size(
    settings: Settings,
    *,
    side: Side = LONG,
    price: float = 2.0,
    stop_distance: float = 0.02,
    snapshot: float = 1000.0,
    base: float = 1000.0,
    instrument: Instrument = GRID,
) -> Decimal | Refusal:
    return size_entry(
        side,
        price=price,
        stop_distance=stop_distance,
        snapshot=snapshot,
        base=base,
        instrument=instrument,
        limits=RiskLimits.of(settings),
    )


def test_a_quantity_is_rounded_down_to_the_step():
    assert size(Settings()) == Decimal("833.3")  # 1000 / 3 x 0.5 x 10 / 2 = 833.33


def test_a_quantity_without_a_grid_is_not_rounded():
    quantity = size(Settings(), instrument=Instrument("ANY"))

    assert isinstance(quantity, Decimal)
    assert float(quantity) == pytest.approx(833.3333333333)


def test_slots_are_the_symbols_or_the_positions_allowed_if_fewer():
    by_symbols = Settings(symbols=("A", "B", "C", "D", "E"), max_positions=2)
    by_minimum = Settings(symbols=("A", "B", "C", "D", "E"), max_positions=2, slots_by="min")

    assert size(by_symbols) == Decimal("500.0")
    assert size(by_minimum) == Decimal("1250.0")


def test_risk_sizing_is_capped_by_the_account_notional():
    assert size(Settings(sizing="risk"), stop_distance=0.1) == Decimal("200.0")
    assert size(Settings(sizing="risk"), stop_distance=0.001) == Decimal("833.3")
    assert size(Settings(sizing="risk"), stop_distance=0.0) == Decimal("833.3")


def test_fixed_sizing_ignores_the_wallet():
    assert size(Settings(sizing="fixed:100"), snapshot=-5.0) == Decimal("50.0")


@pytest.mark.parametrize(
    ("snapshot", "reason"),
    [(0.01, "min-quantity"), (2.0, "min-notional"), (-5.0, "min-quantity")],
)
def test_too_small_is_refused_and_never_bumped_up(snapshot, reason):
    answer = size(Settings(), snapshot=snapshot)

    assert isinstance(answer, Refusal)
    assert answer.reason == reason


def test_nothing_at_all_is_too_small_also_where_no_minimum_is_known():
    assert size_verdict(0.0, 2.0, 0.0, 0.0, False) == BELOW_MIN_QUANTITY
    assert size_verdict(0.1, 2.0, 0.0, 0.0, False) == SIZE_FITS


def test_more_than_the_exchange_takes_is_cut_down_to_it():
    assert size(Settings(sizing="fixed:1e9")) == Decimal(100000)


@pytest.mark.parametrize("side", [LONG, SHORT])
def test_an_entry_near_its_liquidation_is_refused_where_the_rule_is_on(side):
    near = {"side": side, "stop_distance": 0.11}  # liquidation is about 0.19 away

    assert size(Settings(liquidation_distance=True), **near) == Refusal(
        "liquidation-near", "liquidation would be nearer than twice the stop"
    )
    assert size(Settings(), **near) == Decimal("833.3")
