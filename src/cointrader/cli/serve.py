"""`cointrader exchange`: the simulated exchange behind Binance's protocol."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import click

from cointrader.app.config import Config
from cointrader.app.logs.logs import configure as configure_logs
from cointrader.app.paper.market import folder_market, synthetic_market
from cointrader.app.serve import ServePlan, serve
from cointrader.cli.numbers import positive
from cointrader.cli.options import SettingsCommand, with_config
from cointrader.cli.times import as_utc_ms
from cointrader.domain.errors import UsageError
from cointrader.exchange.simulated.wire import Addresses, Credentials
from cointrader.exchange.simulated.wire.faults import FaultPlan
from cointrader.exchange.simulated.wire.faults import as_text as fault_list
from cointrader.exchange.simulated.wire.signatures import is_public_key
from cointrader.market.quality import utc

EXIT_INTERRUPTED = 130
_STEPPED, _REAL = "stepped", "real"
_LISTS = ("list", "help")


@click.command(cls=SettingsCommand, short_help="Serve a simulated Binance.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of candles, one sub-folder per symbol.  [default: a synthetic market]",
)
@click.option("--from", "from_", metavar="DATE", help="When its time begins, UTC.")
@click.option("--to", metavar="DATE", help="End of its market, UTC, excluded.")
@click.option("--seed", default=1, show_default=True, help="Of the synthetic market.")
@click.option("--balance", default="1000", metavar="X", show_default=True, help="First wallet.")
@click.option(
    "--pace",
    default=_REAL,
    metavar="real|N|stepped",
    show_default=True,
    help="As fast as time, N times as fast, or a bar for each POST /control/step.",
)
@click.option(
    "--port",
    default=0,
    type=click.IntRange(0, 65_535),
    help="To listen on.  [default: a free one]",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="To listen on.")
@click.option(
    "--faults",
    metavar="SPEC|FILE|list",
    help="What goes wrong: NAME:PROBABILITY or NAME@SECONDS, a file, or list them.",
)
@click.option("--fault-seed", type=int, help="Of the faults' chances.  [default: the file's, or 1]")
@click.option(
    "--fault-log",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where injections are written, a line of JSON each.  [default: stderr]",
)
@click.option("--key", help="The API key it knows.  [default: made for this run]")
@click.option("--secret", help="Its secret.  [default: made for this run]")
@with_config
def exchange(
    config: Config,
    data: Path | None,
    from_: str | None,
    to: str | None,
    seed: int,
    balance: str,
    pace: str,
    port: int,
    host: str,
    faults: str | None,
    fault_seed: int | None,
    fault_log: Path | None,
    key: str | None,
    secret: str | None,
) -> int:
    """Serve stored or made-up candles as Binance USDⓈ-M futures would: REST, streams, orders.

    The first line on stdout is a JSON object with the addresses, the key and its secret. Nothing
    leaves this machine and no real key is ever needed. Ctrl-C stops it.

    \b
      cointrader exchange --symbols XRPUSDT,TRXUSDT --pace 60
      cointrader exchange --data data --from 2025-06-01 --pace stepped --port 18080
      cointrader exchange --faults 'stop-vanishes:0.2,answer-lost@3600,kline-late(0..24)'
    """
    if faults in _LISTS:
        click.echo(fault_list())
        return 0
    configure_logs()
    fault_plan = FaultPlan() if faults is None else FaultPlan.read(faults, fault_seed)
    start_ms = None if from_ is None else as_utc_ms(from_, where="--from")
    end_ms = None if to is None else as_utc_ms(to, where="--to")
    if start_ms is not None and end_ms is not None and start_ms >= end_ms:
        raise UsageError("--from is not before --to", found=f"{from_} and {to}")
    wallet = Decimal(positive(balance, "--balance", most=1e12))
    credentials, speed = _credentials(key, secret), _speed(pace)
    market = (
        synthetic_market(config, seed, start_ms, end_ms)
        if data is None
        else folder_market(config, data, start_ms, end_ms)
    )
    plan = ServePlan(
        config=config,
        source=market.source,
        balance=wallet,
        credentials=credentials,
        start_ms=market.start_ms,
        end_ms=market.end_ms,
        speed=speed,
        host=host,
        port=port,
        faults=fault_plan,
    )
    with _fault_writer(fault_log) as write_fault:
        plan = replace(plan, write_fault=write_fault)
        was_stopped = serve(plan, lambda addresses: _tell(plan, addresses))
    click.echo("stopped", err=True)
    return 0 if was_stopped else EXIT_INTERRUPTED


@contextlib.contextmanager
def _fault_writer(path: Path | None) -> Iterator[Callable[[str], None]]:
    """Writes lines to a file that is made anew, else to stderr."""
    if path is None:
        yield lambda line: click.echo(line, err=True)
        return
    try:
        file = path.open("w", encoding="utf-8", buffering=1)
    except OSError as error:
        raise UsageError(
            f"the log of faults cannot be written: {error.strerror}",
            where="--fault-log",
            found=path,
        ) from None
    with file:
        yield lambda line: print(line, file=file)


def _tell(plan: ServePlan, addresses: Addresses) -> None:
    """The line that programs read, and a word for people."""
    line = {
        "rest": addresses.rest,
        "ws": addresses.ws,
        "ws_api": addresses.ws_api,
        "control": addresses.control,
        "key": plan.credentials.key,
        "secret": plan.credentials.secret,
    }
    click.echo(json.dumps(line))
    pace = "a bar per step" if plan.speed is None else f"{plan.speed:g} times as fast as time"
    start = "" if plan.start_ms is None else f" from {utc(plan.start_ms)}"
    click.echo(f"serving {plan.source.label}{start}, {pace}; Ctrl-C stops it", err=True)
    if plan.faults.rules:
        names = ", ".join(dict.fromkeys(rule.name for rule in plan.faults.rules))
        click.echo(f"faults, seed {plan.faults.seed}: {names}", err=True)


def _credentials(key: str | None, secret: str | None) -> Credentials:
    made = Credentials.made()
    is_pem = secret is not None and is_public_key(secret)  # has lines
    for name, value in (("--key", key), ("--secret", None if is_pem else secret)):
        if value is not None and not (value.isascii() and value.isprintable() and value.strip()):
            raise UsageError("not a key", where=name, allowed="printable ASCII characters")
    return Credentials(key or made.key, secret or made.secret)


def _speed(pace: str) -> float | None:
    if pace == _STEPPED:
        return None
    return (
        1.0
        if pace == _REAL
        else float(positive(pace, "--pace", most=100_000, or_word=f"{_REAL}, {_STEPPED}"))
    )
