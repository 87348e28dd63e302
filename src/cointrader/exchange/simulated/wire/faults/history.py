"""What the account looked like at earlier times, for answers that are out of date."""

from __future__ import annotations

from collections import deque
from typing import Any

from cointrader.exchange.simulated.wire import shapes
from cointrader.exchange.simulated.wire.venue import Venue

_KEPT = 500
_State = dict[str, Any]  # path -> what a call for all symbols would be answered


class Snapshots:
    """The answers to the account's readings, taken whenever it may have changed.

    Of several taken at one time the last counts.
    """

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._states: deque[tuple[int, _State]] = deque(maxlen=_KEPT)
        self.take()

    def take(self) -> None:
        """Remember how it stands now."""
        now_ms = self._venue.now_ms()
        if self._states and self._states[-1][0] == now_ms:
            self._states.pop()
        self._states.append((now_ms, self._now()))

    def read(self, path: str, symbol: str, at_ms: int) -> Any | None:
        """The answer as it was at `at_ms`; None where that is not known."""
        for taken_ms, state in reversed(self._states):
            if taken_ms <= at_ms:
                body = state.get(path)
                if isinstance(body, list) and symbol:
                    return [row for row in body if row.get("symbol") == symbol]
                return body
        return None

    def _now(self) -> _State:
        venue, account = self._venue, self._venue.account
        balances = account.balances()
        return {
            "/fapi/v2/account": account.account(version=2),
            "/fapi/v3/account": account.account(version=3),
            "/fapi/v2/balance": balances,
            "/fapi/v3/balance": balances,
            "/fapi/v2/positionRisk": account.position_risk(venue.symbols, version=2),
            "/fapi/v3/positionRisk": account.position_risk(account.in_use(), version=3),
            "/fapi/v1/openOrders": [shapes.queried(o) for o in venue.recorder.open_plain()],
            "/fapi/v1/openAlgoOrders": [shapes.algo_listed(a) for a in venue.recorder.open_algo()],
        }
