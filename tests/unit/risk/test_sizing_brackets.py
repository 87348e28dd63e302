"""The liquidation rule of an entry: the price is the one at which the exchange would liquidate."""

from decimal import Decimal

import pytest

from cointrader.domain.instrument import Instrument, brackets_of
from cointrader.domain.position import Position
from cointrader.exchange.simulated.instruments import plausible_instrument
from cointrader.exchange.simulated.margin import liquidation_level
from cointrader.risk.book import Refusal
from cointrader.risk.limits import RiskLimits
from cointrader.risk.sizing import entry_liquidation_price, size_entry
from tests.unit.risk.fakes import LONG, SHORT, Settings

D = Decimal
TIERED = Instrument(
    "XRPUSDT",
    step_size=D("0.1"),
    brackets=brackets_of([(D(10_000), 50, D("0.005")), (D(1_000_000), 20, D("0.05"))]),
)


@pytest.mark.parametrize(
    ("side", "notional", "stop_distance", "is_refused"),
    [
        # First bracket: liquidated at 2 x 0.9 / 0.995 = 1.809045, 0.190955 away.
        (LONG, 10_000, 0.0954, False),
        (LONG, 10_000, 0.0955, True),
        # Second, at 100,000: 5 % less 450, so (1.8 - 0.009) / 0.95 = 1.885263, 0.114737 away.
        (LONG, 100_000, 0.0573, False),
        (LONG, 100_000, 0.0574, True),
        # A short at the cap of the first is in the second by then: (2.2 + 0.09) / 1.05 = 2.180952,
        # 0.180952 away; the first alone would say 2.189055.
        (SHORT, 10_000, 0.0904, False),
        (SHORT, 10_000, 0.0905, True),
    ],
)
def test_larger_entry_is_nearer_to_its_liquidation(side, notional, stop_distance, is_refused):
    answer = size_entry(
        side,
        price=2.0,
        stop_distance=stop_distance,
        snapshot=1e6,
        base=1e6,
        instrument=TIERED,
        limits=RiskLimits.of(Settings(sizing=f"fixed:{notional}", liquidation_distance=True)),
    )

    assert isinstance(answer, Refusal) is is_refused


@pytest.mark.parametrize(
    ("quantity", "reason"), [("0", "min-quantity"), ("0.1", "liquidation-near")]
)
def test_of_no_quantity_no_liquidation_is_asked_and_of_the_smallest_it_is(quantity, reason):
    answer = size_entry(
        LONG,
        price=2.0,
        stop_distance=0.5,
        snapshot=1e6,
        base=1e6,
        instrument=TIERED,
        limits=RiskLimits.of(
            Settings(sizing=f"fixed:{D(quantity) * 2 + D('0.001')}", liquidation_distance=True)
        ),
    )

    assert isinstance(answer, Refusal)
    assert answer.reason == reason


@pytest.mark.parametrize("side", [LONG, SHORT])
@pytest.mark.parametrize("notional", ["9900", "1590000", "7990000"])
def test_an_entry_expects_to_be_liquidated_where_the_exchange_will_do_it(side, notional):
    xrp, quantity = plausible_instrument("XRPUSDT", []), D(notional) / 2
    held = Position("XRPUSDT", side, quantity, D(2), 0, margin=D(notional) / 10)

    expected = entry_liquidation_price(
        side, price=2.0, quantity=float(quantity), leverage=10, instrument=xrp
    )

    assert expected == pytest.approx(float(liquidation_level(held, xrp) or 0), rel=1e-12)
