"""`cointrader deploy`: a model the gate let pass, brought to the machine that trades."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cointrader.app.config import Config
from cointrader.cli.main import EXIT_FAILED, EXIT_REFUSED, EXIT_USAGE, exit_code
from cointrader.cli.options import SettingsCommand, with_config
from cointrader.cli.search_options import say
from cointrader.cli.training_options import backend_option, models_option
from cointrader.domain.errors import CointraderError, ConfigError, UsageError

if TYPE_CHECKING:
    from cointrader.app.deploy.target import Deployed, Target

_WORST_FIRST = (EXIT_FAILED, EXIT_USAGE, 3, EXIT_REFUSED)


@click.command(cls=SettingsCommand, short_help="Bring models to where they trade.")
@backend_option("Which of a symbol's published models.  [default: the active one]")
@models_option("Folder of models, one sub-folder per symbol.")
@click.option("--to", metavar="PATH", help="Folder of cointrader on this machine.")
@click.option("--host", metavar="HOST", help="Where ssh leads.  [default: DEPLOY_HOST]")
@click.option(
    "--path", metavar="PATH", help="Folder of cointrader on that host.  [default: DEPLOY_PATH]"
)
@click.option(
    "--ssh", default="ssh", show_default=True, metavar="COMMAND", help="ssh, with options of yours."
)
@click.option("--paper", is_flag=True, help="Nothing but paper is traded there: a model that was "
              "forced for paper may go too.")  # fmt: skip
@click.option("--rollback", is_flag=True, help="Bring back the model that was there before.")
@click.option("--quiet", "-q", is_flag=True, help="Only the result.")
@click.option("--json", "as_json", is_flag=True, help="The result on stdout, for machines.")
@with_config
def deploy(
    config: Config,
    backend: str | None,
    models: Path,
    to: str | None,
    host: str | None,
    path: str | None,
    ssh: str,
    paper: bool,
    rollback: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Bring published models to the machine that trades, where a running bot takes them up.

    Only what the gate let pass. Stopped at any moment, that machine has the old model or the new
    one, whole; the one before is kept for --rollback. There a shell, tar and sha256sum are enough.

    \b
      cointrader deploy --symbol XRPUSDT --host me@server --path /srv/cointrader
      cointrader deploy --all --to ~/paper --paper
      cointrader deploy --symbol XRPUSDT --rollback
    """  # fmt: skip
    if rollback and (backend is not None or paper):
        raise UsageError("--rollback takes what was there before", todo="leave the others out")
    target = target_of(config, to, host, path, ssh)
    done: list[Deployed] = []
    failed: dict[str, CointraderError] = {}
    for symbol in config.symbols:
        say(f"{symbol} -> {target.words}", quiet=quiet or as_json)
        try:
            one = _deployed(symbol, target, models, backend, is_paper=paper, is_back=rollback)
        except CointraderError as error:
            failed[symbol] = error
            say(f"Error: {symbol}: {error}", quiet=False)
            continue
        done.append(one)
        if not as_json:
            click.echo(in_words(one, target, is_back=rollback))
    if as_json:
        told = {
            "target": target.words,
            "symbols": [asdict(one) for one in done],
            "failed": {symbol: str(error) for symbol, error in failed.items()},
        }
        click.echo(json.dumps(told, indent=2))
    return worst(map(_code, failed.values()))


def target_of(
    config: Config, to: str | None, host: str | None, path: str | None, ssh: str = "ssh"
) -> Target:
    """Where to, by options and settings. `ConfigError` where that is not said completely."""
    from cointrader.app.deploy.target import Target

    if to is not None:
        if host is not None or path is not None:
            raise UsageError("--to is this machine, --host another", todo="give one of them")
        return Target(to)
    host, path = host or config.deploy_host or None, path or config.deploy_path or None
    if host is None or path is None:
        missing = [name for name, value in (("DEPLOY_HOST", host), ("DEPLOY_PATH", path))
                   if value is None]  # fmt: skip
        raise ConfigError(
            "it is not said where to deploy to",
            where=" and ".join(missing),
            allowed="user@host, and the folder of cointrader there",
            todo="set both, or give --host and --path, or --to for a folder of this machine",
        )
    try:
        command = tuple(shlex.split(ssh))
    except ValueError:
        command = ()
    if not command:
        raise UsageError("this is no command", where="--ssh", found=ssh, allowed="ssh -p 2222")
    return Target(path, host, command)


def worst(codes: Iterable[int]) -> int:
    """The exit code of many: failed, then wrong configuration, then too little data, then a no."""
    found = set(codes) - {0}
    return next((code for code in _WORST_FIRST if code in found), max(found, default=0))


def in_words(done: Deployed, target: Target, *, is_back: bool) -> str:
    """One line for a person."""
    name = f"{done.backend}:{done.sha256[:12]}"
    if done.result == "same":
        text = f"{name} is active there already"
    elif is_back:
        text = f"{name} is back, in place of {(done.before or 'none')[:12]}"
    else:
        text = f"{name} is active there now, in place of {(done.before or 'none')[:12]}"
    made = f"; {target.words} was not there and was made" if done.made_folder else ""
    return f"{done.symbol}: {text}{made}"


def _deployed(
    symbol: str,
    target: Target,
    models: Path,
    backend: str | None,
    *,
    is_paper: bool,
    is_back: bool,
) -> Deployed:
    from cointrader.app.deploy.deploy import require_allowed, shipment
    from cointrader.app.deploy.target import deploy as bring
    from cointrader.app.deploy.target import roll_back

    if is_back:
        return roll_back(symbol, target)
    sent = shipment(models, symbol, backend)
    require_allowed(sent.manifest, is_paper=is_paper)
    return bring(sent, target)


def _code(error: CointraderError) -> int:
    from cointrader.app.deploy.deploy import NotPassed

    return EXIT_REFUSED if isinstance(error, NotPassed) else exit_code(error)
