"""The one way by which a call is let in, carried out and answered, from REST and WebSocket API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cointrader.domain.clock import SystemClock
from cointrader.domain.errors import Rejected
from cointrader.exchange.simulated.wire.auth import Credentials, Present
from cointrader.exchange.simulated.wire.limits import TooManyOrders
from cointrader.exchange.simulated.wire.params import Params
from cointrader.exchange.simulated.wire.passage import Passage, Request
from cointrader.exchange.simulated.wire.refusals import Answer, answer_to
from cointrader.exchange.simulated.wire.routes import Route
from cointrader.exchange.simulated.wire.venue import Venue


class Desk:
    """Counts, lets in, carries out, answers."""

    def __init__(self, venue: Venue, credentials: Credentials, passage: Passage) -> None:
        self.venue = venue
        self.credentials = credentials
        self._passage = passage

    async def answer(self, request: Request, route: Route, let_in: Callable[[], None]) -> Answer:
        """Answer a call; `let_in` raises `Rejected` for a caller who may not."""
        limits, now_ms = self.venue.limits, self.venue.clock.limit_ms()
        counts_orders = False
        try:
            stopped = limits.spend(route.weight_of(request.params), route.pool, now_ms)
            if stopped is not None:
                return self._with_counts(stopped, now_ms, with_orders=False)
            let_in()
            if any(route.orders):
                limits.spend_orders(*route.orders, now_ms)
                counts_orders = True
            answer = await self._passage.request(request)
            if answer is None:
                answer = await self._carry_out(request.params, route)
        except TooManyOrders as error:
            answer = error.answer
        except Rejected as error:
            answer = answer_to(error)
        answer = await self._passage.answer(request, answer)
        is_taken = counts_orders and answer.status == 200
        return self._with_counts(answer, now_ms, with_orders=is_taken)

    def count(self, weight: int) -> Answer | None:
        """Count something that is no call; the answer to it where a limit is broken."""
        return self.venue.limits.spend(weight, None, self.venue.clock.limit_ms())

    def present(self) -> Present:
        """The times that a request may bear."""
        clock, error_ms = self.venue.clock, self.venue.clock_error_ms
        times = clock.now_ms(), clock.unpaced_ms()
        machine_ms = SystemClock().now_ms() + error_ms
        return Present(min(times) + error_ms, max(times) + error_ms, machine_ms, clock.slack)

    def rate_limits(self) -> list[dict[str, object]]:
        """The limits and what was used of them, as the WebSocket API tells them."""
        return self.venue.limits.told_with_counts(self.venue.clock.limit_ms())

    async def _carry_out(self, params: Params, route: Route) -> Answer:
        try:
            return Answer(200, await route.call(self.venue, params))
        except Rejected as error:
            return answer_to(error)

    def _with_counts(self, answer: Answer, now_ms: int, *, with_orders: bool) -> Answer:
        counts = self.venue.limits.headers(now_ms, with_orders=with_orders)
        return replace(answer, headers={**counts, **answer.headers})
