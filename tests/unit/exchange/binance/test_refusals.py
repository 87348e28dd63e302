from __future__ import annotations

import re

import pytest

from cointrader.domain.errors import (
    ConfigError,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unreachable,
)
from cointrader.exchange.binance.codes import CODES, STATUSES, Act
from cointrader.exchange.binance.refusals import (
    Answer,
    ClockOff,
    error_of,
    silence_ms,
    silences_all,
)

# Every code that Binance's futures are known to answer with.
KNOWN = [
    -1000, -1001, -1002, -1003, -1006, -1007, -1008, -1013, -1014, -1015, -1016, -1020, -1021,
    -1022, *range(-1106, -1099), -1111, -1112, -1115, -1116, -1117, -1121, -1122, -1125, -1127,
    -1128, -1130, -2010, -2011, -2013, -2014, -2015, *range(-2028, -2017), -4001, -4002, -4003,
    -4004, -4005, -4013, -4014, -4015, -4016, -4023, -4024, -4028, -4045, -4046, -4047, -4048,
    -4059, -4060, -4061, -4062, -4067, -4068, -4087, -4088, -4105, -4106, -4107, -4109, -4116,
    -4117, -4118, -4120, -4129, -4130, -4131, -4135, -4137, -4138, -4140, -4141, -4142, -4161,
    -4164, -4167, -4168, -4171, -4183, -4184, -4189, -4192, *range(-4209, -4201), -4210, -4211,
    -4400, -4401, -4403, -4509, -4531, -5021, -5022, *range(-5029, -5023), *range(-5041, -5036),
    -5043,
]  # fmt: skip

UNKNOWN_503 = "Unknown error, please check your request or try again later."
FAILED_503 = "Service Unavailable."
INTERNAL_503 = "Internal error; unable to process your request. Please try again."


def error(status: int, code: int | None, message: str = "words", *, changes: bool = True):
    return error_of(Answer(status, code, message), call="POST /x", changes=changes)


@pytest.mark.parametrize("code", KNOWN)
def test_every_known_code_says_what_is_wrong_and_what_to_do(code):
    meaning = CODES[code]

    assert meaning.what
    assert meaning.todo


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_says_what_to_do(status):
    assert STATUSES[status].todo


def test_each_code_is_in_the_table_once():
    assert len(CODES) == len(set(KNOWN)) == len(KNOWN)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (-1000, OutcomeUnknown),
        (-1001, OutcomeUnknown),
        (-1006, OutcomeUnknown),
        (-1007, OutcomeUnknown),
        (-1002, ConfigError),
        (-1022, ConfigError),
        (-2014, ConfigError),
        (-2015, ConfigError),
        (-4109, ConfigError),
        (-1003, RateLimited),
        (-1008, RateLimited),
        (-1015, RateLimited),
        (-1112, RateLimited),
        (-4131, RateLimited),
        (-1021, ClockOff),
        (-5028, ClockOff),
        (-1111, Rejected),
        (-2019, Rejected),
        (-2021, Rejected),
        (-2022, Rejected),
        (-4061, Rejected),
        (-4130, Rejected),
        (-4164, Rejected),
        (-4509, Rejected),
        (-9999, Rejected),
    ],
)
def test_a_code_decides_who_acts_when_something_was_to_be_changed(code, kind):
    assert type(error(400, code)) is kind


@pytest.mark.parametrize("code", [-1000, -1001, -1006, -1007])
def test_an_open_outcome_of_a_reading_is_only_tried_again(code):
    assert type(error(400, code, changes=False)) is Unreachable


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (-1000, UNKNOWN_503, OutcomeUnknown),
        (None, UNKNOWN_503, OutcomeUnknown),
        (None, FAILED_503, Unreachable),
        (-1001, INTERNAL_503, Unreachable),
        (-1008, "Server is currently overloaded with other requests.", RateLimited),
        (None, "<html>upstream</html>", OutcomeUnknown),
    ],
)
def test_the_four_meanings_of_503_are_told_apart(code, message, kind):
    assert type(error(503, code, message)) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, ConfigError),
        (400, Rejected),
        (401, ConfigError),
        (403, RateLimited),
        (404, ConfigError),
        (408, OutcomeUnknown),
        (418, RateLimited),
        (429, RateLimited),
        (451, ConfigError),
        (500, OutcomeUnknown),
        (502, OutcomeUnknown),
        (504, OutcomeUnknown),
    ],
)
def test_without_a_code_the_status_decides(status, kind):
    assert type(error(status, None)) is kind


def test_a_refusal_carries_its_code_binances_words_and_what_to_do():
    refused = error(400, -4164, "Order's notional must be no smaller than 5")

    assert isinstance(refused, Rejected)
    assert refused.code == "-4164"
    assert str(refused) == (
        "the order is below the smallest notional "
        "(POST /x: Order's notional must be no smaller than 5)\n"
        "  where: exchange code -4164\n"
        "  to do: deposit, lower LEVERAGE or MARGIN_MAX_RATIO, or trade fewer symbols"
    )


def test_long_words_are_cut():
    assert len(str(error(400, -2010, "x" * 10_000))) < 600


@pytest.mark.parametrize(
    ("status", "header", "message", "ms"),
    [
        (429, "7", "", 7_000),
        (418, "", "Way too many requests; IP(1.2.3.4) banned until 1795000090000.", 90_000),
        (418, "", "banned until 1794999990000", 0),
        (429, "", "Too many requests", None),
        (429, "soon", "", None),
        (400, "", "timestamp 1795000090000 is odd", None),
        (503, "2", "", 2_000),
    ],
)
def test_how_long_to_be_silent_is_in_a_header_or_in_the_text(status, header, message, ms):
    assert silence_ms(status, header, message, now_ms=1_795_000_000_000) == ms


@pytest.mark.parametrize(
    ("status", "code", "is_silent"),
    [(429, -1003, True), (418, -1003, True), (400, -1003, True), (429, -1015, False),
     (418, -1015, True), (503, -1008, False), (403, None, False)],
)  # fmt: skip
def test_only_a_broken_limit_of_all_requests_silences_all(status, code, is_silent):
    assert silences_all(Answer(status, code, "")) is is_silent


def test_too_many_orders_wait_their_ten_seconds_and_no_minute():
    limited = error(429, -1015)

    assert isinstance(limited, RateLimited)
    assert limited.retry_after_ms == 10_000


def test_what_only_the_owner_can_change_names_a_place_or_an_action():
    for code, meaning in CODES.items():
        if meaning.act is Act.OWNER:
            assert re.match(r"check|copy|deposit", meaning.todo), code
