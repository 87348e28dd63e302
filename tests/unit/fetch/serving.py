"""An exchange and an archive on loopback sockets that serve one made-up market's history."""

from __future__ import annotations

import asyncio
import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
from aiohttp import web

from cointrader.app.config import Config
from cointrader.app.fetch.fetch import fetch
from cointrader.app.fetch.plan import FetchOutcome, FetchPlan
from cointrader.app.paper.market import instruments_of
from cointrader.domain.clock import DAY_MS, SystemClock
from cointrader.exchange.simulated import Costs, SimulatedExchange
from cointrader.exchange.simulated.wire import Credentials, ExchangeServer, SteppedClock
from cointrader.exchange.simulated.wire.faults import FaultPlan
from cointrader.market.archive import ArchiveFile, Kind
from cointrader.market.combined import examine
from cointrader.market.frame import Frame
from cointrader.market.synthetic import SyntheticSource

BAR_MS = 900_000
START_MS = 1_767_225_600_000  # 2026-01-01
DAYS = 80
BTC, ETH, XRP, TRX = "BTCUSDT", "ETHUSDT", "XRPUSDT", "TRXUSDT"
MARKET = SyntheticSource((XRP, TRX), 3, START_MS, 96 * DAYS, BAR_MS)
OPEN_INTEREST = {symbol: MARKET.open_interest(symbol) for symbol in (XRP, TRX)}


def day(number: float) -> int:
    """Midnight after so many days of the market."""
    return START_MS + round(number * DAY_MS)


class HurriedClock(SystemClock):
    """Time as it is, but nobody waits for long."""

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(min(duration_ms, 2) / 1000)


class ClockAt(HurriedClock):
    """Always the same moment."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms


@asynccontextmanager
async def exchange(
    now_ms: int, *, faults: str = "", symbols: Sequence[str] = (XRP, TRX)
) -> AsyncIterator[str]:
    """The address of an exchange by whose clock it is `now_ms`; its market is over after it."""
    clock = SteppedClock()
    config = Config(overrides={"symbols": ",".join(symbols)}, environ={}, folder="/dev/null")
    names = [*symbols, BTC, ETH]
    simulated = SimulatedExchange(
        MARKET,
        clock,
        symbols=names,
        balance=Decimal(1000),
        costs=Costs(),
        leverage=10,
        instruments=instruments_of(config, MARKET, names),
        start_ms=now_ms,
    )
    plan = FaultPlan.read(faults, 1) if faults else FaultPlan()
    server = ExchangeServer(simulated, clock, Credentials.made(), faults=plan)
    async with server.serving() as at:
        yield at.rest


@dataclass
class Archive:
    """Files by their path, what was asked for, and what goes wrong with them."""

    files: dict[str, bytes] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    truncated: int = 0  # so many zips are sent without their end
    failing: int = 0  # so many requests are answered with 503
    status: int = 503

    def put(self, path: str, text: str, *, checksum: str | None = None) -> bytes:
        """Add a zip and its checksum."""
        name = Path(path).stem
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr(f"{name}.csv", text)
        data = packed.getvalue()
        self.files[path] = data
        total = hashlib.sha256(data).hexdigest() if checksum is None else checksum
        self.files[f"{path}.CHECKSUM"] = f"{total}  {name}.zip\n".encode()
        return data

    async def answer(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix("/")
        self.asked[path] += 1
        if self.failing:
            self.failing -= 1
            return web.Response(status=self.status)
        if path not in self.files:
            return web.Response(status=404)
        data = self.files[path]
        if self.truncated and path.endswith(".zip"):
            self.truncated -= 1
            data = data[: len(data) // 2]
        return web.Response(body=data)


@asynccontextmanager
async def archive_server(archive: Archive) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/{path:.*}", archive.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def archive_of(symbols: Sequence[str], months: Sequence[str], days: Sequence[str]) -> Archive:
    """The market's files of so many months, as ``2026-01``, and days, as ``2026-03-01``."""
    archive = Archive()
    for symbol in symbols:
        for number, period in enumerate((*months, *days)):
            every = "monthly" if period in months else "daily"
            path = f"data/futures/um/{every}/klines/{symbol}/15m/{symbol}-15m-{period}.zip"
            archive.put(path, klines_csv(symbol, period, header=number % 2 == 0))
        for period in months:
            path = f"data/futures/um/monthly/fundingRate/{symbol}/{symbol}-fundingRate-{period}.zip"
            archive.put(path, funding_csv(symbol, period))
    return archive


def with_metrics(archive: Archive, symbol: str, first: int, last: int) -> Archive:
    """Also open interest of the market's days `first` to `last`, excluded."""
    for number in range(first, last):
        period = moment(day(number)).strftime("%Y-%m-%d")
        path = f"data/futures/um/daily/metrics/{symbol}/{symbol}-metrics-{period}.zip"
        archive.put(path, metrics_csv(symbol, period))
    return archive


def klines_csv(symbol: str, period: str, *, header: bool) -> str:
    lines = ["open_time,open,high,low,close,volume,close_time,quote_volume,count,x,y,ignore"]
    lines = lines if header else []
    start, end = ArchiveFile(Kind.KLINES, symbol, period, "15m").span
    rows = MARKET.candles(symbol)
    first, last = ((at_ms - START_MS) // BAR_MS for at_ms in (start, end))
    for candle in rows[max(first, 0) : max(last, 0)]:
        prices = (candle.open, candle.high, candle.low, candle.close, candle.volume)
        texts = ",".join(map(repr, prices))
        lines.append(f"{candle.open_time_ms},{texts},{candle.close_time_ms - 1},0,1,0,0,0")
    return "\n".join(lines) + "\n"


def funding_csv(symbol: str, period: str, *, late_ms: int = 6) -> str:
    lines = ["calc_time,funding_interval_hours,last_funding_rate"]
    start, end = ArchiveFile(Kind.FUNDING, symbol, period).span
    lines += [
        f"{settled.at_ms + late_ms},8,{settled.rate!r}"
        for settled in MARKET.settlements(symbol)
        if start <= settled.at_ms < end
    ]
    return "\n".join(lines) + "\n"


def metrics_csv(symbol: str, period: str) -> str:
    """A day's rows from 00:15 to 24:00, backwards, the first twice, a blank one among them."""
    names = "create_time,symbol,sum_open_interest,sum_open_interest_value,a,b,c,d"
    start, _ = ArchiveFile(Kind.METRICS, symbol, period).span
    first = (start - START_MS) // BAR_MS
    rows = [
        f"{moment(at_ms):%Y-%m-%d %H:%M:%S},{symbol},{amount!r},1,1,1,1,1"
        for at_ms, amount in OPEN_INTEREST[symbol][first : first + 96]
    ]
    blank = f"{period} 00:05:00,{symbol},,,,,,"
    return "\n".join([names, blank, *rows[::-1], rows[-1]]) + "\n"


def moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC)


def a_plan(folder: Path, rest_url: str = "http://127.0.0.1:9", **changed: object) -> FetchPlan:
    plan = FetchPlan(folder, (XRP,), (BTC, ETH), rest_url=rest_url, archive_url=None, days=40)
    return replace(plan, **changed)  # type: ignore[arg-type]


async def fetched(plan: FetchPlan) -> FetchOutcome:
    """Run it in a hurry."""
    return await fetch(plan, HurriedClock())


def table(folder: Path, symbol: str = XRP, interval: str = "15m") -> pl.DataFrame:
    """The whole file."""
    return pl.read_parquet(folder / symbol.lower() / f"combined_{interval}.parquet")


def frame_in(folder: Path, symbol: str = XRP) -> Frame:
    """What a reader gets."""
    seen = examine(folder, symbol, "15m")
    return Frame(
        seen.symbol,
        seen.interval_ms,
        seen.open_time_ms,
        seen.candles,
        seen.correlated,
        seen.funding_rate,
        seen.oi_change,
    )
