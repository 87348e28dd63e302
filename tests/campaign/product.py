"""The product as a trader of the campaign: its own bots, through its own adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from cointrader.app.live.wiring import Access, BinanceDesk, Patience
from cointrader.app.supervisor import Supervisor
from cointrader.bot.bot import TradingBot
from cointrader.domain.clock import MINUTE_MS
from cointrader.domain.order import Leg
from cointrader.domain.records import Intent, Record, RunStarted, TradeClosed
from cointrader.exchange.binance.connection import StreamLimits
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.endpoints import endpoints_at
from cointrader.exchange.binance.input_ages import OldestInputs
from cointrader.exchange.binance.user_feed import PRIVATE_LIMITS
from cointrader.journal.sqlite import SqliteJournal
from cointrader.risk.manager import RiskManager
from tests.campaign.stage import BALANCE, Booked, Stage

# Klines of an open bar come once a minute here, not four times a second.
PATIENCE = Patience(
    market=StreamLimits(max_age_ms=3 * MINUTE_MS, ping_every_ms=MINUTE_MS),
    account=replace(PRIVATE_LIMITS, ping_every_ms=MINUTE_MS),
    oldest=OldestInputs(market_ms=3 * MINUTE_MS),
)


@dataclass(slots=True)
class Product:
    """Trades as `cointrader run` does, and listens to what is written down."""

    records: list[Record] = field(default_factory=list)

    async def trade(self, stage: Stage, ready: Callable[[], None]) -> None:
        config, clock = stage.config, stage.clock
        access = Access(
            stage.at.rest,
            endpoints_at(stage.at.rest, ws=stage.at.ws, ws_api=stage.at.ws_api),
            Credentials(stage.keys.key, stage.keys.secret),
        )
        with SqliteJournal(
            stage.folder / "journal.db",
            threaded=False,
            survives_power_loss=False,
            listeners=(self.records.append,),
        ) as journal:
            started_ms = clock.now_ms()
            async with BinanceDesk.opened(
                config, access, clock, transfers_since_ms=started_ms, patience=PATIENCE
            ) as desk:
                symbols = tuple(config.symbols)
                await journal.commit(
                    RunStarted(
                        started_ms, "live", "the stage", "default", symbols, "15m", BALANCE, "0"
                    )
                )
                risk = RiskManager(config, clock=clock, journal=journal)
                await risk.start(desk.exchange)
                bots = [
                    TradingBot(
                        config,
                        symbol=symbol,
                        risk=risk,
                        exchange=desk.exchange,
                        feed=desk.feed,
                        journal=journal,
                        clock=clock,
                        rule=stage.rules[symbol],
                        inputs=desk.inputs,
                    )
                    for symbol in symbols
                ]
                ready()
                await Supervisor(clock, journal).run(bots)

    @property
    def booked(self) -> Sequence[Booked]:
        trades = (record.trade for record in self.records if isinstance(record, TradeClosed))
        return [Booked(trade.symbol, trade.trade_id, trade.net) for trade in trades]

    @property
    def intended(self) -> Mapping[str, Decimal]:
        return {
            record.client_order_id: record.quantity
            for record in self.records
            if isinstance(record, Intent) and record.leg is Leg.ENTRY and record.quantity
        }
