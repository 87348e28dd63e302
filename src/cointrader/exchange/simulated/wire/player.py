"""Moves the market: by the clock, or a bar at a time when everybody has asked for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cointrader.exchange.simulated.adapter import SimulatedExchange
from cointrader.exchange.simulated.wire.clock import ExchangeClock, SteppedClock


class Player:
    """Opens and closes the bars of a simulated exchange, one after the other.

    `priced` hears of every new price with its time: after a bar opened, and after it closed. That a
    bar is final is told when its last millisecond has passed, as the next one opens.
    """

    def __init__(
        self, exchange: SimulatedExchange, clock: ExchangeClock, priced: Callable[[int], None]
    ) -> None:
        self._exchange = exchange
        self._clock = clock
        self._priced = priced
        self.over = asyncio.Event()  # `run` has played the last bar
        self._bar_ms: int | None = None  # the bar that is open
        self._untold_ms: int | None = None  # the last millisecond of the bar that has just closed

    @property
    def is_over(self) -> bool:
        """Whether the last bar has closed."""
        return (
            self._bar_ms is None and self._exchange.progress.done >= self._exchange.progress.total
        )

    @property
    def closes_ms(self) -> int | None:
        """The last millisecond of the bar that is open."""
        if self._bar_ms is None:
            return None
        return self._bar_ms + self._exchange.market.interval_ms - 1

    @property
    def opens_ms(self) -> int | None:
        """When the next bar opens."""
        done = self._exchange.progress.done + (self._bar_ms is not None)
        timeline = self._exchange.timeline
        return timeline[done] if done < len(timeline) else None

    def open(self) -> None:
        """The next bar trades at its open."""
        opens_ms = self.opens_ms
        assert opens_ms is not None, "there is a bar to open"
        self.tell_closed()
        self._bar_ms = opens_ms
        self._exchange.open_bar(opens_ms)
        self._exchange.market.feed.deliver(opens_ms)
        self._priced(opens_ms)

    def close(self) -> None:
        """The open bar plays to its end: funding, orders, liquidations."""
        bar_ms, closes_ms = self._bar_ms, self.closes_ms
        assert bar_ms is not None, "a bar is open"
        assert closes_ms is not None, "an open bar closes"
        self._exchange.close_bar(bar_ms)
        self._exchange.market.feed.deliver(closes_ms)
        self._bar_ms = None
        self._untold_ms = closes_ms

    def tell_closed(self) -> None:
        """The bar that closed last is final; said once."""
        closed_ms, self._untold_ms = self._untold_ms, None
        if closed_ms is not None:
            self._priced(closed_ms)

    async def run(self) -> None:
        """Play all bars, each at its time."""
        while (opens_ms := self.opens_ms) is not None:
            await self._clock.sleep_until_ms(opens_ms)
            self.open()
            closes_ms = self.closes_ms
            assert closes_ms is not None, "the bar was just opened"
            await self._clock.sleep_until_ms(closes_ms)
            self.close()
            # No pause between this and the next opening: who hears of the one finds the other.
            await self._clock.sleep_until_ms(closes_ms + 1)
            self.tell_closed()
        self.over.set()


class Stepper:
    """Plays a bar when everybody who has joined has asked for it."""

    def __init__(self, player: Player, clock: SteppedClock) -> None:
        self._player = player
        self._clock = clock
        self.members: set[str] = set()
        self.ready: set[str] = set()
        self._stepped: asyncio.Future[None] | None = None

    def start(self) -> None:
        """The first bar opens; time stands still from then on."""
        if self._player.opens_ms is not None:
            self._clock.move_to(self._player.opens_ms)
            self._player.open()

    def join(self, name: str) -> None:
        self.members.add(name)

    def leave(self, name: str) -> None:
        """Nobody waits for this client any more."""
        self.members.discard(name)
        self.ready.discard(name)
        self._step_if_ready()

    async def step(self, name: str | None) -> None:
        """Play one bar: at once, or when the last of those who joined asks.

        Returns when the bar was played. Who names itself has joined by that.
        """
        if name is None:
            self._step()
            return
        self.members.add(name)
        self.ready.add(name)
        if self._stepped is None:
            self._stepped = asyncio.get_running_loop().create_future()
        stepped = self._stepped
        self._step_if_ready()
        await asyncio.shield(stepped)

    def _step_if_ready(self) -> None:
        if self.ready and self.members <= self.ready:
            self._step()

    def _step(self) -> None:
        """The open bar closes and the next one opens; at the end of the market nothing is left."""
        if self._player.closes_ms is not None:
            self._clock.move_to(self._player.closes_ms)
            self._player.close()
            self._clock.move_to(self._clock.now_ms() + 1)
            self._player.tell_closed()
        if self._player.opens_ms is not None:
            self._clock.move_to(self._player.opens_ms)
            self._player.open()
        self.ready.clear()
        stepped, self._stepped = self._stepped, None
        if stepped is not None and not stepped.done():
            stepped.set_result(None)
