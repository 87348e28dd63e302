"""Whose name is this? Ours, another program's, or ours with a slip of the pen.

A setting that is misspelt in the environment would otherwise be ignored without a word, and the
account would trade with the default. In our own files every unknown name is refused; in the
environment, which is shared with other programs, those that look like ours.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from cointrader.app.config.settings import SETTINGS, Setting
from cointrader.app.config.sources import Entry
from cointrader.domain.errors import ConfigError

SYMBOL = "SYMBOL"  # read when SYMBOLS is empty; a list of one

# No other program uses names that begin like these.
_OURS = (
    "BINANCE_", "ATR_SL", "ATR_TP", "MARGIN_MAX_", "MARGIN_MIN_", "MARGIN_DECAY", "MAX_SAME_",
    "MAX_POSITIONS_", "MAX_DAILY_LOSS", "MAX_DRAWDOWN", "MAX_ENTRY_DELAY", "CORRELATION_SYMBOL",
    "SIGNAL_THRESH", "ADX_THRESH", "TRAILING_STOP", "STOP_LOSS", "TAKE_PROFIT", "RISK_PER_TRADE",
)  # fmt: skip
# What a .env file may hold for other programs (containers, Python, the shell).
_FOREIGN = (
    "COINTRADER_", "COMPOSE_", "DOCKER_", "PYTHON", "PIP_", "UV_", "LC_", "SSL_", "HTTP_PROXY",
    "HTTPS_PROXY", "NO_PROXY", "MLX_", "NUMBA_", "OMP_", "DASK_",
)  # fmt: skip
_FOREIGN_WORDS = frozenset({"TZ", "LANG", "PATH", "HOME", "NO_COLOR", "TERM", "PS1"})
_LOOKS_LIKE_SYMBOL = re.compile(r"[A-Z0-9]{2,}(USDT|USDC|FDUSD|BUSD|USD|BTC|ETH)(_[0-9]{6})?")
_NAMES = {setting.env_name: setting for setting in SETTINGS.values()}
_LONGEST_FIRST = sorted(_NAMES, key=len, reverse=True)  # a name before its own beginning
_WITH_SYMBOL = tuple(f"{name}_" for name in _NAMES)
_BY_LENGTH: dict[int, list[tuple[str, frozenset[str]]]] = {}
for _name in (*_NAMES, SYMBOL):
    _BY_LENGTH.setdefault(len(_name), []).append((_name, frozenset(_name)))


@dataclass(frozen=True, slots=True)
class Target:
    """The setting that an entry means, for all symbols or for one."""

    setting: Setting
    symbol: str | None = None


def recognise(entry: Entry, symbols: Collection[str]) -> Target | None:
    """What `entry` sets; None for another program's name; `ConfigError` for a slip.

    `symbols` are those that may have values of their own.
    """
    if entry.symbol is not None:
        return _in_table(entry, entry.symbol, symbols)
    if entry.name in _NAMES:
        return Target(_NAMES[entry.name])
    split = _split(entry.name, symbols)
    if split is not None:
        return _for_symbol(entry, *split, symbols)
    if _may_be_foreign(entry):
        return None
    raise _unknown(entry, entry.name, nearest(entry.name, (*_NAMES, SYMBOL)))


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The one of `words` that was probably meant."""
    import difflib  # only when something is wrong

    return next(iter(difflib.get_close_matches(word, list(words), n=1, cutoff=0.6)), None)


def _near_symbol(word: str, symbols: Iterable[str]) -> str | None:
    # Symbols share their ending, so likeness in general says little.
    return next((symbol for symbol in symbols if slips(word, symbol) <= 2), None)


def _in_table(entry: Entry, symbol: str, symbols: Collection[str]) -> Target:
    if symbol not in symbols:
        raise _not_traded(entry, f"the table [{symbol}]", symbol, symbols)
    if entry.name in _NAMES:
        return _for_symbol(entry, entry.name, symbol, symbols)
    raise _unknown(entry, entry.name, nearest(entry.name, _NAMES))


def _split(name: str, symbols: Collection[str]) -> tuple[str, str] | None:
    """(setting, symbol) of a name like ATR_SL_MULT_XRPUSDT, either of them perhaps misspelt."""
    for symbol in symbols:
        head = name.removesuffix("_" + symbol)
        if head != name:
            return (head, symbol) if head in _NAMES or _is_close(head) else None
    if name.startswith(_WITH_SYMBOL):
        for known in _LONGEST_FIRST:
            tail = name[len(known) + 1 :]
            is_head = name.startswith(f"{known}_")
            if is_head and (_LOOKS_LIKE_SYMBOL.fullmatch(tail) or _near_symbol(tail, symbols)):
                return known, tail
    return None


def _for_symbol(entry: Entry, name: str, symbol: str, symbols: Collection[str]) -> Target:
    setting = _NAMES.get(name)
    if setting is None:
        close = nearest(name, _NAMES)
        raise _unknown(entry, entry.name, close and f"{close}_{symbol}")
    if symbol not in symbols:
        raise _not_traded(entry, entry.name, symbol, symbols, prefix=name + "_")
    if not setting.per_symbol:
        raise ConfigError(
            f"{name} is one for all symbols: {entry.name} is not a setting",
            where=entry.source,
            allowed="per symbol: " + ", ".join(n for n, s in _NAMES.items() if s.per_symbol),
            todo=f"set {name}, or remove it",
        )
    return Target(setting, symbol)


def _may_be_foreign(entry: Entry) -> bool:
    if entry.kind == "environment":
        return not (entry.name.startswith(_OURS) or _is_close(entry.name))
    if entry.kind == "env-file" and not _is_close(entry.name):
        return entry.name in _FOREIGN_WORDS or entry.name.startswith(_FOREIGN)
    return False


def _is_close(name: str) -> bool:
    """Whether `name` is one of ours but for a slip or two; short names are given less leeway."""
    letters = frozenset(name)
    for length in range(len(name) - 2, len(name) + 3):
        leeway = 2 if length >= 12 else 1 if length >= 6 else 0
        if abs(length - len(name)) > leeway:
            continue
        for ours, our_letters in _BY_LENGTH.get(length, ()):
            # A cheap test first: an environment has a hundred names, and we have eighty.
            if len(letters ^ our_letters) <= 2 * leeway and slips(name, ours) <= leeway:
                return True
    return False


def slips(one: str, other: str) -> int:
    """Letters lost, added, mistaken or swapped between two words (Damerau, neighbours only)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        before, last, row = row, before, [i]
        for j, b in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _unknown(entry: Entry, name: str, close: str | None) -> ConfigError:
    if entry.kind == "environment":
        todo = f"if it belongs to another program: env -u {name} cointrader ..."
    else:
        todo = "remove it" if close is None else f"write {close}, or remove it"
    return ConfigError(
        f"{name} is not a setting" + (f"; did you mean {close}?" if close else ""),
        where=entry.source,
        allowed="the names that `cointrader config show` lists",
        todo=todo,
    )


def _not_traded(
    entry: Entry, what: str, symbol: str, symbols: Collection[str], prefix: str = ""
) -> ConfigError:
    close = _near_symbol(symbol, symbols)
    return ConfigError(
        f"{what} is for {symbol}, which is not among SYMBOLS"
        + (f"; did you mean {prefix}{close}?" if close else ""),
        where=entry.source,
        allowed=", ".join(symbols),
        todo=f"add {symbol} to SYMBOLS, or remove it",
    )
