"""From entries as written to judged values: common ones, and those of single symbols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cointrader.app.config import names
from cointrader.app.config.resolve import Given, judged
from cointrader.app.config.settings import SETTINGS
from cointrader.app.config.sources import Entry
from cointrader.domain.errors import ConfigError

_SYMBOLS = SETTINGS["symbols"]


@dataclass(slots=True)
class Collected:
    """What all sources together say.

    `ignored` tells where something stands that has no effect, and why.
    """

    given: dict[str, Given] = field(default_factory=dict)
    of_symbol: dict[str, dict[str, Given]] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)


def collect(entries: Sequence[Entry]) -> Collected:
    """Judge all entries, the weakest source first; a later one replaces an earlier one."""
    found = Collected()
    named = _named_symbols(entries, found)
    for entry in entries:
        if not _is_about_symbols(entry):
            _take(entry, named, found)
    return found


def _take(entry: Entry, named: Sequence[str], found: Collected) -> None:
    target = names.recognise(entry, named)
    if target is None:
        if entry.kind == "env-file":
            found.ignored.append(f"{entry.source}: {entry.name} is not a setting of cointrader")
        return
    if _is_blank(entry):
        return
    if target.setting.secret and entry.kind not in ("environment", "env-file"):
        raise ConfigError(
            f"{entry.name} is a secret and must not stand here",
            where=entry.source,
            allowed="the environment or .env",
            todo="move it there; make a new one if anybody may have seen it here",
        )
    own = found.given if target.symbol is None else found.of_symbol.setdefault(target.symbol, {})
    own[target.setting.name] = judged(target.setting, entry.raw, entry.source, entry.name)


def _named_symbols(entries: Sequence[Entry], found: Collected) -> list[str]:
    """Note the symbols that count; answer all that may have values of their own.

    These are all that any source names: a flag that narrows the symbols for one run leaves the
    values that `.env` has for the others valid.
    """
    symbols: Given | None = None
    single: Given | None = None
    named: list[str] = []
    for entry in filter(_is_about_symbols, entries):
        given = (
            None if _is_blank(entry) else judged(_SYMBOLS, _raw(entry), entry.source, entry.name)
        )
        if entry.name == names.SYMBOL:
            single = given or single
        else:
            symbols = given  # an empty SYMBOLS takes back what weaker sources say
        if given is not None:
            named += _list(given.value)
    if symbols and single:
        found.ignored.append(f"{single.source}: SYMBOL has no effect beside SYMBOLS")
    if chosen := symbols or single:
        found.given[_SYMBOLS.name] = chosen
    if all(entry.kind == "call" for entry in filter(_is_about_symbols, entries)):
        named += _list(_SYMBOLS.value_in("default"))
    return list(dict.fromkeys(named))


def _list(value: object) -> list[str]:
    return value if isinstance(value, list) else []


def _is_about_symbols(entry: Entry) -> bool:
    return entry.symbol is None and entry.name in (_SYMBOLS.env_name, names.SYMBOL)


def _raw(entry: Entry) -> object:
    several = isinstance(entry.raw, str) and "," in entry.raw.strip(" ,")
    if entry.name == names.SYMBOL and several:
        raise ConfigError(
            "SYMBOL is one symbol", where=entry.source, found=entry.raw, todo="write SYMBOLS="
        )
    return entry.raw


def _is_blank(entry: Entry) -> bool:
    """``NAME=`` means: not given."""
    return isinstance(entry.raw, str) and not entry.raw.strip() and entry.kind != "call"
