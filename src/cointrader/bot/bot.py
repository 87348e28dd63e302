"""A bot as its owner sees it: one symbol, its settings, its ports; run, and flattened on demand.

Everything it shares with the others is the risk manager and the ports. What it does while it runs
is in `bot.loop`.
"""

from __future__ import annotations

from cointrader.bot.loop import Loop
from cointrader.bot.settings import BotConfig, BotSettings
from cointrader.bot.stream import BarStream
from cointrader.domain.errors import ConfigError
from cointrader.domain.ports import Clock, Exchange, InputAges, Journal, MarketFeed
from cointrader.market.context import Context
from cointrader.risk.manager import RiskManager
from cointrader.signals.rules import SignalRule
from cointrader.strategy.decide import EntryFilter


class TradingBot:
    """Trades one symbol.

    Parameters
    ----------
    config : see `bot.settings.BotConfig`; read once
    symbol : the bot's own; upper-case
    risk : shared by all bots of the account
    exchange, feed, journal, clock : the ports; nothing touches them before `run`
    rule : the signal rule; the configured one by default
    entry_filter : judges signals; without one every signal passes
    inputs : says which input is too old for an entry; without it none is
    context : knows funding and open interest, for rules and features; without it they are NaN
    """

    def __init__(
        self,
        config: BotConfig,
        *,
        symbol: str,
        risk: RiskManager,
        exchange: Exchange | None = None,
        feed: MarketFeed | None = None,
        journal: Journal | None = None,
        clock: Clock | None = None,
        rule: SignalRule | None = None,
        entry_filter: EntryFilter | None = None,
        inputs: InputAges | None = None,
        context: Context | None = None,
    ) -> None:
        self.config = config
        self.symbol = symbol.upper()
        self.risk = risk
        self.settings = BotSettings.of(config, self.symbol)
        self.stream = BarStream(
            self.symbol, self.settings.correlation_symbols, self.settings.interval_ms, context
        )
        self.rule = self.settings.rule if rule is None else rule
        self.ml_filter = entry_filter
        self.inputs = inputs
        self._ports = (exchange, feed, journal, clock)
        self._loop: Loop | None = None  # while it runs

    async def run(self) -> None:
        """Trade until the feed ends or until cancelled. Protection stays in place either way."""
        exchange, feed, journal, clock = self._ports
        if exchange is None or feed is None or journal is None or clock is None:
            raise ConfigError(
                f"the bot of {self.symbol} has no exchange to trade on",
                todo="pass exchange=, feed=, journal= and clock=, as `cointrader paper` does",
            )
        self._loop = Loop(
            self.settings,
            self.stream,
            self.rule,
            self.ml_filter,
            self.inputs,
            risk=self.risk,
            exchange=exchange,
            feed=feed,
            journal=journal,
            clock=clock,
        )
        try:
            await self._loop.run()
        finally:
            self._loop = None

    def look_ahead(self) -> None:
        """Do what can be done for the next bar before it closes: for when nothing is due.

        Without it, and where another bar comes than was expected, answers are the same, but later.
        """
        if self._loop is not None:
            self._loop.look_ahead()

    async def flatten(self) -> None:
        """Close the position at market and return once the exchange shows none.

        Whatever the bot is doing is finished first. A bot that is not running has nothing to
        close with: `ConfigError`.
        """
        if self._loop is None:
            raise ConfigError(
                f"the bot of {self.symbol} is not running",
                todo="start it, or close the position at the exchange",
            )
        await self._loop.flatten()
