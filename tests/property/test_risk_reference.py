"""The founding rules, played by bots on the risk manager and by the independent reference."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from cointrader.domain.order import Side
from cointrader.risk.manager import Reservation, RiskManager
from tests.unit.risk.fakes import (
    BAR_MS,
    DAY_MS,
    MONDAY_MS,
    FakeAccount,
    FakeClock,
    FakeJournal,
    Settings,
    an_entry,
)

np = pytest.importorskip("numpy")
pytest.importorskip("polars")
pytest.importorskip("talib")
reference = pytest.importorskip("tests.reference")

SYMBOLS = ("AUSDT", "BUSDT", "CUSDT", "DUSDT")
FIRST_MS = MONDAY_MS + DAY_MS - 5 * BAR_MS
BARS = 400
FEE = 0.0004


@dataclass
class Held:
    side: Side
    price: float
    quantity: float
    stop: float
    target: float
    fresh: bool = True


def market(seed: int):
    """Random candles, signals and ATR of every symbol."""
    random = np.random.default_rng(seed)
    histories, signals, atr = [], {}, {}
    times = FIRST_MS + BAR_MS * np.arange(BARS, dtype=np.int64)
    for symbol in SYMBOLS:
        steps = random.normal(0.0, 0.01, BARS)
        close = 100.0 * np.exp(np.cumsum(steps))
        first = np.concatenate([[100.0], close[:-1]]) * (1 + random.normal(0.0, 0.001, BARS))
        high = np.maximum(first, close) * (1 + random.random(BARS) * 0.01)
        low = np.minimum(first, close) * (1 - random.random(BARS) * 0.01)
        none = np.full(BARS, np.nan)
        histories.append(
            reference.History(symbol, times, first, high, low, close, np.ones(BARS), none)
        )
        signals[symbol] = random.choice([-1, 0, 0, 1], BARS).astype(np.int8)
        atr[symbol] = np.full(BARS, 1.0)
    return histories, signals, atr


class Desk:
    """Bots that trade as the reference does, but ask the risk manager."""

    def __init__(self, config: Settings) -> None:
        self.account, self.clock = FakeAccount(1000.0), FakeClock(FIRST_MS)
        self.config, self.journal = config, FakeJournal()
        self.held: dict[str, Held] = {}
        self.closed = 0

    async def start(self) -> None:
        self.risk = RiskManager(self.config, clock=self.clock, journal=self.journal)
        await self.risk.start(self.account)
        for symbol in SYMBOLS:
            self.risk.join(symbol)
        for symbol, held in self.held.items():
            self.risk.restore_position(symbol, held.side, held.quantity, held.price, held.stop)

    async def close(self, symbol: str, price: float, bar_ms: int) -> None:
        held = self.held.pop(symbol)
        gross = held.side.sign * held.quantity * (price - held.price)
        net = gross - held.quantity * price * FEE
        self.account.wallet += net
        self.closed += 1
        await self.risk.close_position(symbol, net, at_ms=bar_ms)

    async def decide(self, symbol: str, wanted: int, price: float, bar_ms: int) -> None:
        await self.risk.begin_bar(bar_ms)
        side, held = Side.of_sign(wanted), self.held.get(symbol)
        if held is not None and side is held.side.opposite:
            await self.close(symbol, price, bar_ms)
        if side is None or symbol in self.held:
            await self.risk.submit(bar_ms, symbol, None)
            return
        answer = await self.risk.submit(bar_ms, symbol, an_entry(side, price, 1.5))
        if isinstance(answer, Reservation):
            quantity = float(answer.quantity)
            self.account.wallet -= quantity * price * FEE
            stop, target = price - 1.5 * side.sign, price + 3.0 * side.sign
            self.held[symbol] = Held(side, price, quantity, stop, target)
            answer.commit(answer.quantity, price, stop)

    async def inside_bar(self, symbol: str, history, bar: int, bar_ms: int) -> None:
        held = self.held.get(symbol)
        if held is None:
            return
        sign, first = held.side.sign, float(history.open[bar])
        worst, best = (history.low, history.high) if sign > 0 else (history.high, history.low)
        if sign * (first - held.stop) < 0 and not held.fresh:
            await self.close(symbol, first, bar_ms)
        elif sign * (float(worst[bar]) - held.stop) <= 0:
            await self.close(symbol, held.stop, bar_ms)
        elif sign * (float(best[bar]) - held.target) >= 0:
            await self.close(symbol, held.target, bar_ms)
        elif bar == BARS - 1:
            await self.close(symbol, float(history.close[bar]), bar_ms)
        held.fresh = False


async def played(config: Settings, histories, signals, restart_every: int) -> Desk:
    desk = Desk(config)
    await desk.start()
    for bar in range(BARS):
        bar_ms = FIRST_MS + bar * BAR_MS
        await desk.clock.advance_to(bar_ms)
        wanted = {symbol: int(signals[symbol][bar - 1]) if bar else 0 for symbol in SYMBOLS}
        await asyncio.gather(
            *(
                desk.decide(each.symbol, wanted[each.symbol], float(each.open[bar]), bar_ms)
                for each in histories
            )
        )
        for each in histories:
            await desk.inside_bar(each.symbol, each, bar, bar_ms)
        if restart_every and bar % restart_every == 0:
            await desk.journal.commit()
            desk.journal = FakeJournal(desk.journal.on_disk)
            await desk.start()
    await desk.risk.end_bar(FIRST_MS + (BARS - 1) * BAR_MS)
    return desk


@pytest.mark.parametrize("restart_every", [0, 7])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bots_on_the_risk_manager_trade_as_the_reference_does(seed, restart_every):
    histories, signals, atr = market(seed)
    config = Settings(symbols=SYMBOLS, max_daily_loss=0.15)
    expected = reference.run(
        histories,
        reference.Settings(warmup_bars=0, fee=FEE, max_daily_loss=0.15),
        signals=signals,
        atr=atr,
    )

    desk = asyncio.run(played(config, histories, signals, restart_every))

    assert dict(desk.risk.refusals) == expected.refusals
    assert desk.risk.halted_days == expected.halted_days
    assert desk.closed == len(expected.trades)
    assert desk.account.wallet == pytest.approx(expected.final_wallet, rel=1e-9)
    assert expected.refusals.keys() == {"daily-loss", "max-positions", "same-direction"}
    assert expected.halted_days > 0
