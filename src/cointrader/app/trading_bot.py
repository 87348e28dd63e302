"""A bot whose ports may be left out: they are Binance's then.

All bots that share a risk manager share one account: one journal, one desk. The first that runs
opens them, behind the same locks and the same preflight as `cointrader run`; the last closes them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

from cointrader.app.config import Config
from cointrader.app.live.rehearsal import clock_of
from cointrader.app.live.run import LivePlan, LivePorts, begin, opened
from cointrader.app.live.wiring import Access, Place
from cointrader.bot import bot
from cointrader.domain.ports import Clock, Exchange, InputAges, Journal, MarketFeed
from cointrader.market.context import Context
from cointrader.market.frame import Floats, Times, missing
from cointrader.risk.manager import RiskManager
from cointrader.signals.rules import SignalRule
from cointrader.strategy.decide import EntryFilter

JOURNALS = Path("journals")


class TradingBot(bot.TradingBot):
    """`bot.TradingBot`; with no port at all it trades on Binance.

    Parameters
    ----------
    place : which Binance; its testnet unless told otherwise, because the other costs money
    access : another server and key, instead of the configured ones
    journal_path : of the account; ``journals/PLACE.db`` by default

    The remaining ones are those of `bot.TradingBot`. Nothing is connected, and no key is asked
    for, before `run`.
    """

    def __init__(
        self,
        config: Config,
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
        place: Place | str = Place.TESTNET,
        access: Access | None = None,
        journal_path: Path | None = None,
    ) -> None:
        self._told = None if context is not None else _ToldLater()
        super().__init__(
            config,
            symbol=symbol,
            risk=risk,
            exchange=exchange,
            feed=feed,
            journal=journal,
            clock=clock,
            rule=rule,
            entry_filter=entry_filter,
            inputs=inputs,
            context=context or self._told,
        )
        self._config = config
        self._place = Place(place)
        self._access = access
        self._journal_path = journal_path

    async def run(self) -> None:
        """Trade until the feed ends or until cancelled. Protection stays in place either way.

        Raises what `app.live.run_live` raises, where it has to open the account itself.
        """
        if any(port is not None for port in self._ports):
            return await super().run()
        access = self._access or Access.of(self._config, self._place)
        path = self._journal_path or JOURNALS / f"{self._place}.db"
        plan = LivePlan(self._config, access, path)
        async with _shared(plan, self.risk) as ports:
            desk = ports.desk
            self._ports = (desk.exchange, desk.feed, ports.journal, desk.clock)
            self.inputs = self.inputs or desk.inputs
            if self.ml_filter is None:
                self.ml_filter = ports.models.filter_of(self.symbol)
            self.ml_filter = ports.filtered(self.ml_filter)
            if self._told is not None:
                self._told.known = ports.context.of(self.symbol)
            try:
                await super().run()
            finally:
                self._ports = (None, None, None, None)


class _ToldLater:
    """A context that is known once the account is open; nothing is known before."""

    def __init__(self) -> None:
        self.known: Context | None = None

    def columns(self, open_time_ms: Times) -> tuple[Floats, Floats]:
        if self.known is None:
            return missing(len(open_time_ms)), missing(len(open_time_ms))
        return self.known.columns(open_time_ms)


@dataclass(slots=True)
class _Account:
    """What the bots of one risk manager share while any of them runs."""

    users: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    ports: asyncio.Future[LivePorts] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    task: asyncio.Task[None] | None = None

    async def serve(self, plan: LivePlan, risk: RiskManager) -> None:
        """Keep the account open until nobody uses it. Its streams must end in the task that
        began them, which no single bot can promise."""
        try:
            async with opened(plan, await clock_of(plan.access)) as ports:
                risk.keep_in(ports.journal)
                await begin(plan, ports, risk)
                self.ports.set_result(ports)
                await self.ended.wait()
        except BaseException as error:
            if not self.ports.done():
                self.ports.set_exception(error)
                return
            raise


_ACCOUNTS: WeakKeyDictionary[RiskManager, _Account] = WeakKeyDictionary()


@contextlib.asynccontextmanager
async def _shared(plan: LivePlan, risk: RiskManager) -> AsyncIterator[LivePorts]:
    """The ports of `risk`'s account, opened by whoever needs them first."""
    account = _ACCOUNTS.setdefault(risk, _Account())
    account.users += 1
    if account.task is None:
        account.task = asyncio.create_task(account.serve(plan, risk), name="account")
    try:
        yield await asyncio.shield(account.ports)
    finally:
        account.users -= 1
        if not account.users:
            _ACCOUNTS.pop(risk, None)
            account.ended.set()
            await account.task
