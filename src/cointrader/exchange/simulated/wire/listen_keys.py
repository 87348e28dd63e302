"""Listen keys: made, extended, expired. One account has one at a time."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from cointrader.exchange.simulated.wire.refusals import refused

LIFE_MS = 60 * 60_000


class ListenKeys:
    """The keys of the account that still live. `started` hears that one is to expire some time."""

    def __init__(self, life_ms: int = LIFE_MS, started: Callable[[], None] = lambda: None) -> None:
        self._life_ms = life_ms
        self._started = started
        self._ends_ms: dict[str, int] = {}

    def start(self, now_ms: int) -> str:
        """The living key, extended; a new one where there is none."""
        self._forget(now_ms)
        key = next(iter(self._ends_ms), None) or secrets.token_hex(32)
        self._ends_ms[key] = now_ms + self._life_ms
        self._started()
        return key

    def extend(self, now_ms: int) -> str:
        """The living key, extended. Raises `Rejected` where there is none."""
        self._forget(now_ms)
        if not self._ends_ms:
            raise refused(-1125, "This listenKey does not exist.")
        return self.start(now_ms)

    def close(self) -> None:
        """End the living key without a word."""
        self._ends_ms.clear()

    @property
    def due_ms(self) -> int | None:
        """When the next key expires."""
        return min(self._ends_ms.values(), default=None)

    def lives(self, key: str) -> bool:
        """Whether messages go out under `key`; one is until `expire` has taken it away."""
        return key in self._ends_ms

    def expire(self, now_ms: int, tell: Callable[[str], None]) -> None:
        """Take away keys that are too old; `tell` hears of each while it still lives."""
        for key, ends_ms in list(self._ends_ms.items()):
            if ends_ms <= now_ms:
                tell(key)
                self._ends_ms.pop(key, None)

    def _forget(self, now_ms: int) -> None:
        """What has ended is no key to extend, even if nobody was told yet."""
        self._ends_ms = {key: ends for key, ends in self._ends_ms.items() if ends > now_ms}
