"""An exchange for clients that we did not write: served from a thread of its own.

Some of them block, so it cannot share their loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from cointrader.domain.candle import Candle
from cointrader.domain.ports import Settlement
from cointrader.exchange.simulated import Costs, SimulatedExchange, known_instrument
from cointrader.exchange.simulated.wire import (
    Addresses,
    Credentials,
    ExchangeServer,
    PacedClock,
    Passage,
    SteppedClock,
)
from cointrader.exchange.simulated.wire.passage import Request
from cointrader.exchange.simulated.wire.refusals import Answer

Row = tuple[float, float, float, float]  # open, high, low, close

KEY, SECRET = "k" * 64, "s" * 64
SYMBOL, OTHER = "XRPUSDT", "TRXUSDT"
M15 = 900_000
T0 = 1_748_736_000_000  # 2025-06-01
BARS_BEFORE = 40  # that have closed when it opens
START_MS = T0 + BARS_BEFORE * M15
CALM: Row = (2.0, 2.01, 1.99, 2.0)
DROP: Row = (2.0, 2.0, 1.85, 1.9)  # through a stop at 1.9, not to the liquidation
LOW: Row = (1.9, 1.91, 1.89, 1.9)  # as it goes on where the drop ended
_CALM_OTHER: Row = (0.3, 0.301, 0.299, 0.3)
PATIENCE_S = 30.0


class Table:
    """A market from rows of (open, high, low, close), bar 0 at T0."""

    label = "table"
    interval_ms = M15

    def __init__(self, rows: Mapping[str, Sequence[Row]]) -> None:
        self._candles = {
            symbol: [
                Candle(symbol, T0 + bar * M15, T0 + (bar + 1) * M15, *row, 1_000.0)
                for bar, row in enumerate(table)
            ]
            for symbol, table in rows.items()
        }

    def symbols(self) -> Sequence[str]:
        return list(self._candles)

    def candles(self, symbol: str) -> Sequence[Candle]:
        return self._candles[symbol]

    def settlements(self, _symbol: str) -> Sequence[Settlement]:
        return [Settlement(T0 + bar * M15, 0.0001, 2.0) for bar in (0, 32)]

    def open_times(self, symbol: str) -> Sequence[int]:
        return [candle.open_time_ms for candle in self._candles[symbol]]

    def open_interest(self, _symbol: str) -> Sequence[tuple[int, float]]:
        return [(T0 + bar * M15, 1_000_000.0 + bar) for bar in range(BARS_BEFORE + 20)]


class Witness(Passage):
    """Lets everything pass, and remembers what was answered."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []

    async def answer(self, request: Request, answer: Answer) -> Answer:
        self.answers.append(answer)
        return await super().answer(request, answer)


@dataclass(frozen=True)
class Served:
    """A running exchange: where it is, what it answered, and how its market is moved."""

    at: Addresses
    witness: Witness = field(default_factory=Witness)

    @property
    def last_answer(self) -> Any:
        """The body of the newest answer as a client reads it."""
        return json.loads(json.dumps(self.witness.answers[-1].body))

    def control(self, name: str, **params: Any) -> Any:
        """Tell the owner's side of the exchange to do something."""
        request = urllib.request.Request(
            f"{self.at.control}/{name}",
            data=json.dumps(params).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def step(self, bars: int = 1) -> None:
        """Play bars to their end."""
        for _ in range(bars):
            self.control("step")


@contextlib.contextmanager
def served(*rows: Row, pace: float | None = None, balance: str = "1000") -> Iterator[Served]:
    """An exchange of two symbols; after calm candles XRPUSDT plays `rows`, then calm ones again.

    It moves by steps without a pace.
    """
    bars = BARS_BEFORE + len(rows) + 4
    table: Mapping[str, Sequence[Row]] = {
        SYMBOL: [*[CALM] * BARS_BEFORE, *rows, *[CALM] * 4],
        OTHER: [_CALM_OTHER] * bars,
    }
    witness = Witness()
    ready: Future[Addresses] = Future()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with _server(table, pace, balance, witness).serving() as at:
            ready.set_result(at)
            await over.wait()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)
        finally:
            loop.close()

    thread = threading.Thread(target=run, name="exchange")
    thread.start()
    try:
        yield Served(ready.result(timeout=PATIENCE_S), witness)
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(over.set)
        thread.join(PATIENCE_S)


def _server(
    table: Mapping[str, Sequence[Row]], pace: float | None, balance: str, witness: Witness
) -> ExchangeServer:
    clock = SteppedClock() if pace is None else PacedClock(pace)
    known = {symbol: known_instrument(symbol) for symbol in table}
    exchange = SimulatedExchange(
        Table(table),
        clock,
        symbols=list(table),
        balance=Decimal(balance),
        costs=Costs(taker_fee=Decimal("0.0005"), slippage=Decimal(0), maker_fee=Decimal("0.0002")),
        leverage=5,
        instruments={symbol: each for symbol, each in known.items() if each is not None},
        start_ms=START_MS,
    )
    return ExchangeServer(exchange, clock, Credentials(KEY, SECRET), passage=witness)
