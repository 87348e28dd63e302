"""What a bot reads from the configuration, and the parts it makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from cointrader.domain.clock import interval_ms
from cointrader.domain.instrument import to_decimal
from cointrader.signals.configured import configured_rule
from cointrader.signals.indicators import Periods
from cointrader.signals.rules import SignalRule
from cointrader.strategy.plan import ExitSettings

if TYPE_CHECKING:
    from cointrader.bot.foreign import ForeignPolicy


class StrategyConfig(Protocol):
    """Strategy settings of one symbol."""

    @property
    def signal(self) -> str: ...
    @property
    def signal_threshold(self) -> int: ...
    @property
    def vol_multiplier(self) -> float: ...
    @property
    def adx_threshold(self) -> float: ...
    @property
    def periods(self) -> Periods: ...
    @property
    def exit_mode(self) -> str: ...
    @property
    def atr_sl_mult(self) -> float: ...
    @property
    def atr_tp_mult(self) -> float: ...
    @property
    def stop_loss_pct(self) -> float: ...
    @property
    def take_profit_pct(self) -> float: ...
    @property
    def trailing_stop_pct(self) -> float: ...
    @property
    def slippage_bps(self) -> float: ...


class BotConfig(Protocol):
    """What a bot needs of the configuration."""

    @property
    def correlation_symbols(self) -> Sequence[str]: ...
    @property
    def interval(self) -> str: ...
    @property
    def max_entry_delay_ms(self) -> int | None: ...
    @property
    def foreign_positions(self) -> str: ...
    def for_symbol(self, symbol: str) -> StrategyConfig: ...


@dataclass(frozen=True, slots=True)
class BotSettings:
    """One bot's settings, taken from the configuration once when the bot is made."""

    correlation_symbols: tuple[str, ...]
    interval_ms: int
    max_entry_delay_ms: int | None  # None: an entry is never too late
    rule: SignalRule
    periods: Periods
    exits: ExitSettings
    slippage: Decimal  # fraction of the price expected against us on a market fill
    foreign: ForeignPolicy

    @staticmethod
    def of(config: BotConfig, symbol: str) -> BotSettings:
        from cointrader.bot.foreign import ForeignPolicy  # a backtest reads exits only

        strategy = config.for_symbol(symbol)
        return BotSettings(
            correlation_symbols=tuple(config.correlation_symbols),
            interval_ms=interval_ms(config.interval),
            max_entry_delay_ms=config.max_entry_delay_ms,
            rule=configured_rule(strategy),
            periods=strategy.periods,
            exits=exit_settings(strategy),
            slippage=to_decimal(strategy.slippage_bps) / 10_000,
            foreign=ForeignPolicy(config.foreign_positions),
        )


def exit_settings(strategy: StrategyConfig) -> ExitSettings:
    """Where the exits of one symbol stand."""
    return ExitSettings(
        mode=strategy.exit_mode,
        atr_sl_mult=strategy.atr_sl_mult,
        atr_tp_mult=strategy.atr_tp_mult,
        stop_loss_pct=strategy.stop_loss_pct,
        take_profit_pct=strategy.take_profit_pct,
        trailing_stop_pct=strategy.trailing_stop_pct,
    )
