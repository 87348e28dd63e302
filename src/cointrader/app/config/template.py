"""A commented file to begin with, written from the table of settings."""

from __future__ import annotations

import json
from collections.abc import Iterator

from cointrader.app.config.settings import GROUPS, TABLE, Setting
from cointrader.app.config.types import Choice, Flag, Number, Symbols, Whole

_BOUNDED = (Choice, Flag, Number, Whole)

_ENV_HEAD = """\
# Copy to .env and take away the # of what you want to change; each line shows its default.
# The environment wins over .env, .env over cointrader.toml. `cointrader config show` tells where \
a value came from.
# Any strategy setting can be given per symbol as NAME_SYMBOL, for example ATR_SL_MULT_XRPUSDT=2.0
"""
_TOML_HEAD = """\
# Take away the # of what you want to change; each line shows its default.
# The environment and .env win over this file. `cointrader config show` tells where a value came \
from.
# Keys and other secrets do not belong here: they are read from the environment and .env only.
"""
_TOML_TAIL = """
# --- One symbol's own values: any setting of signal, indicators, exits and entry filter
#[XRPUSDT]
#atr_sl_mult = 2.0
"""


def env_template() -> str:
    """The text of a `.env` in which nothing is set yet."""
    return _ENV_HEAD + "".join(f"{line}\n" for line in _lines(toml=False))


def toml_template() -> str:
    """The text of a `cointrader.toml` in which nothing is set yet."""
    return _TOML_HEAD + "".join(f"{line}\n" for line in _lines(toml=True)) + _TOML_TAIL


def _lines(*, toml: bool) -> Iterator[str]:
    for group, title in GROUPS.items():
        settings = [s for s in TABLE if s.group == group and not (toml and s.secret)]
        if settings:
            yield ""
            yield f"# --- {title}"
        for setting in settings:
            yield f"# {setting.help}{_allowed(setting)}"
            if toml:
                yield f"#{setting.name} = {_toml_value(setting)}"
            else:
                default = "" if setting.secret else setting.type.text(setting.value_in("default"))
                yield f"#{setting.env_name}={default}"
            if setting.name == "symbols" and not toml:
                yield "# Read only when SYMBOLS is empty: a list of one"
                yield "#SYMBOL="


def _allowed(setting: Setting) -> str:
    """What the help line leaves open."""
    told = isinstance(setting.type, Choice) and all(o in setting.help for o in setting.type.options)
    return f" ({setting.type.allowed})" if isinstance(setting.type, _BOUNDED) and not told else ""


def _toml_value(setting: Setting) -> str:
    value = setting.value_in("default")
    if isinstance(setting.type, Symbols):
        return json.dumps(value)
    if isinstance(setting.type, Whole | Number | Flag) and value is not None:
        return setting.type.text(value)
    return json.dumps(setting.type.text(value))
