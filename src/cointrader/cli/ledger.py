"""`cointrader ledger`: every booking of an account, held against its wallet."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cointrader.app.config import Config
from cointrader.app.logs.logs import configure as configure_logs
from cointrader.cli.access import access_of, with_access
from cointrader.cli.main import EXIT_FAILED, EXIT_NOT_ENOUGH_DATA
from cointrader.cli.options import SettingsCommand, with_config
from cointrader.cli.times import range_of
from cointrader.domain.errors import UsageError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from cointrader.app.income.ledger import Ledger
    from cointrader.app.live.wiring import Access

LEDGERS, _JOURNALS = Path("ledgers"), Path("journals")
_STDOUT = "-"


@click.command(cls=SettingsCommand, short_help="Every booking, reconciled with the wallet.")
@with_access
@click.option(
    "--journal",
    "journal_path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where our order ids and an earlier wallet are known; without an account, whose bookings "
    "are told.  [default: journals/live.db, testnet.db or rehearsal.db; without an account the "
    "newest in journals/]",
)
@click.option(
    "--keep",
    "keep_path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where bookings are kept for longer than the exchange does.  "
    "[default: ledgers/live.csv, testnet.csv or rehearsal.csv]",
)
@click.option(
    "--csv",
    "csv_path",
    is_flag=False,
    flag_value=_STDOUT,
    metavar="[FILE]",
    help="One line for each booking, to this file or to stdout.",
)
@click.option("--from", "from_", metavar="DATE", help="First booking told, UTC.")
@click.option("--to", metavar="DATE", help="End of what is told, UTC, excluded.")
@click.option(
    "--timezone",
    default="UTC",
    show_default=True,
    metavar="ZONE",
    help="Of local dates, such as Asia/Seoul.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable, on stdout.")
@with_config
def ledger(
    config: Config,
    testnet: bool,
    live: bool,
    exchange_url: str | None,
    key_file: Path | None,
    journal_path: Path | None,
    keep_path: Path | None,
    csv_path: str | None,
    from_: str | None,
    to: str | None,
    timezone: str,
    as_json: bool,
) -> int:
    """Tell every booking of an account (profits, fees, funding, transfers) and add it up.

    The sum is held against the wallet: exit code 1 when it does not explain to the cent how the
    wallet changed, with the differences by name; 3 when there is no earlier wallet to hold it
    against, as the first time. Without an account it tells what a journal knows.

    \b
      cointrader ledger --testnet --csv 2026.csv --from 2026-01-01 --timezone Asia/Seoul
      cointrader ledger --journal journals/paper.db --csv
    """
    configure_logs()
    from_ms, to_ms = range_of(from_, to)
    zone = _zone(timezone)
    if as_json and csv_path == _STDOUT:
        raise UsageError("--json and --csv would share stdout", todo="name a file: --csv FILE")
    if csv_path not in (None, _STDOUT):
        _require_folder(Path(csv_path))
    if testnet or live or exchange_url is not None or key_file is not None:
        access = access_of(
            config, testnet=testnet, live=live, exchange_url=exchange_url, key_file=key_file
        )
        found = _of_exchange(access, keep_path, journal_path, from_ms)
    elif keep_path is not None:
        raise UsageError("--keep belongs to an account", allowed="--testnet, --live, --exchange")
    else:
        found = _of_journal(journal_path)
    _tell(found, csv_path, from_ms, to_ms, zone, as_json=as_json)
    from cointrader.app.income.account import State

    codes = {State.DIFFERS: EXIT_FAILED, State.NOT_CHECKED: EXIT_NOT_ENOUGH_DATA}
    return codes.get(found.state, 0)


def _of_exchange(
    access: Access, keep: Path | None, journal: Path | None, from_ms: int | None
) -> Ledger:
    from cointrader.app.income.ledger import ledger_of_exchange
    from cointrader.app.live.rehearsal import clock_of, is_rehearsal, loop_factory, speed_of
    from cointrader.app.status import required_run
    from cointrader.journal.reader import JournalReader

    name = "rehearsal" if is_rehearsal(access) else access.name
    if journal is not None:
        with JournalReader(journal) as reader:  # one that was named has to be one
            required_run(reader)
    path, speed = journal or _JOURNALS / f"{name}.db", speed_of(access)

    async def asked() -> Ledger:
        return await ledger_of_exchange(
            access,
            await clock_of(access),
            keep=keep or LEDGERS / f"{name}.csv",
            journal=path,
            from_ms=from_ms,
            speed=speed,
        )

    with asyncio.Runner(loop_factory=loop_factory(access, speed)) as runner:
        return runner.run(asked())


def _of_journal(path: Path | None) -> Ledger:
    from cointrader.app.income.ledger import ledger_of_journal
    from cointrader.app.status import newest_journal
    from cointrader.journal.reader import JournalReader

    if path is None:
        path = newest_journal(_JOURNALS)
        click.echo(f"reading {path}", err=True)
    with JournalReader(path) as reader:
        return ledger_of_journal(reader)


def _tell(
    found: Ledger,
    csv_path: str | None,
    from_ms: int | None,
    to_ms: int | None,
    zone: ZoneInfo,
    *,
    as_json: bool,
) -> None:
    from cointrader.app.income.csv import COLUMNS, csv_lines, document, summary_lines
    from cointrader.app.income.file import write_lines

    told = found.between(from_ms, to_ms)
    if csv_path == _STDOUT:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(csv_lines(told, zone))
        click.echo(text.getvalue(), nl=False)
    elif csv_path is not None:
        write_lines(Path(csv_path), COLUMNS, csv_lines(told, zone))
        click.echo(f"{len(told):,} bookings in {csv_path}", err=True)
    if as_json:
        click.echo(json.dumps(document(found, told), indent=2, ensure_ascii=False))
    else:
        lines: Iterator[str] = summary_lines(found, told)
        for line in lines:
            click.echo(line, err=csv_path == _STDOUT)


def _zone(name: str) -> ZoneInfo:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # not there, not a name, a folder of names
        raise UsageError(
            "no such time zone",
            where="--timezone",
            found=name,
            allowed="a name of the IANA list, such as Asia/Seoul, Europe/Berlin or UTC",
        ) from None


def _require_folder(path: Path) -> None:
    """Say so before the exchange is asked; and never write over anything but a ledger."""
    why = ""
    if path.is_dir() or not path.absolute().parent.is_dir():
        why = "this is a folder" if path.is_dir() else "there is no such folder"
    elif _holds_something_else(path):
        why = "there is a file that holds something else than a ledger"
    if why:
        raise UsageError(
            f"the CSV cannot be written there: {why}",
            where="--csv",
            found=str(path),
            todo="name another file, in a folder that exists and is yours",
        )


def _holds_something_else(path: Path) -> bool:
    from cointrader.app.income.csv import COLUMNS

    try:
        with path.open("rb") as file:
            begins = file.readline(1_000).strip()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return bool(begins) and begins != ",".join(COLUMNS).encode()
