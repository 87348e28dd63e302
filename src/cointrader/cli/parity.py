"""`cointrader parity`: a journal against the kernel, on the same candles."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cointrader.app.whole_file import written_whole
from cointrader.cli.main import EXIT_CODES, EXIT_REFUSED
from cointrader.cli.times import range_of
from cointrader.domain.errors import UsageError

if TYPE_CHECKING:
    from cointrader.backtest.parity.report import ParityReport

_CLEAR = "\r\x1b[K"
_FOLDER = Path("journals")


@click.command(short_help="Hold a journal against the backtest.", epilog=EXIT_CODES)
@click.argument("journal", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--journal",
    "named",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The same, by name.  [default: the newest in journals/]",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of candles. A paper journal knows its own; testnet and live need one.",
)
@click.option("--symbols", metavar="A,B", help="Tell of these only.  [default: all]")
@click.option("--from", "from_", metavar="DATE", help="Tell of bars from here, UTC, included.")
@click.option("--to", metavar="DATE", help="To here, UTC, excluded.")
@click.option(
    "--certificate",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the certificate here, as JSON.",
)
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write it here as a page, as HTML.",
)
@click.option("--quiet", "-q", is_flag=True, help="Only the result: no word on how far it is.")
@click.option("--json", "as_json", is_flag=True, help="The certificate on stdout, for machines.")
def parity(
    journal: Path | None,
    named: Path | None,
    data: Path | None,
    symbols: str | None,
    from_: str | None,
    to: str | None,
    certificate: Path | None,
    page: Path | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Replay a journal's decisions on the same candles, and explain every difference.

    Signal, action, gate, size, fill, stop and target, funding, exit, fee: each decision is asked
    again from the state that the journal shows before it, and the whole run is played once more.
    Every difference gets a named cause with its evidence, or is unexplained: then the exit code
    is 4. Only reads, so it may be asked while the bots trade.

    \b
      cointrader parity
      cointrader parity journals/live.db --data data --certificate parity.json --page parity.html
    """
    if journal is not None and named is not None:
        raise UsageError(
            "two journals are named", where="--journal", found=f"{journal} and {named}"
        )
    from_ms, to_ms = range_of(from_, to)
    for path in (certificate, page):
        _require_folder(path)
    tell = _Teller(quiet=quiet)
    from cointrader.signals import talib_alone  # noqa: F401 - before anything imports TA-Lib

    from cointrader.app.parity.parity import parity as hold  # isort: skip
    from cointrader.cli.parity_output import report_lines

    path = _newest(journal or named, quiet=quiet)
    wanted = [name for name in (symbols or "").split(",") if name.strip()]
    try:
        report = hold(
            path, data=data, symbols=wanted, from_ms=from_ms, to_ms=to_ms, on_progress=tell
        )
    finally:
        tell.clear()
    document = report.certificate()
    if certificate is not None:
        with written_whole(certificate, "the certificate") as file:
            file.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    if page is not None:
        from cointrader.backtest.parity.page import render

        with written_whole(page, "the page") as file:
            file.write(render(report, document["seal"]))
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        for line in report_lines(report):
            click.echo(line)
    return _answer(report)


def _answer(report: ParityReport) -> int:
    return EXIT_REFUSED if report.unexplained else 0


def _newest(path: Path | None, *, quiet: bool) -> Path:
    """The journal asked for, or the newest one, which is then named."""
    if path is not None:
        return path
    from cointrader.app.status import newest_journal

    found = newest_journal(_FOLDER)
    if not quiet:
        click.echo(f"reading {found}", err=True)
    return found


def _require_folder(path: Path | None) -> None:
    """Told before the work, not after it."""
    if path is not None and not path.absolute().parent.is_dir():
        raise UsageError(
            "there is no such folder to write to",
            where=str(path),
            todo="make it, or name a file in another one",
        )


class _Teller:
    """How far it is, on stderr; on a terminal in one line that is redrawn, elsewhere not at all."""

    def __init__(self, *, quiet: bool) -> None:
        self._tells = not quiet and sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, text: str) -> None:
        if self._tells:
            self._say(f"{_CLEAR}{text} ...")

    def clear(self) -> None:
        if self._tells:
            self._say(_CLEAR)

    def _say(self, text: str) -> None:
        with suppress(OSError, ValueError):
            click.echo(text, err=True, nl=False)
