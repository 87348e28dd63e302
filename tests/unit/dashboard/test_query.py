"""Parameters of a request: read, judged, refused."""

from __future__ import annotations

import pytest

from cointrader.dashboard.query import Query
from cointrader.dashboard.routes import ROUTES
from cointrader.domain.errors import UsageError

PARAMS = {route.name: route.params for route in ROUTES}


def a_query(**given):
    return Query(PARAMS["decisions"], given)


def test_values_are_read_by_their_kind():
    query = Query(
        PARAMS["decisions"],
        {"symbol": " xrpusdt ", "from": "2026-01-02", "to": "1767312000000", "limit": "7",
         "cursor": "1767312000000-42", "action": "HOLD", "reason": ""},
    )  # fmt: skip

    assert query.text("symbol") == "XRPUSDT"
    assert query.time("from") == 1_767_312_000_000
    assert query.time("to") == 1_767_312_000_000
    assert query.whole("limit", 100, least=1, most=500) == 7
    assert query.place() == (1_767_312_000_000, 42)
    assert query.text("action") == "HOLD"
    assert query.text("reason") is None


def test_what_is_left_out_is_none_or_as_usual():
    query = a_query()

    assert query.text("symbol") is None
    assert query.time("from") is None
    assert query.place() is None
    assert query.whole("limit", 100, least=1, most=500) == 100


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("2026-01-02T03:04", 1_767_323_040_000),
        ("2026-01-02T03:04:05Z", 1_767_323_045_000),
        ("2026-01-02T12:04+09:00", 1_767_323_040_000),
        ("999999999999999", 253_402_300_799_999),
    ],
)
def test_times_are_epoch_ms_or_utc_unless_they_say_otherwise(text, at_ms):
    assert a_query(**{"from": text}).time("from") == at_ms


@pytest.mark.parametrize(
    "given",
    [
        {"unknown": "1"},
        {"symbol": "XRP'; DROP TABLE trades--"},
        {"symbol": "../../etc/passwd"},
        {"symbol": "X" * 41},
        {"action": "SELL"},
        {"side": "up"},
        {"from": "yesterday"},
        {"from": "2026-13-01"},
        {"from": "9" * 40},
        {"limit": "1e3"},
        {"limit": "-1"},
        {"limit": "²"},
        {"reason": "a\nb"},
        {"reason": "x" * 81},
        {"reason": "ü"},
    ],
)
def test_what_makes_no_sense_is_refused(given):
    with pytest.raises(UsageError):
        a_query(**given)


@pytest.mark.parametrize("text", ["1", "1-", "-1-2", "1-2-3", "a-b", "1" * 16 + "-1"])
def test_a_cursor_of_nobody_is_refused(text):
    with pytest.raises(UsageError):
        a_query(cursor=text).place()


@pytest.mark.parametrize("text", ["0", "501"])
def test_a_limit_beyond_its_range_is_refused(text):
    with pytest.raises(UsageError):
        a_query(limit=text).whole("limit", 100, least=1, most=500)
