"""The limits of one account, and the gates that test them.

The gates are plain scalar functions over floats, ints and bools, so a compiled backtest kernel
calls the same ones. `first_refusal` is the one place that knows in which order they are asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from cointrader.domain.errors import ConfigError

# Sizing modes.
ACCOUNT = 0
RISK = 1
FIXED = 2

# Refusals, in the order in which they are asked for.
ALLOWED = 0
NO_MONEY = 1
PAUSED = 2
UNKNOWN_RESULT = 3
DAILY_LOSS = 4
OPEN_RISK = 5
DRAWDOWN = 6
KILL_FAST = 7
KILL_SLOW = 8
MAX_POSITIONS = 9
SYMBOL_HELD = 10
SAME_DIRECTION = 11
MARGIN = 12

REASONS = (
    "",
    "no-money",
    "paused",
    "unknown-result",
    "daily-loss",
    "open-risk",
    "drawdown",
    "kill-fast",
    "kill-slow",
    "max-positions",
    "symbol-held",
    "same-direction",
    "margin",
)

_TIE = 1e-12  # of the amount compared: an amount equal to its limit is at it, whatever floats say
_NO_LIMIT = 2**31 - 1


class RiskConfig(Protocol):
    """What the risk manager must be told. Everything else has a default: see `RiskLimits`."""

    @property
    def symbols(self) -> Sequence[str]: ...
    @property
    def leverage(self) -> float: ...
    @property
    def max_positions(self) -> int: ...
    @property
    def max_same_direction(self) -> int: ...
    @property
    def max_daily_loss(self) -> float: ...
    @property
    def margin_max_ratio(self) -> float: ...
    @property
    def margin_min_ratio(self) -> float: ...
    @property
    def margin_decay_rate(self) -> float: ...


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """The limits in force at one moment, read from a config by `of`.

    Optional settings and their defaults: `margin_decay` "absolute" (or "relative"),
    `daily_loss_basis` "marked" ("realised"), `open_risk_bound` True, `max_drawdown` 0.30 (None:
    off), `kill_fast` and `kill_slow` False, `slots_by` "min" ("symbols"), `check_margin` True,
    `liquidation_distance` True, `max_entry_delay_ms` 30000 (None: off), `tie_break` "order"
    ("probability"), `auction_deadline_ms` 2000, `sizing` "account" ("risk", "fixed:N"),
    `risk_per_trade` 0.02, `taker_fee` 0.
    """

    symbols: tuple[str, ...]
    leverage: float
    max_positions: int
    max_same_direction: int
    max_daily_loss: float
    margin_max_ratio: float
    margin_min_ratio: float
    margin_decay_rate: float
    is_decay_relative: bool
    is_loss_marked: bool
    has_open_risk_bound: bool
    max_drawdown: float | None
    has_kill_fast: bool
    has_kill_slow: bool
    slots: int
    has_margin_check: bool
    has_liquidation_rule: bool
    max_entry_delay_ms: int | None
    is_probability_first: bool
    auction_deadline_ms: int
    sizing: int  # ACCOUNT, RISK or FIXED
    fixed_notional: float
    risk_per_trade: float
    taker_fee: float  # fraction of the notional: an entry needs its fee beside its margin

    @staticmethod
    def of(config: RiskConfig) -> RiskLimits:
        """The limits as `config` states them now. `ConfigError` for a word it does not know.

        Read anew for every decision, as a config may change; made anew only when it did.
        """
        optional = [getattr(config, name, default) for name, default in _DEFAULTS.items()]
        return _limits_of(
            tuple(config.symbols),
            config.leverage,
            config.max_positions,
            config.max_same_direction,
            config.max_daily_loss,
            config.margin_max_ratio,
            config.margin_min_ratio,
            config.margin_decay_rate,
            *optional,
        )

    @property
    def is_unlimited(self) -> bool:
        """Fixed sizing: research on single trades, where the account does not count."""
        return self.sizing == FIXED

    def rank(self, symbol: str) -> int:
        """Place of `symbol` in the configured order; unknown symbols come last."""
        return self.symbols.index(symbol) if symbol in self.symbols else len(self.symbols)


def sizing_of(text: str) -> tuple[int, float]:
    """Sizing mode and fixed notional of ``"account"``, ``"risk"`` or ``"fixed:N"``."""
    if text == "account":
        return ACCOUNT, 0.0
    if text == "risk":
        return RISK, 0.0
    kind, _, number = text.partition(":")
    try:
        notional = float(number) if kind == "fixed" else math.nan
    except ValueError:
        notional = math.nan
    if not 0.0 < notional < math.inf:
        raise ConfigError(
            "unknown sizing", where="sizing", found=text, allowed="account, risk, fixed:N (N > 0)"
        )
    return FIXED, notional


_DEFAULTS: dict[str, Any] = {
    "margin_decay": "absolute",
    "daily_loss_basis": "marked",
    "open_risk_bound": True,
    "max_drawdown": 0.30,
    "kill_fast": False,
    "kill_slow": False,
    "slots_by": "min",
    "check_margin": True,
    "liquidation_distance": True,
    "max_entry_delay_ms": 30_000,
    "tie_break": "order",
    "auction_deadline_ms": 2_000,
    "sizing": "account",
    "risk_per_trade": 0.02,
    "taker_fee": 0.0,
}


@lru_cache(maxsize=16)
def _limits_of(
    symbols: tuple[str, ...],
    leverage: float,
    max_positions: int,
    max_same_direction: int,
    max_daily_loss: float,
    margin_max_ratio: float,
    margin_min_ratio: float,
    margin_decay_rate: float,
    margin_decay: str,
    daily_loss_basis: str,
    open_risk_bound: bool,
    max_drawdown: float | None,
    kill_fast: bool,
    kill_slow: bool,
    slots_by: str,
    check_margin: bool,
    liquidation_distance: bool,
    max_entry_delay_ms: int | None,
    tie_break: str,
    auction_deadline_ms: int,
    sizing: str,
    risk_per_trade: float,
    taker_fee: float,
) -> RiskLimits:
    mode, fixed_notional = sizing_of(str(sizing))
    is_fixed = mode == FIXED  # research: no gate but one position per symbol
    is_split_by_symbols = _is_other("slots_by", slots_by, "min", "symbols")
    slots = len(symbols) if is_split_by_symbols else min(len(symbols), max_positions)
    return RiskLimits(
        symbols=symbols,
        leverage=leverage,
        max_positions=_NO_LIMIT if is_fixed else max_positions,
        max_same_direction=_NO_LIMIT if is_fixed else max_same_direction,
        max_daily_loss=max_daily_loss,
        margin_max_ratio=margin_max_ratio,
        margin_min_ratio=margin_min_ratio,
        margin_decay_rate=margin_decay_rate,
        is_decay_relative=_is_other("margin_decay", margin_decay, "absolute", "relative"),
        is_loss_marked=not _is_other("daily_loss_basis", daily_loss_basis, "marked", "realised"),
        has_open_risk_bound=open_risk_bound and not is_fixed,
        max_drawdown=None if is_fixed else max_drawdown,
        has_kill_fast=kill_fast and not is_fixed,
        has_kill_slow=kill_slow and not is_fixed,
        slots=max(slots, 1),
        has_margin_check=check_margin and not is_fixed,
        has_liquidation_rule=liquidation_distance,
        max_entry_delay_ms=max_entry_delay_ms,
        is_probability_first=_is_other("tie_break", tie_break, "order", "probability"),
        auction_deadline_ms=auction_deadline_ms,
        sizing=mode,
        fixed_notional=fixed_notional,
        risk_per_trade=risk_per_trade,
        taker_fee=taker_fee,
    )


def _is_other(name: str, value: str, default: str, other: str) -> bool:
    """Whether a setting of two words says the second."""
    if value not in (default, other):
        raise ConfigError(
            f"unknown {name}", where=name, found=str(value), allowed=f"{default}, {other}"
        )
    return value == other


# ------------------------------------------------------------------ gates: scalars in, scalars out


def daily_loss_reached(day_start: float, now: float, max_daily_loss: float) -> bool:
    """Whether what was lost since the day's start is at the limit or past it.

    Both are wallets (founding profile) or marked equities, in quote currency.
    """
    return day_start - now >= max_daily_loss * day_start - _TIE * abs(day_start)


def open_risk_exceeded(
    day_start: float, now: float, open_risk: float, entry_risk: float, max_daily_loss: float
) -> bool:
    """Whether the day could end past its limit if every stop, this entry's too, were hit now."""
    worst = day_start - now + open_risk + entry_risk
    return worst > max_daily_loss * day_start + _TIE * abs(day_start)


def drawdown_reached(high_water: float, equity: float, max_drawdown: float) -> bool:
    """Whether equity has fallen by `max_drawdown` (a fraction) from its high-water mark."""
    return equity <= (1.0 - max_drawdown) * high_water + _TIE * abs(high_water)


def risk_to_stop(sign: int, quantity: float, mark: float, stop: float) -> float:
    """What a position would still lose between the mark price and its stop; never negative."""
    return max(sign * (mark - stop) * quantity, 0.0)


def first_refusal(
    snapshot: float,
    is_paused: bool,
    has_unknown_result: bool,
    is_day_halted: bool,
    is_open_risk_exceeded: bool,
    is_drawdown_halted: bool,
    is_killed_fast: bool,
    is_killed_slow: bool,
    held: int,
    max_positions: int,
    is_symbol_held: bool,
    held_on_side: int,
    max_same_direction: int,
    margin: float,
    free_margin: float,
) -> int:
    """The first reason against an entry, ALLOWED when there is none.

    `held` counts open and reserved positions; `REASONS` names the answer.
    """
    if snapshot <= 0.0:
        return NO_MONEY
    if is_paused:
        return PAUSED
    if has_unknown_result:
        return UNKNOWN_RESULT
    if is_day_halted:
        return DAILY_LOSS
    if is_open_risk_exceeded:
        return OPEN_RISK
    if is_drawdown_halted:
        return DRAWDOWN
    if is_killed_fast:
        return KILL_FAST
    if is_killed_slow:
        return KILL_SLOW
    if held >= max_positions:
        return MAX_POSITIONS
    if is_symbol_held:
        return SYMBOL_HELD
    if held_on_side >= max_same_direction:
        return SAME_DIRECTION
    if margin > free_margin + _TIE * abs(free_margin):
        return MARGIN
    return ALLOWED
