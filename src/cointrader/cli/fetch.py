"""`cointrader fetch`: history into the folder of candles; how it stands is told at the end."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cointrader.app.config import Config
from cointrader.cli.main import EXIT_INTERRUPTED, exit_code
from cointrader.cli.options import SettingsCommand
from cointrader.cli.search_options import progress, say
from cointrader.cli.times import range_of
from cointrader.domain.clock import interval_ms
from cointrader.domain.errors import UsageError

if TYPE_CHECKING:
    from cointrader.app.fetch.files import FetchedSymbol
    from cointrader.app.fetch.plan import FetchOutcome, FetchPlan

_SOURCES = ("auto", "rest", "archive")


class FetchCommand(SettingsCommand):
    """A command whose `--symbols` takes names with spaces between them too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(_joined(args)))


def _joined(args: list[str]) -> Iterator[str]:
    """``--symbols A B`` as ``--symbols A,B``."""
    rest = list(args)
    while rest:
        word = rest.pop(0)
        yield word
        if word == "--symbols":
            names = []
            while rest and not rest[0].startswith("-"):
                names.append(rest.pop(0))
            if names:
                yield ",".join(name.strip(",") for name in names)


@click.command(cls=FetchCommand, short_help="Fetch history of the exchange.")
@click.option(
    "--data",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("data"),
    show_default=True,
    metavar="DIR",
    help="Folder that gets <symbol>/combined_<interval>.parquet, and history.db.",
)
@click.option("--symbol", "single", multiple=True, metavar="S", help="Symbol; repeatable.")
@click.option("--symbols", "listed", metavar="A B C", help="The same as a list, or A,B,C.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Every symbol of the configuration; the same as naming none.",
)
@click.option(
    "--interval", metavar="I", help="Candle interval, from 1m to 4h.  [default: INTERVAL, 15m]"
)
@click.option(
    "--correlation-symbols",
    metavar="A,B|off",
    help="Whose candles are put beside.  [default: CORRELATION_SYMBOLS, BTCUSDT,ETHUSDT]",
)
@click.option(
    "--days", type=click.IntRange(1, 10_000), metavar="N", help="So many days.  [default: 365]"
)
@click.option("--from", "from_", metavar="DATE", help="Begin, UTC, included; instead of --days.")
@click.option("--to", metavar="DATE", help="End, UTC, excluded.  [default: now]")
@click.option(
    "--source",
    type=click.Choice(_SOURCES),
    default="auto",
    show_default=True,
    help="rest has open interest of 29 days, archive all but today; auto uses both.",
)
@click.option("--base-url", metavar="URL", help="Another server for REST.  [default: Binance]")
@click.option(
    "--archive-url",
    metavar="URL",
    help="Another server for the archive.  [default: Binance's; none with --base-url]",
)
@click.option(
    "--import",
    "imported",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Read files of freqtrade or of the archive instead, or a folder of them; repeatable.",
)
@click.option("--collect", is_flag=True, help="Collect open interest every 5 min until Ctrl-C.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings in TOML.  [default: cointrader.toml, if there is one]",
)
@click.option("--quiet", "-q", is_flag=True, help="Only the result: no progress.")
@click.option("--json", "as_json", is_flag=True, help="The result on stdout, for machines.")
def fetch(
    folder: Path,
    single: tuple[str, ...],
    listed: str | None,
    everything: bool,
    interval: str | None,
    correlation_symbols: str | None,
    days: int | None,
    from_: str | None,
    to: str | None,
    source: str,
    base_url: str | None,
    archive_url: str | None,
    imported: tuple[Path, ...],
    collect: bool,
    config_file: Path | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Store candles, funding and open interest of Binance USDⓈ-M futures. No key is needed.

    What is stored already is not fetched again: after Ctrl-C, a crash or a lost network run the
    same command once more. A file that is there is brought up to date, its other rows stay.

    \b
      cointrader fetch --symbols XRPUSDT TRXUSDT DOGEUSDT --days 365
      cointrader fetch --symbol XRPUSDT --from 2023-01-01 --interval 1h
      cointrader fetch --all --collect
      cointrader fetch --all --import ~/freqtrade/user_data/data/binance/futures
    """
    if folder.suffix in (".parquet", ".feather", ".csv"):
        raise UsageError(
            "a folder is written, not one file",
            where="--output",
            found=folder,
            allowed="the folder above <symbol>/combined_<interval>.parquet",
        )
    if days is not None and from_ is not None:
        raise UsageError("--days and --from exclude each other", todo="give one")
    _require_alone(collect, imported, days, from_, to, source)
    config = _config(config_file, single, listed, everything, correlation_symbols)
    interval = config.interval if interval is None else interval
    plan = _plan(config, interval, folder, (from_, to), days, source, base_url, archive_url)
    if collect:
        return _collect(plan, quiet=quiet)
    outcome = _fetched(plan, imported, quiet=quiet)
    for warning in outcome.warnings:
        say(f"Warning: {warning}", quiet=False)
    if as_json:
        click.echo(json.dumps(_as_plain(outcome), indent=2))
    elif outcome.symbols:
        click.echo("\n\n".join("\n".join(_lines(each)) for each in outcome.symbols))
    for symbol, error in outcome.failed.items():
        say(f"Error: {symbol}: {error}", quiet=False)
    return max(map(exit_code, outcome.failed.values()), default=0)


def _require_alone(
    collect: bool,
    imported: tuple[Path, ...],
    days: int | None,
    from_: str | None,
    to: str | None,
    source: str,
) -> None:
    """`--collect` and `--import` are other commands in the same place."""
    has_range = any(value is not None for value in (days, from_, to))
    if collect and imported:
        raise UsageError("--collect and --import exclude each other", todo="give one")
    if (collect or imported) and (has_range or source != "auto"):
        raise UsageError(
            "--days, --from, --to and --source say nothing here",
            where="--collect" if collect else "--import",
            todo="leave them out",
        )


def _config(
    file: Path | None,
    single: tuple[str, ...],
    listed: str | None,
    everything: bool,
    correlation_symbols: str | None,
) -> Config:
    if sum((bool(single), listed is not None, everything)) > 1:
        raise UsageError("--symbol, --symbols and --all exclude each other", todo="give one")
    flags: dict[str, object] = {
        "symbols": ",".join(single) if single else listed,
        "correlation_symbols": correlation_symbols,
    }
    return Config(file, flags={name: value for name, value in flags.items() if value is not None})


def _plan(
    config: Config,
    interval: str,
    folder: Path,
    dates: tuple[str | None, str | None],
    days: int | None,
    source: str,
    base_url: str | None,
    archive_url: str | None,
) -> FetchPlan:
    # Here and not above: the overview of commands shall not wait for the network's libraries.
    from cointrader.app.fetch.archive import ARCHIVE_URL
    from cointrader.app.fetch.plan import DEFAULT_DAYS, FetchPlan, Source
    from cointrader.exchange.binance.endpoints import LIVE, endpoints_at

    from_ms, to_ms = range_of(*dates)
    interval_ms(interval)  # also those that nobody trades on, of which longer bars are made
    usual = ARCHIVE_URL if base_url is None else None
    archive = usual if archive_url is None else endpoints_at(archive_url).rest
    if source == "archive" and archive is None:
        raise UsageError(
            "the archive of this server is not known", where="--source", todo="add --archive-url"
        )
    return FetchPlan(
        folder=folder,
        symbols=config.symbols,
        correlation_symbols=config.correlation_symbols,
        interval=interval,
        days=DEFAULT_DAYS if days is None else days,
        from_ms=from_ms,
        to_ms=to_ms,
        source=Source(source),
        rest_url=LIVE.rest if base_url is None else endpoints_at(base_url).rest,
        archive_url=archive,
    )


def _fetched(plan: FetchPlan, imported: tuple[Path, ...], *, quiet: bool) -> FetchOutcome:
    from cointrader.app.fetch.fetch import fetch as run
    from cointrader.app.fetch.imports import import_files
    from cointrader.domain.clock import SystemClock

    if imported:
        with progress("files", quiet=quiet) as advance:
            return import_files(plan, imported, SystemClock(), advance)
    with progress("requests", quiet=quiet) as advance:
        return asyncio.run(run(plan, SystemClock(), advance))


def _collect(plan: FetchPlan, *, quiet: bool) -> int:
    from cointrader.app.fetch.collect import collect
    from cointrader.domain.clock import SystemClock

    with progress("requests", quiet=quiet) as advance:
        collecting = collect(plan, SystemClock(), lambda text: say(text, quiet=quiet), advance)
        asyncio.run(_until_told(collecting))
    say("stopped; what was collected is stored", quiet=quiet)
    return EXIT_INTERRUPTED


async def _until_told(work: Coroutine[Any, Any, None]) -> None:
    """Run until Ctrl-C or a polite kill."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not every system can; there a Ctrl-C ends it less politely.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


def _as_plain(outcome: FetchOutcome) -> dict[str, Any]:
    return {
        "symbols": [{**asdict(each), "path": str(each.path)} for each in outcome.symbols],
        "failed": {symbol: str(error) for symbol, error in outcome.failed.items()},
        "warnings": outcome.warnings,
    }


def _lines(each: FetchedSymbol) -> Iterator[str]:
    """One symbol's file for a plain terminal."""
    from cointrader.market.quality import utc

    yield f"{each.symbol}  {each.interval}  {each.path}"
    span = f"{utc(each.first_ms)} to {utc(each.last_ms)}"
    yield f"  {'candles':<12} {each.candles:,}, opening {span}"
    yield f"  {'this time':<12} {each.added:,} new, {each.changed:,} completed or corrected"
    for name, share in each.coverage.items():
        holes = each.gaps.get(name, 0)
        told = f", {holes:,} stretch{'' if holes == 1 else 'es'} missing" if holes else ""
        # 99.99 % is not shown as full.
        yield f"  {name:<12} {int(share * 1000) / 10} % known{told}"
    for note in each.notes:
        yield f"  {'note':<12} {note}"
