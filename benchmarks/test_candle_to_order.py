"""From the last candle of a bar to its entry orders, 100 symbols closing at once."""

from __future__ import annotations

import os
import sys

import pytest

from benchmarks.candle_to_order import measured

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads another process's processor time"),
    pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="exchange and bots need a core each"),
]


@pytest.mark.benchmark(group="candle to order")
@pytest.mark.parametrize("with_model", [False, True], ids=["no model", "with model"])
def test_a_hundred_symbols_that_close_at_once(benchmark, with_model):
    result = benchmark.pedantic(measured, (100, 60), {"with_model": with_model}, rounds=1)
    benchmark.extra_info.update(result.quantiles())
    assert result.delays
