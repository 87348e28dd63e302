"""What a cell of a search is: some settings changed, and the configuration that results.

A cell is what it changes: environment names of settings and their values as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from cointrader.app.config import Config
from cointrader.app.config.settings import SETTINGS, Setting
from cointrader.backtest.columns import Floats
from cointrader.backtest.fingerprint import hash_of_settings
from cointrader.domain.errors import ConfigError, UsageError
from cointrader.signals.configured import rule_identity

# Groups whose settings change what is signalled, and what a filter says of it.
_OF_SIGNALS = ("signal", "indicators", "filter")
NOT_SEARCHED = {
    "symbols": "name the symbols by --symbol",
    "correlation_symbols": "it is the same for all cells",
    "profile": "choose it by --profile",
    "interval": "other candles are another search",
}
NOT_PLAYED = ("keys", "training", "deployment", "logs", "filter")
LIVE_ONLY = ("max_entry_delay", "auction_deadline", "foreign_positions")
# Of an account: with fixed:N its wallet is unlimited and none of its limits holds.
_OF_AN_ACCOUNT = (
    "margin_max_ratio", "margin_min_ratio", "margin_decay_rate", "margin_decay", "max_positions",
    "max_same_direction", "max_daily_loss", "max_drawdown", "kill_fast", "kill_slow",
    "daily_loss_basis", "open_risk_bound", "slots_by", "check_margin", "risk_per_trade",
    "tie_break",
)  # fmt: skip

Cell = Mapping[str, str]
Part = tuple[tuple[str, str], ...]  # of a cell: names and values, sorted


class Judged(NamedTuple):
    """What the model of one symbol says of signals.

    Parameters
    ----------
    probability : float64 of shape (n_signals,), in their order
    threshold : from which on a signal passes
    """

    probability: Floats
    threshold: float


JudgedParts = Mapping[Part, Mapping[str, Judged]]  # by settings of signals, and by symbol


def configured(base: Config, cell: Cell) -> Config:
    """`base` with some settings changed, those of single symbols too."""
    if all(name.lower() in SETTINGS for name in cell):
        return base.replace(**{name.lower(): text for name, text in cell.items()})
    return Config.from_shown({**base.shown(), **cell})


def setting_named(base: Config, name: str) -> tuple[Setting, str | None]:
    """The setting that `name` stands for, and the symbol of a ``NAME_SYMBOL``. `UsageError`."""
    if name.lower() in SETTINGS:
        return SETTINGS[name.lower()], None
    for symbol in base.symbols:
        head = name.removesuffix(f"_{symbol}").lower()
        if head != name.lower() and head in SETTINGS:
            if not SETTINGS[head].per_symbol:
                raise UsageError(
                    f"{head.upper()} is one for all symbols",
                    where="--set",
                    todo="leave _SYMBOL out",
                )
            return SETTINGS[head], symbol
    from cointrader.app.config.names import nearest

    close = nearest(name.lower(), SETTINGS)
    raise UsageError(
        f"{name} is not a setting" + (f"; did you mean {close.upper()}?" if close else ""),
        where="--set",
        allowed="the names that `cointrader config show` lists",
    )


def identity_of(config: Config) -> str:
    """The hash of a configuration: of everything that could change a trade of a backtest.

    Symbols and the interval are not among it, those are the data; nor is what has no effect, nor
    the name of a symbol whose settings are those of all. The file of a user's rule counts by what
    is in it.
    """
    return Identifier(config)({})


class Identifier:
    """Hashes of configurations that differ from one in few settings."""

    def __init__(self, base: Config) -> None:
        self._base = base
        self._symbols = list(base.symbols)
        self._own = {
            symbol: {
                name: setting.type.text(getattr(base.for_symbol(symbol), name))
                for name, setting in SETTINGS.items()
                if setting.per_symbol
            }
            for symbol in self._symbols
        }
        self._common = {
            name: setting.type.text(getattr(base, name))
            for name, setting in SETTINGS.items()
            if not setting.per_symbol and not setting.secret
        }
        self._rules: dict[str, str] = {}
        self._possible: dict[Part, bool] = {}

    def __call__(self, cell: Cell) -> str:
        common, own = self._common.copy(), {s: of.copy() for s, of in self._own.items()}
        for name, text in cell.items():
            setting, symbol = setting_named(self._base, name)
            if symbol is not None:
                own[symbol][setting.name] = text
            elif setting.per_symbol:
                for values in own.values():
                    values[setting.name] = text
            else:
                common[setting.name] = text
        told = {name: text for name, text in common.items() if _counts(name, common)}
        each: dict[str, dict[str, str]] = {}
        for symbol, values in own.items():
            merged = {**common, **values}
            kept = {name: text for name, text in values.items() if _counts(name, merged)}
            each[symbol] = {**kept, "signal": self._rule(values["signal"])}
        first = next(iter(each.values()))
        is_alike = all(values == first for values in each.values())
        return hash_of_settings({**told, **(first if is_alike else each)})

    def is_possible(self, cell: Cell) -> bool:
        """Whether the settings of a cell fit together; asked once per combination that matters."""
        for part in parted(cell):
            if part not in self._possible:
                try:
                    configured(self._base, dict(part))
                except ConfigError:
                    self._possible[part] = False
                else:
                    self._possible[part] = True
            if not self._possible[part]:
                return False
        return True

    def _rule(self, signal: str) -> str:
        if signal not in self._rules:
            self._rules[signal] = rule_identity(configured(self._base, {"SIGNAL": signal}))
        return self._rules[signal]


def _counts(name: str, values: Mapping[str, str]) -> bool:
    """Whether a setting can change a trade beside the others."""
    setting = SETTINGS[name]
    if setting.group in NOT_PLAYED or name in NOT_SEARCHED or name in LIVE_ONLY:
        return False
    if setting.needs is not None:
        other, wanted = setting.needs
        if values[other] not in [SETTINGS[other].type.text(value) for value in wanted]:
            return False
    if name == "signal":
        return False  # told by what is in it
    return not (name in _OF_AN_ACCOUNT and values["sizing"].startswith("fixed"))


def parted(cell: Cell) -> tuple[Part, Part]:
    """What a cell changes about signals, and what about all else."""
    items = sorted(cell.items())
    signals = tuple(item for item in items if _is_of_signals(item[0]))
    return signals, tuple(item for item in items if item not in signals)


@cache
def _is_of_signals(name: str) -> bool:
    lowered = name.lower()
    while lowered not in SETTINGS:
        lowered = lowered.rpartition("_")[0]
    return SETTINGS[lowered].group in _OF_SIGNALS
