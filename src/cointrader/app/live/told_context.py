"""Funding and open interest of running bots, asked for between bars.

No decision waits for it. What is not known when a bar closes is missing in its features, as it
would be in a backtest, and a person hears of it when it lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cointrader.bot.stream import WINDOW_BARS
from cointrader.domain.clock import MINUTE_MS, Clock
from cointrader.domain.errors import CointraderError
from cointrader.domain.records import Alert
from cointrader.market.context import ContextFeed, Told
from cointrader.market.upsert import interest_before_ms

_AFTER_CLOSE_MS = 5_000
_BEFORE_CLOSE_MS = MINUTE_MS  # what was told during the bar is here when it closes
_TOLD_AT = 2  # failures in a row


class ToldContext:
    """What the exchange tells of each symbol, kept up to date while `run` runs.

    Parameters
    ----------
    feed : of the exchange
    tell : hears of a symbol of which nothing can be had, and when it can be had again
    """

    def __init__(
        self,
        feed: ContextFeed,
        clock: Clock,
        symbols: Sequence[str],
        interval_ms: int,
        *,
        tell: Callable[[Alert], None] = lambda _alert: None,
    ) -> None:
        self._feed = feed
        self._clock = clock
        self._interval_ms = interval_ms
        self._tell = tell
        self._window_ms = (WINDOW_BARS + 1) * interval_ms + interest_before_ms(interval_ms)
        self._told = {
            symbol.upper(): Told(interval_ms, keep_ms=self._window_ms + interval_ms)
            for symbol in symbols
        }
        self._failures = dict.fromkeys(self._told, 0)

    def of(self, symbol: str) -> Told:
        """What a bot of `symbol` is given as its context."""
        return self._told[symbol.upper()]

    async def run(self) -> None:
        """Ask now, then after each close and again shortly before the next, until cancelled."""
        while True:
            await self.catch_up()
            await self._clock.sleep_until_ms(self._next_ms(self._clock.now_ms()))

    async def catch_up(self) -> None:
        """Ask for what is new, one symbol after the other. Raises nothing."""
        for symbol, told in self._told.items():
            now_ms = self._clock.now_ms()
            problem: CointraderError | None
            try:
                problem = await told.catch_up(
                    self._feed, symbol, from_ms=now_ms - self._window_ms, now_ms=now_ms
                )
            except CointraderError as error:  # an answer that makes no sense
                problem = error
            self._note(symbol, problem)

    def _next_ms(self, now_ms: int) -> int:
        """When to ask again."""
        bar_ms = self._interval_ms
        opened_ms = now_ms // bar_ms * bar_ms
        closing_ms = min(_BEFORE_CLOSE_MS, bar_ms // 4)
        times = (opened_ms + min(_AFTER_CLOSE_MS, bar_ms // 4), opened_ms + bar_ms - closing_ms)
        later = [at_ms for at_ms in times if at_ms > now_ms]
        return later[0] if later else times[0] + bar_ms

    def _note(self, symbol: str, problem: CointraderError | None) -> None:
        before = self._failures[symbol]
        self._failures[symbol] = 0 if problem is None else before + 1
        if problem is None and before >= _TOLD_AT:
            self._say("info", symbol, "funding and open interest are told again")
        elif problem is not None and before + 1 == _TOLD_AT:
            text = f"funding or open interest is not told: {problem.what}\nits features are missing"
            self._say("warning", symbol, text)

    def _say(self, level: str, symbol: str, text: str) -> None:
        self._tell(Alert(self._clock.now_ms(), level, symbol, text))
