"""Which account a command is about, and the key to it: `--testnet`, `--live`, `--exchange URL`."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from cointrader.app.config import Config
from cointrader.app.config.sources import from_env_file
from cointrader.app.live.wiring import Access, Place
from cointrader.domain.errors import ConfigError, UsageError
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.endpoints import LIVE, TESTNET, Endpoints, endpoints_at

_Command = TypeVar("_Command", bound=Callable[..., Any])

LIVE_KEY, TESTNET_KEY, GUARD_KEY = "BINANCE_API", "BINANCE_TESTNET_API", "BINANCE_GUARD_API"
_BINANCE = ("binance.com", "binancefuture.com", "binance.us")
_ONE_OF = "--testnet, --live or --exchange URL"


def with_access(command: _Command) -> _Command:
    """Add the options by which `access_of` finds the account."""
    options = (
        click.option("--testnet", is_flag=True, help="Binance's testnet: its money is not real."),
        click.option("--live", is_flag=True, help="Binance itself: REAL MONEY."),
        click.option(
            "--exchange",
            "exchange_url",
            metavar="URL",
            help="Another exchange with Binance's protocol, such as `cointrader exchange`.",
        ),
        click.option(
            "--key-file",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Read the API key from this file, which only you may read, and not from the "
            "environment. Lines as in .env.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def access_of(
    config: Config,
    *,
    testnet: bool,
    live: bool,
    exchange_url: str | None,
    key_file: Path | None,
    is_guard: bool = False,
) -> Access:
    """The account that was asked for. A guard's own key comes before the common one.

    `UsageError` unless exactly one was named, `ConfigError` where its key is missing.
    """
    if sum((testnet, live, exchange_url is not None)) != 1:
        raise UsageError("which account?", allowed=f"exactly one of {_ONE_OF}")
    name, endpoints = _place(testnet, live, exchange_url)
    prefixes = [TESTNET_KEY if testnet else LIVE_KEY]
    if is_guard:
        prefixes.insert(0, GUARD_KEY)
    known = _configured(config) if key_file is None else _read(key_file)
    for prefix in prefixes:
        key, secret = (known.get(f"{prefix}_{half}", "") for half in ("KEY", "SECRET"))
        if key and secret:
            return Access(name, endpoints, Credentials(key, secret))
        if key or secret:
            break  # half a key is a slip, not a reason to take another
    raise _missing(prefixes, known, name, key_file)


def _place(testnet: bool, live: bool, url: str | None) -> tuple[str, Endpoints]:
    if live:
        return Place.LIVE.value, LIVE
    if testnet:
        return Place.TESTNET.value, TESTNET
    endpoints = endpoints_at(url or "")
    host = urlsplit(endpoints.rest).hostname or ""
    if any(f".{host}".endswith(f".{own}") for own in _BINANCE):  # its money may be real
        raise UsageError(
            "Binance itself is no exchange to rehearse on",
            where="--exchange",
            found=host,
            allowed="another exchange with its protocol",
            todo="say --live or --testnet",
        )
    return endpoints.rest, endpoints


def _configured(config: Config) -> dict[str, str]:
    names = (
        f"{prefix}_{half}"
        for prefix in (LIVE_KEY, TESTNET_KEY, GUARD_KEY)
        for half in ("KEY", "SECRET")
    )
    return {name: getattr(config, name.lower()).strip() for name in names}


def _read(path: Path) -> dict[str, str]:
    """Names and values in a key file. Nothing of its content is in an error."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError(
            f"the key file cannot be read: {error.strerror}",
            where=str(path),
            todo="name a file with the two lines BINANCE_API_KEY=... and BINANCE_API_SECRET=...",
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO) or path.stat().st_uid not in (os.getuid(), 0):
        raise ConfigError(
            "the key file is open to others",
            where=str(path),
            found=f"mode {stat.S_IMODE(mode):o}",
            allowed="a file of yours that only you may read",
            todo=f"chmod 600 {path}; if others could read it for a while, make a new key",
        )
    return {entry.name: str(entry.raw).strip() for entry in from_env_file(path)}


def _missing(
    prefixes: Sequence[str], known: dict[str, str], name: str, key_file: Path | None
) -> ConfigError:
    names = [f"{prefix}_{half}" for prefix in prefixes[-1:] for half in ("KEY", "SECRET")]
    for prefix in prefixes:
        halves = [f"{prefix}_KEY", f"{prefix}_SECRET"]
        if any(known.get(half) for half in halves):
            names = [half for half in halves if not known.get(half)]
            break
    where = "the environment or .env" if key_file is None else str(key_file)
    return ConfigError(
        f"no API key for {name}",
        where=" and ".join(names),
        found=f"not set in {where}",
        todo="set them in the environment, in .env, or in a file given with --key-file",
    )
