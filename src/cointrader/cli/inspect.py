"""`cointrader status` and `cointrader explain`: what a journal tells, for people and machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cointrader.cli.main import EXIT_CODES
from cointrader.cli.times import as_utc_ms
from cointrader.domain.errors import UsageError
from cointrader.domain.order import OWN_PREFIX

if TYPE_CHECKING:
    from cointrader.journal.reader import JournalReader

_FOLDER = Path("journals")
_LONGEST_NUMBER = 9  # digits of a trade's number; a time in epoch ms has more
_ALLOWED = "a trade's id, its number, last, or the time at which a bar opened (UTC)"

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _with_journal(command: _Command) -> _Command:
    """Add what both commands have: which journal, and for whom the answer is."""
    journal = click.option(
        "--journal",
        "journal_path",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="The journal to read.  [default: the newest in journals/]",
    )
    as_json = click.option("--json", "as_json", is_flag=True, help="Machine-readable, on stdout.")
    return journal(as_json(command))


@click.command(short_help="How a run stands, also while it trades.", epilog=EXIT_CODES)
@_with_journal
def status(journal_path: Path | None, as_json: bool) -> None:
    """Show how a run stands: money, limits, bots, positions, trades, alerts.

    Only reads, so it may be asked while the bots trade; it then sees what they last wrote down.

    \b
      cointrader status
      cointrader status --journal journals/paper-20260101-120000-000000.db --json
    """
    from cointrader.app.status import read_status
    from cointrader.cli.inspect_output import plain, status_lines

    with _opened(journal_path) as reader:
        answer = read_status(reader)
    _show(as_json, lambda: plain(answer), lambda: status_lines(answer))


@click.command(short_help="Why a trade was made, or why not.", epilog=EXIT_CODES)
@click.argument("what", metavar="TRADE_ID|BAR")
@click.option("--symbol", metavar="S", help="Of a bar, only this symbol's answer.")
@_with_journal
def explain(what: str, symbol: str | None, journal_path: Path | None, as_json: bool) -> None:
    """Tell one trade from its signal to its result, or one bar's answer and its reasons.

    TRADE_ID is the id that `cointrader status` shows, the trade's number there, or `last`.
    BAR is the time at which a bar opened: 2026-01-03T04:15, or epoch milliseconds.

    \b
      cointrader explain last
      cointrader explain 2026-01-03T04:15 --symbol XRPUSDT
    """
    from cointrader.app.bar_story import explain_bar
    from cointrader.app.trade_story import explain_trade
    from cointrader.cli.inspect_output import bars_lines, plain, trade_lines

    bar_open_ms = _bar_of(what)
    if bar_open_ms is None and symbol is not None:
        raise UsageError("--symbol belongs to a bar; a trade has its own", found=symbol)
    with _opened(journal_path) as reader:
        if bar_open_ms is None:
            trade = explain_trade(reader, _trade_id(reader, what))
            _show(as_json, lambda: {"trade": plain(trade)}, lambda: trade_lines(trade))
        else:
            bars = explain_bar(reader, bar_open_ms, symbol and symbol.strip().upper())
            _show(as_json, lambda: {"bars": plain(bars)}, lambda: bars_lines(bars))


def _bar_of(text: str) -> int | None:
    """The bar that was asked for, in epoch ms; None when it is a trade."""
    text = text.strip()
    if text == "last" or text.startswith(OWN_PREFIX) or _number(text) is not None:
        return None
    try:
        if text.isascii() and text.isdigit():
            return as_utc_ms(datetime.fromtimestamp(int(text) / 1000, UTC).isoformat())
        return as_utc_ms(text)
    except (UsageError, ValueError, OverflowError, OSError):
        raise UsageError("neither a trade nor a time", found=text, allowed=_ALLOWED) from None


def _trade_id(reader: JournalReader, text: str) -> str:
    from cointrader.app.trade_story import trade_id_of

    text = text.strip()
    return text if text.startswith(OWN_PREFIX) else trade_id_of(reader, _number(text))


def _number(text: str) -> int | None:
    """The number of a trade, `12` or `#12`; None for anything else."""
    digits = text.strip().removeprefix("#")
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_NUMBER
    return int(digits) if is_number else None


def _opened(path: Path | None) -> JournalReader:
    """The journal asked for, or the newest one, which is then named."""
    from cointrader.app.status import newest_journal
    from cointrader.journal.reader import JournalReader

    if path is None:
        path = newest_journal(_FOLDER)
        click.echo(f"reading {path}", err=True)
    return JournalReader(path)


def _show(
    as_json: bool, document: Callable[[], object], lines: Callable[[], Iterable[str]]
) -> None:
    if as_json:
        click.echo(json.dumps(document(), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(lines()))
