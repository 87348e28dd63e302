from __future__ import annotations

import numpy as np
import pytest

from cointrader.domain.errors import DataError, MissingCandles
from cointrader.market.frame import Columns
from cointrader.market.quality import (
    Finding,
    Kind,
    Severity,
    coverage,
    inspect,
    refusal,
    utc,
    why_impossible,
)
from tests.unit.market.made import BAR_MS, START_MS, some_columns, some_times


def found(times=None, columns=None, **options) -> list[tuple[Kind, int, Severity]]:
    times = some_times(8) if times is None else times
    columns = some_columns(len(times)) if columns is None else columns
    findings = inspect(times, columns, BAR_MS, **options)
    return [(finding.kind, finding.row, finding.severity) for finding in findings]


def columns_with(row: int, **values: float) -> Columns:
    columns = some_columns(8)
    for name, value in values.items():
        getattr(columns, name)[row] = value
    return columns


def test_sound_candles_give_no_finding():
    assert found() == []
    assert found(some_times(0), some_columns(0)) == []
    assert found(some_times(1), some_columns(1)) == []


def test_a_gap_is_found_at_the_candle_after_it():
    times = some_times(8)[[0, 1, 4, 5]]

    findings = inspect(times, some_columns(4), BAR_MS)

    assert findings == [
        Finding(
            Kind.GAP,
            2,
            START_MS + 4 * BAR_MS,
            "2 missing between 2025-03-05 15:15 UTC and 2025-03-05 16:00 UTC",
            Severity.REFUSED,
        )
    ]


def test_unsorted_rows_are_repaired():
    order = np.array([0, 2, 1, 3])
    times, columns = some_times(4)[order], some_columns(4).take(order)

    assert found(times, columns) == [(Kind.UNSORTED, 2, Severity.REPAIRED)]


def test_an_exact_copy_is_repaired_and_a_contradiction_refused():
    order = np.array([0, 1, 1, 2, 2])
    columns = some_columns(5).take(order)
    columns.close[4] += 0.5

    assert found(some_times(5)[order], columns) == [
        (Kind.CONFLICT, 4, Severity.REFUSED),
        (Kind.DUPLICATE, 2, Severity.REPAIRED),
    ]


def test_copies_that_differ_in_context_only_are_in_conflict():
    order = np.array([0, 1, 1])
    columns = some_columns(3).take(order)
    nan = np.nan

    same = found(some_times(3)[order], columns, context=[np.array([nan, nan, nan])])
    other = found(some_times(3)[order], columns, context=[np.array([nan, nan, 1.0])])

    assert same == [(Kind.DUPLICATE, 2, Severity.REPAIRED)]
    assert other == [(Kind.CONFLICT, 2, Severity.REFUSED)]


def test_an_off_grid_time_is_refused():
    times = some_times(4)
    times[3] += 5_000

    assert (Kind.OFF_GRID, 3, Severity.REFUSED) in found(times)


def test_candles_of_another_interval_are_one_finding():
    hourly = START_MS + 3_600_000 * np.arange(5, dtype=np.int64)

    findings = inspect(hourly, some_columns(5), BAR_MS)

    assert [finding.kind for finding in findings] == [Kind.WRONG_INTERVAL]
    assert findings[0].detail == "1h apart, not 15m"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"high": 100.0}, "high 100.0 is below"),
        ({"low": 104.5}, "low 104.5 is above"),
        ({"low": 0.0}, "low is 0.0"),
        ({"close": np.nan}, "close is nan"),
        ({"open": -np.inf}, "open is -inf"),
        ({"high": np.inf}, "high is inf"),
        ({"volume": -1.0}, "volume is -1.0"),
        ({"volume": np.nan}, "volume is nan"),
    ],
)
def test_an_impossible_candle_is_refused_with_its_values(values, why):
    findings = inspect(some_times(8), columns_with(4, **values), BAR_MS)

    first = findings[0]
    assert (first.kind, first.row, first.severity) == (Kind.IMPOSSIBLE, 4, Severity.REFUSED)
    assert why in first.detail
    assert "volume" in first.detail


def test_why_impossible_has_nothing_against_a_flat_candle_without_volume():
    assert why_impossible(1.0, 1.0, 1.0, 1.0, 0.0) is None


def test_bars_without_volume_are_one_suspect_per_run():
    columns = some_columns(8)
    columns.volume[[1, 2, 5]] = 0.0

    assert found(columns=columns) == [
        (Kind.ZERO_VOLUME, 1, Severity.SUSPECT),
        (Kind.ZERO_VOLUME, 5, Severity.SUSPECT),
    ]


def test_a_frozen_price_is_a_suspect_from_the_fourth_bar_on():
    flat = np.full(8, 5.0)
    volume = np.ones(8)

    assert found(columns=Columns(flat, flat, flat, flat, volume)) == [
        (Kind.FROZEN, 0, Severity.SUSPECT)
    ]
    assert (
        found(some_times(3), Columns(*(array[:3] for array in (flat, flat, flat, flat, volume))))
        == []
    )


def test_a_jump_beyond_a_fifth_is_a_suspect():
    assert found(columns=columns_with(4, low=60.0)) == [(Kind.JUMP, 4, Severity.SUSPECT)]
    assert found(columns=columns_with(4, low=84.0)) == []


def test_a_last_candle_stored_before_its_close_is_repaired():
    stored_ms = START_MS + 8 * BAR_MS - 1

    assert found(stored_ms=stored_ms) == [(Kind.OPEN_CANDLE, 7, Severity.REPAIRED)]
    assert found(stored_ms=stored_ms + 1) == []


def test_several_candles_from_after_the_storing_are_refused():
    stored_ms = START_MS + 6 * BAR_MS

    assert found(stored_ms=stored_ms) == [
        (Kind.OPEN_CANDLE, 6, Severity.REFUSED),
        (Kind.OPEN_CANDLE, 7, Severity.REPAIRED),
    ]


def test_refusal_is_missing_candles_for_a_gap_and_data_error_for_the_rest():
    gap = refusal(inspect(some_times(8)[[0, 1, 2, 5]], some_columns(4), BAR_MS), "file")
    impossible = refusal(inspect(some_times(8), columns_with(1, low=0.0), BAR_MS), "file")

    assert isinstance(gap, MissingCandles)
    assert isinstance(impossible, DataError)
    assert not isinstance(impossible, MissingCandles)
    assert "file, row 1 counted from 0, 2025-03-05 15:15 UTC" in str(impossible)
    assert refusal([], "file") is None


def test_coverage_is_the_share_of_known_values():
    columns = {"a": np.array([1.0, np.nan, 0.0, 2.0]), "b": np.array([])}

    assert coverage(columns) == {"a": 0.75, "b": 0.0}


def test_times_are_told_as_people_read_them():
    assert utc(START_MS) == "2025-03-05 15:00 UTC"
    assert utc(START_MS + 1_500) == "2025-03-05 15:00:01 UTC"
    assert utc(10**18) == f"{10**18} ms"
