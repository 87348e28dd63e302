"""`pause`, `resume`, `flatten`, `reset-kill`: a word to a running process, by its journal."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from cointrader.cli.main import EXIT_CODES, EXIT_FAILED
from cointrader.domain.errors import CointraderError
from cointrader.ops.control import Answer, NotRunning, ask, myself

JOURNALS = Path("journals")
_BY_HAND = (
    "open positions keep their stop on the exchange. To close them now: close them on the exchange "
    "itself, or `cointrader flatten` with --live, --testnet or --exchange URL"
)

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _with_journal(command: _Command) -> _Command:
    journal = click.option(
        "--journal",
        "journal_path",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="The journal of the process.  [default: the newest in journals/]",
    )
    as_json = click.option("--json", "as_json", is_flag=True, help="Machine-readable, on stdout.")
    return journal(as_json(command))


@click.command(short_help="No more entries until resume.", epilog=EXIT_CODES)
@_with_journal
def pause(journal_path: Path | None, as_json: bool) -> int:
    """Let the running process open nothing more. Open positions are managed as ever.

    It stays paused after a restart, until `cointrader resume`.

    \b
      cointrader pause
      cointrader pause --journal journals/live.db
    """
    return _told(_asked(journal_path, "pause"), as_json)


@click.command(short_help="Allow entries again after pause.", epilog=EXIT_CODES)
@_with_journal
def resume(journal_path: Path | None, as_json: bool) -> int:
    """Let the running process open positions again.

    \b
      cointrader resume
      cointrader resume --journal journals/live.db
    """
    return _told(_asked(journal_path, "resume"), as_json)


@click.command(
    "reset-kill", short_help="Lift a kill switch, or the drawdown halt.", epilog=EXIT_CODES
)
@click.option("--symbol", metavar="S", help="Only this symbol's kill switches.  [default: all]")
@click.option("--drawdown", is_flag=True, help="Lift the drawdown halt.")
@_with_journal
def reset_kill(symbol: str | None, drawdown: bool, journal_path: Path | None, as_json: bool) -> int:
    """Lift what keeps the running process from entries until a person says so. Once, not for ever.

    A kill switch starts its count anew; the drawdown is measured from the equity of now.

    \b
      cointrader reset-kill --symbol XRPUSDT
      cointrader reset-kill --drawdown
    """
    arguments = {"symbols": [] if symbol is None else [symbol], "drawdown": drawdown}
    return _told(_asked(journal_path, "reset-kill", arguments), as_json)


@click.command(short_help="Close everything at market, now.", epilog=EXIT_CODES)
@click.option(
    "--symbols",
    metavar="A,B,C",
    help="Only these, whoever opened them.  [default: what the bots have open]",
)
@click.option("--live", is_flag=True, help="Without a process: on Binance itself.")
@click.option("--testnet", is_flag=True, help="Without a process: on its testnet.")
@click.option("--exchange", "exchange_url", metavar="URL", help="Without a process: there.")
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The API key, for use without a process.",
)
@_with_journal
def flatten(
    symbols: str | None,
    live: bool,
    testnet: bool,
    exchange_url: str | None,
    key_file: Path | None,
    journal_path: Path | None,
    as_json: bool,
) -> int:
    """Pause entries and close the open positions at market; ends when they are seen closed.

    The running process does it. Where none runs, say which account with --live, --testnet or
    --exchange URL: then what the journal knows to be open is closed from here, and the next start
    books what came of it. Exit code 1 when something is not seen flat.

    \b
      cointrader flatten
      cointrader flatten --symbols XRPUSDT,TRXUSDT
      cointrader flatten --live --journal journals/live.db
    """
    wanted = [name.strip().upper() for name in (symbols or "").split(",") if name.strip()]
    if live or testnet or exchange_url is not None:
        place = {"live": live, "testnet": testnet, "exchange_url": exchange_url}
        answer = _from_here(journal_path, wanted, {**place, "key_file": key_file})
    else:
        answer = _asked(journal_path, "flatten", {"symbols": wanted}, todo=_BY_HAND)
    return _told(answer, as_json)


def _asked(
    path: Path | None, name: str, arguments: Mapping[str, Any] | None = None, *, todo: str = ""
) -> Answer:
    from cointrader.app.status import newest_journal

    if path is None:
        path = newest_journal(JOURNALS)
        click.echo(f"asking the process of {path}", err=True)
    try:
        return ask(path, name, arguments)
    except NotRunning as error:
        if not todo:
            raise
        raise NotRunning(error.what, where=error.where, todo=_of_paper(path) or todo) from None


def _of_paper(path: Path) -> str:
    """What is true of a journal whose money is not real; "" of any other."""
    from cointrader.journal.reader import JournalReader
    from cointrader.journal.schema import has_begun

    with suppress(CointraderError, OSError):
        if not has_begun(path):
            return ""
        with JournalReader(path) as reader:
            run = reader.last_run()
            if run is None or run.mode != "paper":
                return ""
            held = [symbol for symbol in run.symbols if reader.open_position(symbol)]
            if not held:
                return "nothing is open: this is a paper run, and no process goes on with it"
            return (
                f"{', '.join(held)}: open on paper alone, no exchange has it; "
                "`cointrader paper --resume JOURNAL` goes on with it, and takes commands with "
                "--speed 1"
            )
    return ""


def _told(answer: Answer, as_json: bool) -> int:
    if as_json:
        document = {"is_done": answer.is_done, "lines": answer.lines, **answer.values}
        click.echo(json.dumps(document, indent=2))
    else:
        for line in answer.lines:
            click.echo(line)
    return 0 if answer.is_done else EXIT_FAILED


def _from_here(path: Path | None, symbols: list[str], place: dict[str, Any]) -> Answer:
    """Close without a process: nobody else may be trading this account meanwhile."""
    from cointrader.app.config import Config
    from cointrader.app.live.rehearsal import speed_of
    from cointrader.app.live.run import LivePlan, close_all
    from cointrader.cli.access import access_of

    config = Config()
    access = access_of(config, **place)
    plan = LivePlan(config, access, Path(), speed=speed_of(access))
    plan = replace(plan, journal_path=path or JOURNALS / f"{plan.mode}.db")
    if path is None:
        click.echo(f"with {plan.journal_path}", err=True)
    results = close_all(plan, symbols, who=myself())
    return Answer(
        not any(result.problem for result in results),
        tuple(map(str, results)),
        {result.symbol: result.problem or "flat" for result in results},
    )
