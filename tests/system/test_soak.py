"""A quarter of an hour of three symbols in half a minute: nothing grows, all that must is renewed.

The half hour of `make soak` is the same with the exchange's own 24 hours.
"""

from __future__ import annotations

import pytest

from cointrader.domain.clock import MINUTE_MS
from tests.system.mortal_run_processes import Pulse
from tests.system.soak import soak
from tests.system.soak_run import SoakPlan

PLAN = SoakPlan(pace=25, life_ms=6 * MINUTE_MS, sample_s=1.0)


def test_some_bars_of_three_symbols_leak_nothing_and_pass_every_renewal(tmp_path):
    with Pulse() as pulse:
        soaked = soak(0.55, tmp_path / "soak", PLAN)

    if soaked.violations and pulse.is_too_slow_for(PLAN.pace):
        pytest.skip(f"the machine is too busy: {pulse.latest_s:.2f} s late, {soaked.violations}")
    assert soaked.violations == []
    assert soaked.keep_alives >= 2
    assert len(soaked.cut_ages_h) >= 2
