"""Reads what a preflight judges: the account, the symbols, the streams, this machine."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from cointrader.app.config import Config
from cointrader.app.live.account_lock import account_holder
from cointrader.app.live.wiring import Access, BinanceDesk, DeskConfig, Place
from cointrader.app.model_state import ModelState
from cointrader.app.model_words import BROKEN
from cointrader.app.models import Models
from cointrader.app.preflight.judge import Facts, Machine, Streams, SymbolFacts, Unread
from cointrader.app.status import writer_of
from cointrader.app.verdict.live import Asked, verdict_now
from cointrader.domain.clock import Clock
from cointrader.domain.errors import CointraderError, JournalError
from cointrader.domain.events import AccountEvent
from cointrader.domain.order import OWN_PREFIX
from cointrader.exchange.binance.adapter import BinanceExchange
from cointrader.exchange.binance.api import BinanceApi
from cointrader.journal.reader import JournalReader
from cointrader.journal.schema import has_begun
from cointrader.model.folder import MODELS
from cointrader.signals.rules import SignalRule

_AT_ONCE = 4  # symbols asked about at the same time
_HEARD_S = 10.0  # in which a market stream says something
_LOOK_MS = 200

T = TypeVar("T")
KnownOrder = Callable[[str], bool]


async def read_facts(
    config: Config,
    access: Access,
    clock: Clock,
    machine: Machine,
    *,
    is_known: KnownOrder,
    asked: Asked | None = None,
    in_code: Sequence[str] = (),
    models: Models | None = None,
) -> Facts:
    """Ask the exchange all there is to ask, without streams. What fails is in the facts.

    `asked` and `in_code` as in `verdict_live.verdict_now`; a rehearsal asks for no verdict.
    `models` are those that will judge signals, by default those in the usual folder.
    """
    if models is None:
        models = Models(config, MODELS, is_paper=False)
    states = [state for state in models.states() if state.is_served or state.identity == BROKEN]
    api = BinanceApi.at(access.endpoints, clock, access.credentials)
    exchange = BinanceExchange(api, clock, interval=config.interval, account_events=no_events)
    try:
        offset_ms = await _read(_offset(api, clock))
        now_ms = clock.now_ms() + (0 if isinstance(offset_ms, Unread) else offset_ms)
        reachable = not isinstance(offset_ms, Unread)
        is_rehearsal = access.name not in tuple(Place)
        return Facts(
            place=access.name,
            is_rehearsal=is_rehearsal,
            now_ms=now_ms,
            offset_ms=offset_ms,
            rights=await _read(exchange.key_rights()) if reachable else None,
            is_hedge_mode=await _read(exchange.is_hedge_mode()) if reachable else False,
            is_multi_assets=await _read(exchange.is_multi_assets()) if reachable else False,
            account=await _read(exchange.account()) if reachable else Unread("not asked"),
            symbols=await _symbols(exchange, config.symbols, is_known) if reachable else (),
            correlations={
                symbol: await _read(exchange.is_trading(symbol))
                for symbol in config.correlation_symbols
                if reachable
            },
            machine=machine,
            unfiltered={
                symbol: config.for_symbol(symbol).no_ml_filter for symbol in config.symbols
            },
            is_real_money=access.name == Place.LIVE,
            models=states,
            verdict=None
            if is_rehearsal
            else verdict_now(
                config,
                journal=Path(machine.journal),
                now_ms=now_ms,
                asked=asked,
                in_code=in_code,
                judged=judged_by(config, models, states),
            ),
        )
    finally:
        await api.close()


def judged_by(
    config: Config, models: Models, states: Sequence[ModelState]
) -> dict[str, SignalRule]:
    """The rules of symbols that have a model: their verdict is about both together."""
    served = [state.symbol for state in states if state.is_served]
    if not served:
        return {}
    from cointrader.app.backtest import judged_rules  # only where there is a model

    return judged_rules(config.replace(symbols=served), {}, models)


async def try_streams(config: DeskConfig, access: Access, clock: Clock) -> Streams:
    """Connect the streams, hear a first candle, and let go of them."""
    try:
        async with BinanceDesk.opened(config, access, clock) as desk:
            began_ms = clock.now_ms()
            with suppress(TimeoutError):
                async with asyncio.timeout(_HEARD_S):
                    while not _has_heard(desk, clock.now_ms() - began_ms):
                        await clock.sleep_ms(_LOOK_MS)
                    return Streams()
            return Streams(silent=True)
    except CointraderError as error:
        return Streams(problem=_words(error).why)


def look_around(journal: Path, access: Access, *, locks: Path | None = None) -> Machine:
    """What this machine says, from outside: the journal is not open here."""
    path = journal.resolve()
    folder = _above(path)
    writable = os.access(path if path.exists() else folder, os.W_OK)
    holder = writer_of(path)
    return Machine(
        journal=str(journal),
        journal_problem="" if writable else "it cannot be written",
        journal_holder="" if holder is None else f"process {holder.pid or 'unknown'}",
        account_holder=account_holder(access, locks),
        free_bytes=shutil.disk_usage(folder).free,
        last_known_ms=last_known_ms(path),
    )


def look_from_inside(journal: Path) -> Machine:
    """The same for the process that has the journal and the account already."""
    path = journal.resolve()
    free = shutil.disk_usage(_above(path)).free
    return Machine(journal=str(journal), free_bytes=free, last_known_ms=last_known_ms(path))


def _above(path: Path) -> Path:
    """The nearest folder that exists."""
    return next((each for each in path.parents if each.exists()), Path("/"))


def last_known_ms(journal: Path) -> int | None:
    """The newest moment that a journal tells of; None when it tells of none that can be read."""
    if not has_begun(journal):
        return None
    with suppress(JournalError), JournalReader(journal) as reader:  # an older one is led on later
        run = reader.last_run()
        if run is None:
            return None
        marked = [mark.at_ms for mark in reader.equity(last=1)]
        return max([run.at_ms, *marked])
    return None


def knows(journal: Path) -> KnownOrder:
    """Which orders of ours a journal knows, by their client ids."""

    def is_known(client_order_id: str) -> bool:
        if not has_begun(journal):
            return False
        with JournalReader(journal) as reader:
            found = reader.intents(client_order_id=client_order_id, last=1)
            return next(found, None) is not None

    return is_known


# -- one thing at a time --------------------------------------------------------------------------


async def _offset(api: BinanceApi, clock: Clock) -> int:
    """How far the exchange's clock is ahead of ours; `Unreachable` when it does not answer."""
    await api.futures.now_ms()
    return api.futures.server_clock.offset_ms


async def _symbols(
    exchange: BinanceExchange, symbols: Sequence[str], is_known: KnownOrder
) -> list[SymbolFacts]:
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(symbol: str) -> SymbolFacts:
        async with turns:
            return await _symbol(exchange, symbol, is_known)

    return list(await asyncio.gather(*map(one, symbols)))


async def _symbol(exchange: BinanceExchange, symbol: str, is_known: KnownOrder) -> SymbolFacts:
    orders = await _read(_orders(exchange, symbol))
    unknown: list[str] = []
    if not isinstance(orders, Unread):
        ours = [each for each in orders if each.startswith(OWN_PREFIX)]
        unknown = [each for each in ours if not is_known(each)]
    position = await _read(exchange.position(symbol))
    return SymbolFacts(
        symbol=symbol,
        is_trading=await _read(exchange.is_trading(symbol)),
        instrument=await _read(exchange.instrument(symbol)),
        settings=await _read(exchange.symbol_settings(symbol)),
        price=await _read(_ask(exchange, symbol)),
        has_position=position if isinstance(position, Unread) else position is not None,
        orders=orders,
        unknown_orders=unknown,
    )


async def _orders(exchange: BinanceExchange, symbol: str) -> list[str]:
    return [order.client_order_id for order in await exchange.open_orders(symbol)]


async def _ask(exchange: BinanceExchange, symbol: str) -> Decimal:
    return (await exchange.quote(symbol)).ask


async def _read(asked: Awaitable[T]) -> T | Unread:
    try:
        return await asked
    except CointraderError as error:
        return _words(error)


def _words(error: CointraderError) -> Unread:
    details = ", ".join(str(each) for each in (error.where, error.found) if each is not None)
    return Unread(f"{error.what} ({details})" if details else error.what, error.todo or "")


def _has_heard(desk: BinanceDesk, elapsed_ms: int) -> bool:
    return any(desk.feed.age_ms(symbol) < elapsed_ms for symbol in desk.feed.symbols)


def no_events(symbol: str) -> AsyncIterator[AccountEvent]:
    """For an exchange that is only asked: it has no stream."""
    raise AssertionError("nobody listens to an account without a stream")
