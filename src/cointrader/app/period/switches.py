"""How far each symbol is from its kill switches, by the rules that trip them. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from cointrader.app.bar_story import SymbolSettings
from cointrader.domain.records import RunStarted
from cointrader.risk.standing import Standing
from cointrader.risk.switches import (
    FAST_LOSSES,
    SLOW_PROFIT_FACTOR,
    SLOW_TRADES,
    Switch,
    slow_switch_trips,
)

_ON = ("true", "on", "yes", "1")


@dataclass(frozen=True, slots=True)
class SwitchDistance:
    """One symbol's two switches as the journal's last state has them.

    Parameters
    ----------
    is_fast_on, is_slow_on : whether they may trip at all
    losses_to_fast : losses running from here that trip `fast`
    profit_factor : over the last trades that `slow` looks at; infinite without a loss
    trades_to_slow : trades until `slow` judges at all
    losses_to_slow : losses of the usual size, one after the other, that trip `slow`; None where
        there was no loss to know the size by
    """

    symbol: str
    is_fast_on: bool
    is_slow_on: bool
    is_fast_tripped: bool
    is_slow_tripped: bool
    losses_running: int
    losses_to_fast: int
    trades: int
    profit_factor: float
    trades_to_slow: int
    losses_to_slow: int | None


def switch_distances(run: RunStarted, standing: Standing) -> list[SwitchDistance]:
    """Of every symbol of the run, in its order."""
    return [_distance(run, symbol, standing.switches) for symbol in run.symbols]


def _distance(run: RunStarted, symbol: str, switches: Mapping[str, Switch]) -> SwitchDistance:
    switch = switches.get(symbol, Switch())
    settings = SymbolSettings(run, symbol)
    won = sum(net for net in switch.nets if net > 0.0)
    lost = -sum(net for net in switch.nets if net < 0.0)
    return SwitchDistance(
        symbol=symbol,
        is_fast_on=settings.text("KILL_FAST", "off").lower() in _ON,
        is_slow_on=settings.text("KILL_SLOW", "off").lower() in _ON,
        is_fast_tripped=switch.is_fast_tripped,
        is_slow_tripped=switch.is_slow_tripped,
        losses_running=switch.losses_running,
        losses_to_fast=max(0, FAST_LOSSES - switch.losses_running),
        trades=len(switch.nets),
        profit_factor=won / lost if lost else math.inf if won else math.nan,
        trades_to_slow=max(0, SLOW_TRADES - len(switch.nets)),
        losses_to_slow=_losses_to_slow(switch.nets),
    )


def _losses_to_slow(nets: tuple[float, ...]) -> int | None:
    losses = [net for net in nets if net < 0.0]
    if not losses:
        return None
    usual = sum(losses) / len(losses)
    for count in range(SLOW_TRADES + 1):
        then = (*nets, *[usual] * count)[-SLOW_TRADES:]
        won, lost = sum(n for n in then if n > 0.0), -sum(n for n in then if n < 0.0)
        if slow_switch_trips(len(then), won, lost):
            return count
    return None


def needed_factor() -> float:
    """The profit factor below which `slow` trips."""
    return SLOW_PROFIT_FACTOR
