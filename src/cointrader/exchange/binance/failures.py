"""Failures that pass by themselves, and how long that may take before a person is told."""

from __future__ import annotations

import aiohttp
import structlog

from cointrader.domain.clock import MINUTE_MS, Clock
from cointrader.domain.errors import CointraderError, ConfigError, DataError, ExchangeError

log = structlog.get_logger()

# A gateway may answer without a body, or in words that make no sense or deny a good key. While
# others are answered, one such answer is no more than a try that failed.
MAY_PASS = (ExchangeError, DataError, ConfigError)

_BEARABLE_MS = 5 * MINUTE_MS


class Failures:
    """Failures of one thing in a row.

    Each is a warning. One that trying again should not mend is an error once they have lasted.
    """

    def __init__(self, clock: Clock, event: str, **about: str) -> None:
        self._clock = clock
        self._event = event
        self._about = about
        self._since_ms: int | None = None

    def add(self, error: Exception, **more: object) -> None:
        now_ms = self._clock.now_ms()
        if self._since_ms is None:
            self._since_ms = now_ms
        words = {**self._about, **more, "reason": words_of(error)}
        if _should_pass(error) or now_ms - self._since_ms < _BEARABLE_MS:
            log.warning(self._event, **words)
        else:
            log.error(self._event, **words, for_s=(now_ms - self._since_ms) // 1000)

    def end(self) -> None:
        """It worked."""
        self._since_ms = None


def words_of(error: Exception) -> str:
    """What went wrong, without the address: it may hold a listen key."""
    if isinstance(error, CointraderError):
        return f"{error.what} ({error.found})" if error.found else error.what
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return f"handshake refused with HTTP {error.status}"
    return type(error).__name__


def _should_pass(error: Exception) -> bool:
    return not isinstance(error, DataError | ConfigError)
