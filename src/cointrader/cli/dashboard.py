"""`cointrader dashboard`: what the bots do, in a browser; and the same beside `paper` and `run`."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import click

from cointrader.cli.main import EXIT_CODES

if TYPE_CHECKING:
    from cointrader.app.dashboard.child import DashboardChild, Up
    from cointrader.app.dashboard.serve import Place
    from cointrader.app.dashboard.token import Token

JOURNALS = Path("journals")
PORT, HOST = 8787, "127.0.0.1"  # as in `app.dashboard.serve`, which takes long to import
_STARTS_S = 15.0
_NICE = 5  # decisions come first
_CLEAR = "\r\x1b[K"

_Command = TypeVar("_Command", bound=Callable[..., Any])


@click.command(short_help="What the bots do, in a browser.", epilog=EXIT_CODES)
@click.option(
    "--journal",
    "journal_path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The journal to show.  [default: the newest in journals/]",
)
@click.option(
    "--port",
    default=PORT,
    type=click.IntRange(0, 65_535),
    help=f"To listen on; the next free one where it is taken, 0 for any.  [default: {PORT}]",
)
@click.option("--host", default=HOST, show_default=True, help="To listen on.")
@click.option(
    "--allow-host",
    "names",
    multiple=True,
    metavar="NAME",
    help="A name under which browsers or a proxy call it; repeatable. Numbers and localhost are "
    "always allowed.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the token is.  [default: DASHBOARD_TOKEN, else FILE.token beside the journal]",
)
@click.option("--json", "as_json", is_flag=True, help="Where it listens on stdout, for machines.")
@click.option("--child", "is_child", is_flag=True, hidden=True)
def dashboard(
    journal_path: Path | None,
    port: int,
    host: str,
    names: tuple[str, ...],
    token_file: Path | None,
    as_json: bool,
    is_child: bool,
) -> None:
    """Show a journal in a browser: money, positions, decisions, trades, models, health.

    It only reads, also while the bots trade, and also when nobody does. Commands given there go
    to the running process as those of the command line do. Who wants in needs the token; it is
    printed on a terminal, and stands beside the journal. Ctrl-C stops it.

    \b
      cointrader dashboard
      cointrader dashboard --journal journals/live.db --port 9000
    """
    if is_child:
        with suppress(OSError):
            os.nice(_NICE)  # before the imports, which take the longest
    from cointrader.app.config import Config
    from cointrader.app.dashboard.serve import DashboardPlan, serve_dashboard
    from cointrader.app.dashboard.token import token_for
    from cointrader.app.logs.logs import configure as configure_logs
    from cointrader.app.logs.settings import LogSettings
    from cointrader.app.status import newest_journal

    if journal_path is None:
        journal_path = newest_journal(JOURNALS)
    elif not is_child:
        _require(journal_path)
    config = None if is_child else Config()
    given = os.environ.get("DASHBOARD_TOKEN", "") if config is None else config.dashboard_token
    token = token_for(journal_path, given=given, file=token_file)
    settings = LogSettings() if config is None else LogSettings.of(config)
    secrets = (*settings.secrets, token.text)
    configure_logs(replace(settings, file=None, secrets=secrets))  # the file is the bots'
    plan = DashboardPlan(journal_path, token.text, host, port, names)
    if not is_child:
        warn_of(host)

    def ready(place: Place) -> None:
        if as_json or is_child:
            file = None if token.file is None else str(token.file)
            click.echo(json.dumps({"url": place.url, "port": place.port, "token_file": file}))
        if not is_child:
            _tell(place, token, journal_path)

    serve_dashboard(plan, ready, until_closed=sys.stdin.fileno() if is_child else None)
    if not is_child:
        click.echo("stopped", err=True)


def with_dashboard(by_default: str) -> Callable[[_Command], _Command]:
    """Add `--dashboard/--no-dashboard`, `--dashboard-port` and `--dashboard-host`.

    The command has ``dashboard=`` (None: as by default), ``dashboard_port=``, ``dashboard_host=``.
    """

    def added(command: _Command) -> _Command:
        for option in (
            click.option(
                "--dashboard-host", default=HOST, help=f"It listens on.  [default: {HOST}]"
            ),
            click.option(
                "--dashboard-port",
                default=PORT,
                type=click.IntRange(0, 65_535),
                help=f"Or the next free one.  [default: {PORT}]",
            ),
            click.option(
                "--dashboard/--no-dashboard",
                default=None,
                help=f"The dashboard, a process of its own.  [default: {by_default}]",
            ),
        ):
            command = option(command)
        return command

    return added


def is_on_terminal() -> bool:
    """Whether somebody watches."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdout, sys.stderr))


def warn_of(host: str) -> None:
    """Say what it means to listen to more than this machine."""
    from cointrader.dashboard.security import is_loopback

    if not is_loopback(host):
        click.echo(
            f"WARNING: listening on {host}: everybody who reaches this machine can try the token, "
            "and nothing is encrypted. Better: leave it on 127.0.0.1 and come by SSH or a VPN",
            err=True,
        )


class Beside:
    """A dashboard beside bots, for the time of a block."""

    def __init__(self, journal: Path, host: str, port: int, token: str) -> None:
        self._journal, self._host, self._port, self._token = journal, host, port, token
        self._child: DashboardChild | None = None
        self._url = ""
        self._is_told = threading.Event()

    def __enter__(self) -> Self:
        from cointrader.app.dashboard.child import ChildPlan, DashboardChild

        warn_of(self._host)
        plan = ChildPlan(self._journal, self._host, self._port, token=self._token)
        self._child = DashboardChild(plan, self._up, self._down)
        self._child.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._child is not None:
            self._child.end()

    def stay(self) -> None:
        """Until Ctrl-C, or until it ends by itself."""
        if self._child is None:
            return
        with suppress(KeyboardInterrupt):
            self._is_told.wait(_STARTS_S)
            _say(f"the dashboard stays{f' at {self._url}' if self._url else ''}; Ctrl-C ends it")
            self._child.wait()

    def _up(self, up: Up) -> None:
        self._url = up.url
        if is_on_terminal():  # the token is shown where nobody keeps what is printed
            _say(f"{_CLEAR}dashboard: {up.login(self._token)}")
        else:
            _say(f"dashboard: {up.url} (token in {up.token_file or 'DASHBOARD_TOKEN'})")
        self._is_told.set()

    def _down(self, why: str) -> None:
        _say(f"no dashboard: {why}; `cointrader dashboard` tries again, the bots do not mind")
        self._is_told.set()


def _say(text: str) -> None:
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            click.echo(text, err=True)


def _require(path: Path) -> None:
    """`JournalError` for a journal that is not there or is none, before anything is made."""
    from cointrader.journal.page_reader import PageReader

    PageReader(path).close()


def _tell(place: Place, token: Token, journal: Path) -> None:
    _say(f"showing {journal}; Ctrl-C stops it")
    if is_on_terminal():
        _say(f"{place.url}#token={token.text}")
    else:
        _say(f"{place.url} (token in {token.file or 'DASHBOARD_TOKEN'})")
