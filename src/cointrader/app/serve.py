"""`cointrader exchange`: a market and an account, served as Binance would serve them."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from cointrader.app.config import Config
from cointrader.app.live.settled_memory import settled_memory
from cointrader.app.paper.market import instruments_of
from cointrader.domain.errors import MissingCandles, UsageError
from cointrader.domain.instrument import to_decimal
from cointrader.domain.ports import CandleSource
from cointrader.exchange.simulated.adapter import SimulatedExchange
from cointrader.exchange.simulated.ledger import Costs
from cointrader.exchange.simulated.wire import (
    Addresses,
    Credentials,
    ExchangeServer,
    PacedClock,
    SteppedClock,
)
from cointrader.exchange.simulated.wire.faults import FaultLog, FaultPlan

_MAKER_FEE = Decimal("0.0002")  # of limit orders that rest, which our own bots never send


@dataclass(frozen=True, slots=True)
class ServePlan:
    """What is served and where. Times are epoch ms; `end_ms` is excluded.

    `speed` is how many times as fast as time the market goes; None: a bar at a time, when asked.
    `write_fault` gets a line of JSON for every fault that bites.
    """

    config: Config
    source: CandleSource
    balance: Decimal
    credentials: Credentials
    start_ms: int | None = None
    end_ms: int | None = None
    speed: float | None = 1.0
    host: str = "127.0.0.1"
    port: int = 0
    faults: FaultPlan = field(default_factory=FaultPlan)
    write_fault: Callable[[str], None] | None = None


def serve(plan: ServePlan, on_ready: Callable[[Addresses], None]) -> bool:
    """Serve until told to stop: True through ``/control/stop``, False by a signal.

    Raises
    ------
    MissingCandles : there is nothing to trade in the range
    UsageError : the address cannot be used
    """
    clock = SteppedClock() if plan.speed is None else PacedClock(plan.speed)
    exchange = _exchange(plan, clock)
    if not exchange.timeline:
        raise MissingCandles(
            "there is no candle to serve in this range",
            where=plan.source.label,
            todo="choose other --from and --to, or other symbols",
        )
    return asyncio.run(_serve(plan, exchange, clock, on_ready))


async def _serve(
    plan: ServePlan,
    exchange: SimulatedExchange,
    clock: PacedClock | SteppedClock,
    on_ready: Callable[[Addresses], None],
) -> bool:
    log = FaultLog(plan.write_fault)
    server = ExchangeServer(exchange, clock, plan.credentials, faults=plan.faults, fault_log=log)
    loop = asyncio.get_running_loop()
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not every system and thread can; there a Ctrl-C ends it less politely.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, interrupted.set)
    async with contextlib.AsyncExitStack() as stack:
        try:
            serving = server.serving(plan.host, plan.port)
            addresses = await stack.enter_async_context(serving)
        except OSError as error:
            raise UsageError(
                f"cannot listen there: {error.strerror or error}",
                where="--host and --port",
                found=f"{plan.host}:{plan.port}",
                todo="choose another port; 0 takes one that is free",
            ) from None
        # A look for garbage through the whole market keeps clients waiting: 40 ms with 100 symbols.
        stack.enter_context(settled_memory())
        on_ready(addresses)
        ends = [loop.create_task(each.wait()) for each in (interrupted, server.stopped)]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
    return server.stopped.is_set()


def _exchange(plan: ServePlan, clock: PacedClock | SteppedClock) -> SimulatedExchange:
    config, known = plan.config, plan.source.symbols()
    context = [symbol for symbol in config.correlation_symbols if symbol in known]
    symbols = list(dict.fromkeys([*config.symbols, *context]))
    return SimulatedExchange(
        plan.source,
        clock,
        symbols=symbols,
        balance=plan.balance,
        costs=Costs(
            taker_fee=to_decimal(config.taker_fee),
            maker_fee=min(to_decimal(config.taker_fee), _MAKER_FEE),
            slippage=to_decimal(config.slippage_bps) / 10_000,
        ),
        leverage=config.leverage,
        instruments=instruments_of(config, plan.source, symbols),
        start_ms=plan.start_ms,
        end_ms=plan.end_ms,
        check_margin=config.check_margin,
    )
