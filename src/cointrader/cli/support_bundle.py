"""`cointrader support-bundle`: facts for somebody who helps, without secrets."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cointrader.cli.main import EXIT_CODES
from cointrader.domain.errors import JournalError

if TYPE_CHECKING:
    from cointrader.journal.reader import JournalReader

_JOURNALS = Path("journals")


@click.command(
    "support-bundle", short_help="Facts for a helper, without secrets.", epilog=EXIT_CODES
)
@click.option(
    "--out",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The zip file to make; never an existing one.  [default: support-TIME.zip]",
)
@click.option(
    "--journal",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The journal it is about.  [default: the newest in journals/]",
)
@click.option(
    "--log",
    "log_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="A log file.  [default: LOG_FILE of the configuration]",
)
@click.option(
    "--rows", type=click.IntRange(0, 100_000), default=200, show_default=True,
    help="Last rows of each table.",
)  # fmt: skip
@click.option(
    "--lines", type=click.IntRange(0, 1_000_000), default=2000, show_default=True,
    help="Last lines of the log.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Machine-readable, on stdout.")
def support_bundle(
    target: Path | None,
    journal: Path | None,
    log_file: Path | None,
    rows: int,
    lines: int,
    as_json: bool,
) -> None:
    """Pack versions, settings, status, log and an extract of the journal into one zip file.

    Only reads, and asks nobody on the network. Keys, tokens, signatures and other secrets are
    taken out; settings, trades and money stay in, so look it through before you hand it on.

    \b
      cointrader support-bundle
      cointrader support-bundle --journal journals/live.db --out /tmp/help.zip
    """
    from cointrader.app.support_bundle import BundlePlan, make_bundle

    target = target or Path(f"support-{datetime.now(UTC).strftime('%Y%m%d-%H%M%S-%f')}.zip")
    plan = BundlePlan(
        folder=Path(),
        target=target,
        journal=journal or _newest(),
        status=_status,
        log_file=log_file,
        rows=rows,
        lines=lines,
    )
    names = make_bundle(plan)
    if as_json:
        click.echo(json.dumps({"bundle": str(target), "files": names}, indent=2))
    else:
        click.echo(f"wrote {target}: {len(names)} files")
    click.echo("secrets were taken out; look it through before you hand it on", err=True)


def _newest() -> Path | None:
    from cointrader.app.status import newest_journal

    try:
        return newest_journal(_JOURNALS)
    except JournalError:
        return None


def _status(reader: JournalReader) -> Iterable[str]:
    from cointrader.app.status import read_status
    from cointrader.cli.inspect_output import status_lines

    return status_lines(read_status(reader))
