"""The liquidation rule of an entry asks the leverage bracket that its notional falls into."""

from decimal import Decimal

import pytest

from cointrader.domain.instrument import Instrument, brackets_of
from cointrader.risk.book import Refusal
from cointrader.risk.limits import RiskLimits
from cointrader.risk.sizing import size_entry
from tests.unit.risk.fakes import LONG, Settings

D = Decimal
TIERED = Instrument(
    "XRPUSDT",
    step_size=D("0.1"),
    brackets=brackets_of([(D(10_000), 50, D("0.005")), (D(1_000_000), 20, D("0.05"))]),
)


@pytest.mark.parametrize(
    ("notional", "stop_distance", "is_refused"),
    [
        # First bracket: liquidated at 2 x 0.9 / 0.995 = 1.809045, 0.190955 away.
        (10_000, 0.0954, False),
        (10_000, 0.0955, True),
        # Second, at 100,000: 5 % less 450, so (1.8 - 0.009) / 0.95 = 1.885263, 0.114737 away.
        (100_000, 0.0573, False),
        (100_000, 0.0574, True),
    ],
)
def test_larger_entry_is_nearer_to_its_liquidation(notional, stop_distance, is_refused):
    answer = size_entry(
        LONG,
        price=2.0,
        stop_distance=stop_distance,
        snapshot=1e6,
        base=1e6,
        instrument=TIERED,
        limits=RiskLimits.of(Settings(sizing=f"fixed:{notional}", liquidation_distance=True)),
    )

    assert isinstance(answer, Refusal) is is_refused
