"""Settings that somebody set and that have no effect.

Every command that plays or trades says so: it imports nothing else of what `check` knows.
"""

from __future__ import annotations

from collections.abc import Iterator

from cointrader.app.config.config import Config
from cointrader.app.config.settings import SETTINGS, TABLE, Setting
from cointrader.app.config.values import SettingValues

# With fixed:N none of the limits over all symbols holds, and the wallet is unlimited.
_IDLE_WITH_FIXED = (
    "leverage", "margin_max_ratio", "margin_min_ratio", "margin_decay_rate", "margin_decay",
    "max_positions", "max_same_direction", "max_daily_loss", "max_drawdown", "kill_fast",
    "kill_slow", "daily_loss_basis", "open_risk_bound", "slots_by", "check_margin",
)  # fmt: skip


def idle(config: Config) -> Iterator[str]:
    """Settings that somebody set and that have no effect."""
    yield from config.ignored
    for setting in TABLE:
        if config.given(setting.name) and (why := _why_idle(setting, config)):
            yield f"{setting.env_name} ({config.source(setting.name)}) has no effect {why}"
    for symbol in config.symbols:
        view = config.for_symbol(symbol)
        for name, given in config.own_values(symbol).items():
            if why := _why_idle(SETTINGS[name], view):
                yield f"{name.upper()}_{symbol} ({given.source}) has no effect {why}"


def _why_idle(setting: Setting, values: SettingValues) -> str:
    if setting.needs is not None:
        other, wanted = setting.needs
        now = getattr(values, other)
        if now not in wanted:
            text = SETTINGS[other].type.text
            return f"while {other.upper()} is {text(now)}; it needs {text(wanted[0])}"
    if setting.name in _IDLE_WITH_FIXED and values.fixed_notional is not None:
        return f"while SIZING is {values.sizing}"
    if setting.name in ("margin_min_ratio", "margin_decay") and not values.margin_decay_rate:
        return "while MARGIN_DECAY_RATE is 0"
    if setting.name == "tie_break" and values.tie_break == "probability" and values.no_ml_filter:
        return "while NO_ML_FILTER is true: there is no probability"
    return ""
