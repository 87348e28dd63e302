from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from cointrader.domain.errors import ConfigError, DataError, Unreachable
from cointrader.exchange.binance.failures import Failures
from tests.unit.exchange.binance.scripted import FakeClock

MINUTES_5 = 300_000


def levels_of(*errors: Exception, ended_after: int | None = None) -> list[str]:
    """How each is told, five minutes after the one before."""
    clock = FakeClock()
    failures = Failures(clock, "look.failed", symbol="XRPUSDT")
    with capture_logs() as logs:
        for number, error in enumerate(errors):
            failures.add(error)
            if number == ended_after:
                failures.end()
            clock.at_ms += MINUTES_5
    return [each["log_level"] for each in logs]


@pytest.mark.parametrize("error", [DataError("no sense"), ConfigError("wrong key")])
def test_what_trying_again_should_not_mend_is_an_error_once_it_has_lasted(error):
    assert levels_of(error, error) == ["warning", "error"]


def test_what_passes_by_itself_stays_a_warning():
    assert levels_of(Unreachable("no answer"), Unreachable("no answer")) == ["warning", "warning"]


def test_a_success_ends_the_row():
    odd = DataError("no sense")

    assert levels_of(odd, odd, odd, ended_after=0) == ["warning", "warning", "error"]


def test_a_failure_is_told_with_what_it_is_about_and_why():
    with capture_logs() as logs:
        Failures(FakeClock(), "look.failed", symbol="XRPUSDT").add(DataError("no sense", found=3))

    assert logs == [
        {
            "event": "look.failed",
            "log_level": "warning",
            "symbol": "XRPUSDT",
            "reason": "no sense (3)",
        }
    ]
