"""Configuration: built-in default < profile < `cointrader.toml` < `.env` < environment < flags.

`Config()` reads all of them once, refuses what is unknown or impossible, and remembers of each
value where it came from. Attributes may be assigned afterwards and are judged in the same way.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cointrader.app.config import names, sources
from cointrader.app.config.collect import collect
from cointrader.app.config.resolve import Given, judged, resolve
from cointrader.app.config.settings import PROFILES, SETTINGS, TABLE, Setting
from cointrader.app.config.types import Secret
from cointrader.app.config.values import SettingValues

IN_CODE = "assigned in code"
AROUND_TRADING = ("keys", "deployment", "logs")  # groups of settings that change no trade


class SymbolConfig(SettingValues):
    """The settings as one symbol's bot sees them: the common ones, and the symbol's own on top.

    Values only, read-only, without secrets. Made by `Config.for_symbol`.
    """

    def __init__(self, symbol: str, values: Mapping[str, object], told: Mapping[str, str]) -> None:
        self.__dict__.update(values, symbol=symbol, _sources=dict(told))

    symbol: str
    _sources: dict[str, str]

    def source(self, name: str) -> str:
        """Where the value of setting `name` comes from."""
        return _source(self._sources, name)

    def __repr__(self) -> str:
        return f"SymbolConfig({self.symbol})"

    if not TYPE_CHECKING:  # mypy shall go on to tell unknown attributes

        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(f"{self!r} is read-only; assign {name} to the Config")


class Config(SettingValues):
    """Every setting as a typed attribute; `settings.TABLE` says what there is.

    Parameters
    ----------
    file : a TOML file that must exist; without it `cointrader.toml` in `folder`, if there is one
    flags : values from the command line, by setting name or NAME_SYMBOL
    overrides : the same from code; stronger than flags
    environ : the environment to read; the process's own when left out
    folder : where `.env` and `cointrader.toml` are; the working directory when left out
    """

    binance_api_key: str
    binance_api_secret: str
    binance_testnet_api_key: str
    binance_testnet_api_secret: str
    binance_guard_api_key: str
    binance_guard_api_secret: str
    discord_webhook_url: str
    telegram_token: str
    notify_urls: str
    heartbeat_url: str
    dashboard_token: str

    _given: dict[str, Given]
    _of_symbol: dict[str, dict[str, Given]]
    _sources: dict[str, str]
    _ignored: tuple[str, ...]

    def __init__(
        self,
        file: Path | str | None = None,
        *,
        flags: Mapping[str, object] | None = None,
        overrides: Mapping[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
        folder: Path | str | None = None,
    ) -> None:
        home = Path() if folder is None else Path(folder)
        entries = [
            *_toml_entries(file, home),
            *_env_file_entries(home),
            *sources.from_environment(os.environ if environ is None else environ),
            *sources.from_call(flags or {}, flags=True),
            *sources.from_call(overrides or {}),
        ]
        found = collect(entries)
        self.__dict__["_ignored"] = tuple(found.ignored)
        self._adopt(found.given, found.of_symbol)

    @classmethod
    def from_shown(cls, shown: Mapping[str, str]) -> Config:
        """The configuration that `shown` wrote down: nothing of this machine, and no secret."""
        profile = shown.get("PROFILE", PROFILES[0])
        usual = {s.env_name: "" if s.secret else s.type.text(s.value_in(profile)) for s in TABLE}
        secrets = {setting.env_name for setting in TABLE if setting.secret}
        deviating = {
            name: text
            for name, text in shown.items()
            if name not in secrets and text != usual.get(name)
        }
        return cls(overrides=deviating, environ={}, folder=os.devnull)

    def source(self, name: str) -> str:
        """Where the value of setting `name` comes from, e.g. ``"environment LEVERAGE"``."""
        return _source(self._sources, name)

    def given(self, name: str) -> bool:
        """Whether anyone set `name`; False while it has its profile's value."""
        return name in self._given

    def for_symbol(self, symbol: str) -> SymbolConfig:
        """The settings as the bot of `symbol` sees them."""
        symbol = symbol.strip().upper()
        values, told = resolve({**self._given, **self._of_symbol.get(symbol, {})}, symbol)
        public = {n: value for n, value in values.items() if not SETTINGS[n].secret}
        return SymbolConfig(symbol, public, told)

    def own_values(self, symbol: str) -> Mapping[str, Given]:
        """What was set for `symbol` alone, by setting name."""
        return dict(self._of_symbol.get(symbol.strip().upper(), {}))

    def deviations(self) -> dict[str, tuple[str, str]]:
        """What differs from the profile: name (or NAME_SYMBOL) to (value, the profile's), as text.

        Where and what is traded is no deviation: keys, symbols and deployment are left out.
        """
        found: dict[str, tuple[str, str]] = {}
        for setting in TABLE:
            is_about_trading = setting.group not in AROUND_TRADING
            if not is_about_trading or setting.name in ("symbols", "profile"):
                continue
            usual = setting.value_in(self.profile)
            for name, value in self._named(setting):
                if value != usual:
                    found[name] = (setting.type.text(value), setting.type.text(usual))
        return found

    def shown(self, *, without: Collection[str] = ()) -> dict[str, str]:
        """Every value as text, as `config show` and the journal have it; no secret among them.

        `without`: groups of settings that are left out.
        """
        told = [setting for setting in TABLE if setting.group not in without]
        return {name: s.type.text(value) for s in told for name, value in self._named(s)}

    def _named(self, setting: Setting) -> Iterator[tuple[str, object]]:
        """The common value of `setting`, then those of single symbols, by environment name."""
        yield setting.env_name, getattr(self, setting.name)
        for symbol in self.symbols:
            own = self._of_symbol.get(symbol, {}).get(setting.name)
            if own is not None:
                yield f"{setting.env_name}_{symbol}", own.value

    @property
    def ignored(self) -> tuple[str, ...]:
        """Where values stand that had no effect on this configuration, with the reason."""
        return self._ignored

    def replace(self, **values: object) -> Config:
        """A copy with some settings assigned; everything else, sources included, stays."""
        copy = object.__new__(Config)
        copy.__dict__["_ignored"] = self._ignored
        copy._adopt(self._given | _assigned(values), self._of_symbol)
        return copy

    def _adopt(
        self, given: Mapping[str, Given], of_symbol: Mapping[str, Mapping[str, Given]]
    ) -> None:
        """Take over all values, or, when they do not fit together, none of them."""
        values, told = resolve(given)
        for symbol in values["symbols"]:
            if symbol in of_symbol:
                resolve({**given, **of_symbol[symbol]}, symbol)
        own = {symbol: dict(of) for symbol, of in of_symbol.items()}
        self.__dict__.update(values, _given=dict(given), _of_symbol=own, _sources=told)

    def __repr__(self) -> str:
        return f"Config(profile={self.profile!r}, symbols={self.symbols!r})"

    def __copy__(self) -> Config:
        return self.replace()

    def __deepcopy__(self, memo: object) -> Config:
        return self.replace()

    def __getstate__(self) -> dict[str, object]:
        """For other processes and machines of a sweep: secrets do not travel."""
        state = {n: Secret() if n in SETTINGS and SETTINGS[n].secret else v
                 for n, v in self.__dict__.items()}  # fmt: skip
        state["_given"] = {n: g for n, g in self._given.items() if not SETTINGS[n].secret}
        return state

    if not TYPE_CHECKING:  # mypy shall go on to tell unknown attributes

        def __getattr__(self, name: str) -> object:
            raise AttributeError(_no_attribute(name))

        def __setattr__(self, name: str, value: object) -> None:
            if name not in SETTINGS:
                raise AttributeError(_no_attribute(name))
            self._adopt(self._given | _assigned({name: value}), self._of_symbol)


def _toml_entries(file: Path | str | None, home: Path) -> list[sources.Entry]:
    path = Path(file) if file is not None else home / sources.TOML_NAME
    return sources.from_toml(path) if file is not None or path.exists() else []


def _env_file_entries(home: Path) -> list[sources.Entry]:
    path = home / sources.ENV_NAME
    return sources.from_env_file(path) if path.exists() else []


def _assigned(values: Mapping[str, object]) -> dict[str, Given]:
    for name in values:
        if name not in SETTINGS:
            raise AttributeError(_no_attribute(name))
    return {name: judged(SETTINGS[name], value, IN_CODE) for name, value in values.items()}


def _source(told: Mapping[str, str], name: str) -> str:
    try:
        return told[name.lower()]
    except KeyError:
        raise AttributeError(_no_attribute(name)) from None


def _no_attribute(name: str) -> str:
    if name == "symbol":
        return "there is no config.symbol: each bot owns its symbol; see config.symbols"
    close = names.nearest(name, SETTINGS)
    return f"there is no setting {name!r}" + (f"; did you mean {close}?" if close else "")
