"""Work in other processes: every result once, errors told, and nothing left behind."""

from __future__ import annotations

import multiprocessing
import operator
import time

import pytest

from cointrader.app.cluster import processors, spread


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_result_comes_once(jobs):
    assert sorted(spread(operator.add, 100, list(range(10)), jobs=jobs)) == list(range(100, 110))


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_there_is_an_error_here(jobs):
    with pytest.raises(ZeroDivisionError):
        list(spread(operator.truediv, 1.0, [1.0, 0.0, 2.0], jobs=jobs))

    assert multiprocessing.active_children() == []


def test_who_stops_listening_stops_the_work():
    waits = [0.0, 0.0, *[60.0] * 20]
    results = spread(operator.call, time.sleep, waits, jobs=2)
    next(results)

    begun_s = time.monotonic()
    results.close()

    assert time.monotonic() - begun_s < 30.0
    assert multiprocessing.active_children() == []


def test_there_is_a_processor():
    assert processors() >= 1
