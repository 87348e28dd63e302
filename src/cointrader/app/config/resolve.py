"""From what was given to what counts: profile values below, rules between settings on top.

Pure: values in, values or a `ConfigError` out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cointrader.app.config.settings import SETTINGS, TABLE, Setting
from cointrader.app.config.types import SecretText, Unacceptable
from cointrader.domain.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Given:
    """A value that someone set, and where."""

    value: object
    source: str


def judged(setting: Setting, raw: object, source: str, name: str = "") -> Given:
    """`raw` as a value of `setting`; `ConfigError` with name, value, source and what is allowed."""
    try:
        return Given(setting.type.parse(raw), source)
    except Unacceptable as hint:
        hidden = isinstance(setting.type, SecretText)
        shown = "this value" if hidden else repr(raw) if isinstance(raw, str) else raw
        raise ConfigError(
            f"{name or setting.env_name} cannot be {shown}",
            where=source,
            allowed=setting.type.allowed,
            todo=str(hint) or None,
        ) from None


def resolve(given: Mapping[str, Given], symbol: str = "") -> tuple[dict[str, Any], dict[str, str]]:
    """(values, sources) of all settings; `ConfigError` where two of them do not fit together.

    With `symbol`, `given` holds that symbol's own values and messages name it.
    """
    profile = str(given["profile"].value) if "profile" in given else "default"
    values: dict[str, Any] = {}
    told: dict[str, str] = {}
    for setting in TABLE:
        own = given.get(setting.name)
        usual = setting.value_in(profile)
        value = usual if own is None else own.value
        values[setting.name] = list(value) if isinstance(value, list) else value
        told[setting.name] = own.source if own else _usual_source(setting, usual, profile)
    if "max_same_direction" not in given and values["max_same_direction"] > values["max_positions"]:
        values["max_same_direction"] = values["max_positions"]
        told["max_same_direction"] = "default, no more than MAX_POSITIONS"
    _check_together(values, told, symbol)
    return values, told


def _usual_source(setting: Setting, usual: object, profile: str) -> str:
    differs = profile != "default" and usual != setting.value_in("default")
    return f"profile {profile}" if differs else "default"


# (lower setting, higher setting, whether they may be equal)
_ORDERED = (
    ("max_same_direction", "max_positions", True),
    ("margin_min_ratio", "margin_max_ratio", True),
    ("macd_fast", "macd_slow", False),
    ("ema_fast", "ema_mid", False),
    ("ema_mid", "ema_slow", False),
)


def _check_together(values: Mapping[str, Any], told: Mapping[str, str], symbol: str) -> None:
    for low, high, may_be_equal in _ORDERED:
        if values[low] < values[high] or (may_be_equal and values[low] == values[high]):
            continue
        one, other = SETTINGS[low].env_name, SETTINGS[high].env_name
        raise ConfigError(
            f"{one} = {values[low]} is {'above' if may_be_equal else 'not below'} "
            f"{other} = {values[high]}" + (f" for {symbol}" if symbol else ""),
            where=f"{one}: {told[low]}; {other}: {told[high]}",
            allowed=f"{one} {'at most' if may_be_equal else 'below'} {other}",
            todo=f"lower {one} or raise {other}",
        )
