"""An exchange in a process of its own whose bars close all at once, and its stopwatch.

`python -m benchmarks.served_burst SYMBOLS BARS` prints its addresses as one JSON line, and after
its end what it saw: when the final candles of each bar were written to the socket and when entries
arrived, with the processor time that its parent process, the bots, had used until then.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from cointrader.app.live.settled_memory import settled_memory
from cointrader.exchange.simulated.adapter import SimulatedExchange
from cointrader.exchange.simulated.instruments import plausible_instrument
from cointrader.exchange.simulated.ledger import Costs
from cointrader.exchange.simulated.wire import (
    Credentials,
    ExchangeServer,
    Passage,
    ServerSettings,
    SteppedClock,
)
from cointrader.exchange.simulated.wire.faults.calls import route_of
from cointrader.exchange.simulated.wire.limits import LimitSettings
from cointrader.exchange.simulated.wire.passage import Frame, Request
from cointrader.exchange.simulated.wire.venue import VenueSettings
from cointrader.market.synthetic import SyntheticSource

BAR_MS = 900_000
START_MS = 1_767_225_600_000
WARM_UP_BARS = 1_000
_ENTRY = ("POST", "/fapi/v1/order")
_ON_THE_WAY_S = 0.002  # of an order, from the socket to where it is carried out


class Stopwatch(Passage):
    """Notes when the final candles of each bar left, and when orders were on the socket.

    To carry out an order takes a while in which nothing is read. So an order waits before that, as
    it does on its way through any exchange: the next one is then read when it comes, and not when
    the one before it is done.

    Every moment is two numbers: the monotonic clock, which all processes share, and the processor
    time of the process `pid`, both in seconds.
    """

    def __init__(self, pid: int) -> None:
        self.first_left: dict[int, tuple[float, float]] = {}  # by open time of the bar
        self.last_left: dict[int, tuple[float, float]] = {}
        self.arrived: list[tuple[tuple[float, float], str]] = []
        self.asked: list[float] = []  # when any other request arrived
        self._cpu_clock = cpu_clock_of(pid)

    def now(self) -> tuple[float, float]:
        return time.monotonic(), time.clock_gettime(self._cpu_clock)

    async def frame(self, stream: str, frame: Frame) -> Sequence[Frame]:
        del stream
        data: Any = frame.get("data", frame) if isinstance(frame, dict) else {}
        if isinstance(data, dict) and data.get("e") == "kline":
            if not data["k"]["x"]:
                return ()  # a stream speaks every 250 ms: of the next bar, later than is measured
            now, bar_ms = self.now(), data["k"]["t"]
            self.first_left.setdefault(bar_ms, now)
            self.last_left[bar_ms] = now
        return (frame,)

    async def request(self, request: Request) -> None:
        if route_of(request) == _ENTRY:
            self.arrived.append((self.now(), request.params.given("newClientOrderId") or ""))
            await asyncio.sleep(_ON_THE_WAY_S)
        else:
            self.asked.append(time.monotonic())

    def told(self) -> str:
        bars = [(self.first_left[bar], self.last_left[bar]) for bar in sorted(self.last_left)]
        return json.dumps({"bars": bars, "arrived": self.arrived, "asked": self.asked})


def cpu_clock_of(pid: int) -> int:
    """The clock of the processor time that all threads of another process have used (Linux)."""
    return (~pid << 3) | 2


async def serve(symbols: Sequence[str], bars: int, bots_pid: int) -> None:
    first_ms = START_MS + WARM_UP_BARS * BAR_MS
    source = SyntheticSource(
        symbols,
        seed=1,
        start_ms=START_MS,
        bars=WARM_UP_BARS + bars,
        interval_ms=BAR_MS,
        correlation_symbols=[],
    )
    clock = SteppedClock()
    exchange = SimulatedExchange(
        source,
        clock,
        symbols=symbols,
        balance=Decimal(10_000),
        costs=Costs(taker_fee=Decimal("0.0005"), slippage=Decimal("0.0002")),
        leverage=10,
        instruments={
            symbol: plausible_instrument(symbol, [source.candles(symbol)[-1].close])
            for symbol in symbols
        },
        start_ms=first_ms,
    )
    watch = Stopwatch(bots_pid)
    keys = Credentials.made()
    # A step is a quarter of an hour of its time and a second of its clients': keys must outlast it.
    limits = LimitSettings(weight_per_minute=10**6, orders_per_10_s=10**4, orders_per_minute=10**5)
    settings = ServerSettings(VenueSettings(limits=limits, listen_key_life_ms=10**12))
    server = ExchangeServer(exchange, clock, keys, settings, watch)
    async with server.serving() as at:
        told = {"rest": at.rest, "ws": at.ws, "control": at.control}
        with settled_memory():  # as `cointrader exchange` does
            print(json.dumps(told | {"key": keys.key, "secret": keys.secret}), flush=True)
            await server.stopped.wait()
    print(watch.told(), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1].split(","), int(sys.argv[2]), os.getppid()))
