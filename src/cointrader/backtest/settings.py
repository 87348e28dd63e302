"""What a run is made with, and its form as plain numbers for the kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from cointrader.backtest.columns import LANE, RULES, Floats
from cointrader.backtest.market import shown
from cointrader.backtest.signals import SymbolSignals
from cointrader.domain.instrument import Instrument, as_fraction
from cointrader.risk.limits import RiskLimits
from cointrader.strategy.plan import ExitSettings

_OF_LIMITS = [name for name in RULES.names or () if name not in ("balance", "slippage")]


@dataclass(frozen=True, slots=True)
class BacktestSettings:
    """Everything but the candles and the signals. Money in quote currency, ratios as fractions.

    `slippage` is against us on every fill; the fee is that of `limits`. Times are epoch ms,
    `start_ms` the first bar decided, `end_ms` excluded; None: all there are.
    """

    limits: RiskLimits
    exits: Mapping[str, ExitSettings]
    instruments: Mapping[str, Instrument]
    balance: float = 1000.0
    slippage: float = 0.0
    start_ms: int | None = None
    end_ms: int | None = None


def rules_of(settings: BacktestSettings) -> NDArray[np.void]:
    """The account's rules as numbers: one row of `columns.RULES`."""
    limits, rules = settings.limits, np.zeros(1, RULES)
    for name in _OF_LIMITS:
        rules[name] = getattr(limits, name) or 0
    rules["balance"] = settings.balance
    rules["slippage"] = settings.slippage
    return shown(rules)


def lanes_of(
    settings: BacktestSettings, symbols: Sequence[str], signals: Mapping[str, SymbolSignals]
) -> tuple[NDArray[np.void], Floats]:
    """What differs per symbol, rows of `columns.LANE` in the order of `symbols`; and all brackets.

    Of the brackets, shape (2, brackets): maintenance margin ratios, and maintenance amounts.
    """
    lanes = np.zeros(len(symbols), LANE)
    leverage = int(settings.limits.leverage)
    ratios: list[float] = []
    amounts: list[float] = []
    for lane, symbol in zip(lanes, symbols, strict=True):
        exits, instrument = settings.exits[symbol], settings.instruments[symbol]
        stop, target = _exits(exits, signals[symbol])
        lane["stop_factor"], lane["stop_is_ratio"] = stop
        lane["target_factor"], lane["target_is_ratio"] = target
        lane["trail_ratio"] = exits.trailing_stop_pct
        lane["tick"], lane["tick_over"], lane["tick_under"] = _grid(instrument.tick_size)
        lane["step"], lane["step_over"], lane["step_under"] = _grid(instrument.step_size)
        lane["min_quantity"] = float(instrument.min_quantity)
        lane["max_quantity"] = _largest(instrument)
        lane["min_notional"] = float(instrument.min_notional)
        lane["max_notional"] = _or_infinite(instrument.max_notional(leverage))
        lane["highest_buy"] = _or_infinite(instrument.price_multiplier_up)
        lane["lowest_sell"] = float(instrument.price_multiplier_down or 0)
        lane["first_bracket"] = len(ratios)
        ratios += [float(bracket.maintenance_margin_ratio) for bracket in instrument.brackets]
        amounts += [float(bracket.maintenance_amount) for bracket in instrument.brackets]
        lane["end_bracket"] = len(ratios)
    return shown(lanes), shown(np.array([ratios, amounts], np.float64))


def _exits(
    exits: ExitSettings, own: SymbolSignals
) -> tuple[tuple[float, bool], tuple[float, bool]]:
    """Of stop and target: the factor, and whether it is a fraction of the fill."""
    is_ratio = exits.mode == "pct"
    stop = (exits.stop_loss_pct if is_ratio else exits.atr_sl_mult, is_ratio)
    target = (exits.take_profit_pct if is_ratio else exits.atr_tp_mult, is_ratio)
    if own.stop_distance is not None:
        stop = (1.0, False)
    if own.target_distance is not None:
        target = (1.0, False)
    return stop, target


def _grid(step: Decimal | None) -> tuple[float, int, int]:
    return (0.0, 0, 1) if step is None else (float(step), *as_fraction(step))


def _largest(instrument: Instrument) -> float:
    most = instrument.max_quantity
    return np.inf if most is None else float(instrument.quantity(float(most)))


def _or_infinite(value: Decimal | None) -> float:
    return np.inf if value is None else float(value)
