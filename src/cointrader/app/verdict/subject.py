"""What a verdict is about: which settings make a configuration that trades, and their hash.

A configuration is known by what its settings do, not by how they were written down: settings
without effect do not count, nor does where a value came from, nor where the file of a rule lies.
Other than the trials of a search (`search_cell.identity_of`) it has its symbols, size and limits:
a verdict speaks for exactly what trades.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cointrader.app.config import Config
from cointrader.app.config.settings import TABLE, Setting
from cointrader.app.filtered_rule import FilteredRule
from cointrader.backtest.fingerprint import hash_of_settings
from cointrader.signals.configured import BUILT_IN, rule_identity
from cointrader.signals.rules import SignalRule

NO_MODEL = ""  # every signal trades

_TRADING = ("signal", "indicators", "exits", "costs", "size", "limits", "rules")  # groups
# These are limits of a process; no history can tell what they do.
_OF_A_PROCESS = ("max_entry_delay", "auction_deadline", "foreign_positions")


def model_of(symbols: Sequence[str], rules: Mapping[str, SignalRule]) -> str:
    """Names the models that judge the signals of `rules`, by their SHA-256; `NO_MODEL` for none.

    That of a single symbol's model is the name; of several symbols' each is told with its symbol.
    """
    found: dict[str, str] = {}
    for symbol in symbols:
        rule = rules.get(symbol)
        if isinstance(rule, FilteredRule):
            found[symbol] = rule.model
    if len(symbols) == 1:
        return found.get(symbols[0], NO_MODEL)
    return " ".join(f"{symbol}={model}" for symbol, model in found.items())


@dataclass(frozen=True, slots=True)
class Identity:
    """A configuration as a verdict knows it.

    Parameters
    ----------
    settings : what counts, as text: by environment name, a symbol's own as ``NAME_SYMBOL``
    hash : of all of them
    """

    settings: Mapping[str, str]
    hash: str

    @staticmethod
    def of(config: Config) -> Identity:
        """Raises `ConfigError` where the file of a signal rule cannot be read."""
        settings = dict(_settings(config))
        return Identity(settings, hash_of_settings(settings))

    def with_settings(self, more: Mapping[str, str]) -> Identity:
        """The same with some settings that no configuration holds."""
        settings = {**self.settings, **more}
        return Identity(settings, hash_of_settings(settings))

    def differences(self, other: Mapping[str, str]) -> list[str]:
        """Where the settings of another configuration are different, as ``NAME 1.5, now 2``."""
        names = [*self.settings, *(name for name in other if name not in self.settings)]
        return [
            f"{name} {other.get(name, 'not set')}, now {self.settings.get(name, 'not set')}"
            for name in names
            if other.get(name) != self.settings.get(name)
        ]


def _settings(config: Config) -> Iterator[tuple[str, str]]:
    yield "SYMBOLS", ",".join(config.symbols)
    yield "INTERVAL", config.interval
    if any(config.for_symbol(symbol).signal != BUILT_IN for symbol in config.symbols):
        yield "CORRELATION_SYMBOLS", ",".join(config.correlation_symbols)
    for setting in TABLE:
        if setting.group in _TRADING and setting.name not in _OF_A_PROCESS:
            yield from _values(config, setting)


def _values(config: Config, setting: Setting) -> Iterator[tuple[str, str]]:
    """A setting's value, or, where symbols have different ones, the value of each."""
    if not setting.per_symbol:
        if _has_effect(config, setting):
            yield setting.env_name, setting.type.text(getattr(config, setting.name))
        return
    told = {}
    for symbol in config.symbols:
        own = config.for_symbol(symbol)
        if setting.name == "signal":
            told[symbol] = rule_identity(own)
        elif _has_effect(own, setting):
            told[symbol] = setting.type.text(getattr(own, setting.name))
    if len(told) == len(config.symbols) and len(set(told.values())) == 1:
        yield setting.env_name, next(iter(told.values()))
    else:
        yield from ((f"{setting.env_name}_{symbol}", text) for symbol, text in told.items())


def _has_effect(values: object, setting: Setting) -> bool:
    """Whether a setting does anything beside the others."""
    if setting.needs is None:
        return True
    other, needed = setting.needs
    return getattr(values, other) in needed
