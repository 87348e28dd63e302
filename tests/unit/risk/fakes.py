"""A clock that tests move, an account that tests set, a journal that keeps everything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from cointrader.domain.errors import Unreachable
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import Side
from cointrader.domain.ports import Account, Quote
from cointrader.domain.records import Record, RiskEvent, RiskState
from cointrader.risk.manager import EntryRequest

LONG, SHORT = Side.LONG, Side.SHORT
XRP, TRX, DOGE = "XRPUSDT", "TRXUSDT", "DOGEUSDT"
MINUTE_MS = 60_000
BAR_MS = 15 * MINUTE_MS
DAY_MS = 96 * BAR_MS
MONDAY_MS = 20_000 * DAY_MS
FREE_GRID = Instrument("ANY")


@dataclass
class Settings:
    """The founding rules unless told otherwise."""

    symbols: tuple[str, ...] = (XRP, TRX, DOGE)
    leverage: float = 10.0
    max_positions: int = 3
    max_same_direction: int = 2
    max_daily_loss: float = 0.05
    margin_max_ratio: float = 0.50
    margin_min_ratio: float = 0.20
    margin_decay_rate: float = 0.0006
    margin_decay: str = "absolute"
    daily_loss_basis: str = "realised"
    open_risk_bound: bool = False
    max_drawdown: float | None = None
    kill_fast: bool = False
    kill_slow: bool = False
    slots_by: str = "symbols"
    check_margin: bool = False
    liquidation_distance: bool = False
    max_entry_delay_ms: int | None = None
    tie_break: str = "order"
    auction_deadline_ms: int = 2_000
    sizing: str = "account"
    risk_per_trade: float = 0.02


def default_profile(**changes: object) -> Settings:
    """All protections on."""
    settings = Settings(
        daily_loss_basis="marked",
        open_risk_bound=True,
        max_drawdown=0.30,
        slots_by="min",
        check_margin=True,
        liquidation_distance=True,
        max_entry_delay_ms=30_000,
    )
    return replace(settings, **changes)  # type: ignore[arg-type]


class FakeClock:
    """Time stands still until a test moves it."""

    def __init__(self, now_ms: int = MONDAY_MS) -> None:
        self._now_ms = now_ms
        self._sleepers: list[tuple[int, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        return self._now_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        await self.sleep_until_ms(self._now_ms + duration_ms)

    async def sleep_until_ms(self, at_ms: int) -> None:
        if at_ms <= self._now_ms:
            await asyncio.sleep(0)
            return
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((at_ms, alarm))
        await alarm

    async def advance_to(self, at_ms: int) -> None:
        self._now_ms = max(at_ms, self._now_ms)
        for due_ms, alarm in self._sleepers:
            if due_ms <= self._now_ms and not alarm.done():
                alarm.set_result(None)
        await settled()

    async def advance(self, duration_ms: int) -> None:
        await self.advance_to(self._now_ms + duration_ms)


async def settled() -> None:
    """Let every task run as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


class FakeAccount:
    """The risk manager's view of an exchange."""

    def __init__(self, wallet: float = 1000.0) -> None:
        self.wallet = wallet
        self.unrealised = 0.0
        self.margin = 0.0
        self.transfers: float | None = None  # an exchange that does not tell
        self.marks: dict[str, float] = {}
        self.readings = 0
        self.is_down = False
        self.answers = asyncio.Event()  # cleared: a reading hangs
        self.answers.set()

    async def account(self) -> Account:
        await asyncio.sleep(0)
        await self.answers.wait()
        self.readings += 1
        if self.is_down:
            raise Unreachable("no answer")
        wallet, equity = Decimal(str(self.wallet)), Decimal(str(self.wallet + self.unrealised))
        transfers = None if self.transfers is None else Decimal(str(self.transfers))
        return Account(wallet, equity, equity - Decimal(str(self.margin)), transfers)

    def move(self, amount: float) -> None:
        """Money comes from outside (negative: leaves), on an exchange that tells of it."""
        self.wallet += amount
        self.transfers = (self.transfers or 0.0) + amount

    async def quote(self, symbol: str) -> Quote:
        await asyncio.sleep(0)
        mark = Decimal(str(self.marks.get(symbol, 1.0)))
        return Quote(mark, mark, mark)


class FakeJournal:
    """Keeps records; what was noted is on disk only after the next commit."""

    def __init__(self, on_disk: Sequence[Record] = ()) -> None:
        self.queued: list[Record] = []
        self.on_disk: list[Record] = list(on_disk)
        self.commits = 0

    def note(self, record: Record) -> None:
        self.queued.append(record)

    async def commit(self, *records: Record) -> None:
        await asyncio.sleep(0)
        self.on_disk += [*self.queued, *records]
        self.queued.clear()
        self.commits += 1

    def risk_state(self) -> RiskState | None:
        states = [record for record in self.on_disk if isinstance(record, RiskState)]
        if not states:
            return None
        plain: Mapping[str, object] = json.loads(json.dumps(states[-1].state))
        return RiskState(states[-1].at_ms, plain)

    def events(self, *kinds: str) -> list[RiskEvent]:
        written = [*self.on_disk, *self.queued]
        return [each for each in written if isinstance(each, RiskEvent) and each.kind in kinds]


def an_entry(
    side: Side = LONG,
    price: float = 1.0,
    stop_distance: float = 0.01,
    probability: float | None = None,
    instrument: Instrument = FREE_GRID,
) -> EntryRequest:
    return EntryRequest(side, price, stop_distance, instrument, probability)
