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
    limits, own = settings.limits, {"balance": settings.balance, "slippage": settings.slippage}
    row = (own[name] if name in own else getattr(limits, name) or 0 for name in RULES.names or ())
    return shown(np.array([tuple(row)], RULES))


def lanes_of(
    settings: BacktestSettings, symbols: Sequence[str], signals: Mapping[str, SymbolSignals]
) -> tuple[NDArray[np.void], Floats]:
    """What differs per symbol, rows of `columns.LANE` in the order of `symbols`; and all brackets.

    Of the brackets, shape (2, brackets): maintenance margin ratios, and maintenance amounts.
    """
    leverage, lanes = int(settings.limits.leverage), []
    ratios: list[float] = []
    amounts: list[float] = []
    for symbol in symbols:
        exits, instrument = settings.exits[symbol], settings.instruments[symbol]
        (stop, stop_is_ratio), (target, target_is_ratio) = _exits(exits, signals[symbol])
        tick, tick_over, tick_under = _grid(instrument.tick_size)
        step, step_over, step_under = _grid(instrument.step_size)
        lane: dict[str, float] = {
            "stop_factor": stop, "stop_is_ratio": stop_is_ratio,
            "target_factor": target, "target_is_ratio": target_is_ratio,
            "trail_ratio": exits.trailing_stop_pct,
            "tick": tick, "tick_over": tick_over, "tick_under": tick_under,
            "step": step, "step_over": step_over, "step_under": step_under,
            "min_quantity": float(instrument.min_quantity),
            "max_quantity": _largest(instrument),
            "min_notional": float(instrument.min_notional),
            "max_notional": _or_infinite(instrument.max_notional(leverage)),
            "highest_buy": _or_infinite(instrument.price_multiplier_up),
            "lowest_sell": float(instrument.price_multiplier_down or 0),
            "first_bracket": len(ratios), "end_bracket": len(ratios) + len(instrument.brackets),
        }  # fmt: skip
        lanes.append(tuple(lane[name] for name in LANE.names or ()))
        ratios += [float(bracket.maintenance_margin_ratio) for bracket in instrument.brackets]
        amounts += [float(bracket.maintenance_amount) for bracket in instrument.brackets]
    return shown(np.array(lanes, LANE)), shown(np.array([ratios, amounts], np.float64))


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
