"""The settings by name and type, for people, editors and mypy; and what follows from them.

The values themselves come from the table in `settings`; a test keeps the two alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cointrader.app.config.types import SizingRule
from cointrader.domain.clock import interval_ms

if TYPE_CHECKING:
    from cointrader.signals.indicators import Periods


class SettingValues:
    """Every setting that is no secret, as a typed attribute."""

    # what is traded
    symbols: list[str]
    correlation_symbols: list[str]
    interval: str
    profile: str
    # signal
    signal: str
    signal_threshold: int
    vol_multiplier: float
    adx_threshold: float
    # indicator periods
    rsi_period: int
    macd_fast: int
    macd_slow: int
    macd_signal: int
    band_period: int
    band_width: float
    ema_fast: int
    ema_mid: int
    ema_slow: int
    atr_period: int
    stoch_period: int
    stoch_k: int
    stoch_d: int
    adx_period: int
    volume_period: int
    # exits
    exit_mode: str
    atr_sl_mult: float
    atr_tp_mult: float
    stop_loss_pct: float
    take_profit_pct: float
    trailing_stop_pct: float
    # size
    leverage: int
    sizing: str
    risk_per_trade: float
    margin_max_ratio: float
    margin_min_ratio: float
    margin_decay_rate: float
    margin_decay: str
    # limits over all symbols
    max_positions: int
    max_same_direction: int
    max_daily_loss: float
    max_drawdown: float | None
    max_entry_delay: float | None
    foreign_positions: str
    auction_deadline: float
    tie_break: str
    kill_fast: bool
    kill_slow: bool
    # entry filter
    ml_threshold: float
    no_ml_filter: bool
    # costs
    taker_fee: float
    slippage_bps: float
    # rules that the founding profile switches off
    daily_loss_basis: str
    open_risk_bound: bool
    slots_by: str
    check_margin: bool
    use_filters: bool
    liquidation_distance: bool
    # training
    label: str
    max_label_bars: int
    barrier_bars: int
    weight_decay: float
    # alerts and deployment
    discord_level: str
    telegram_chat_ids: str
    telegram_level: str
    telegram_url: str
    notify_level: str
    quiet_hours: str
    deploy_host: str
    deploy_path: str
    # logs
    log_format: str
    log_level: str
    log_file: str
    log_file_mb: float
    log_files_kept: int

    @property
    def interval_ms(self) -> int:
        """Length of a candle."""
        return interval_ms(self.interval)

    @property
    def periods(self) -> Periods:
        """The lengths of all indicators, as the signals room takes them."""
        from cointrader.signals.indicators import Periods  # numpy and TA-Lib: only when needed

        return Periods(
            rsi=self.rsi_period,
            macd_fast=self.macd_fast,
            macd_slow=self.macd_slow,
            macd_signal=self.macd_signal,
            band=self.band_period,
            band_width=self.band_width,
            ema_fast=self.ema_fast,
            ema_mid=self.ema_mid,
            ema_slow=self.ema_slow,
            atr=self.atr_period,
            stoch=self.stoch_period,
            stoch_k=self.stoch_k,
            stoch_d=self.stoch_d,
            adx=self.adx_period,
            volume=self.volume_period,
        )

    @property
    def max_entry_delay_ms(self) -> int | None:
        """How late an entry may be after its candle's close; None: never too late."""
        return None if self.max_entry_delay is None else round(self.max_entry_delay * 1000)

    @property
    def auction_deadline_ms(self) -> int:
        """How long the entries of one bar wait for the slowest symbol."""
        return round(self.auction_deadline * 1000)

    @property
    def slippage(self) -> float:
        """Slippage as a fraction of the price."""
        return self.slippage_bps / 10_000

    @property
    def fixed_notional(self) -> float | None:
        """The notional of ``sizing = fixed:N``; None for the other ways to size."""
        return SizingRule.fixed_notional(self.sizing)
