"""`cointrader preflight`: everything that may speak against trading, without sending an order."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, replace
from pathlib import Path

import click

from cointrader.app.config import Config
from cointrader.app.live.rehearsal import clock_of, loop_factory, speed_of
from cointrader.app.live.run import LivePlan
from cointrader.app.logs.logs import configure as configure_logs
from cointrader.app.preflight.judge import Check, is_refused, judged
from cointrader.app.preflight.reading import knows, look_around, read_facts, try_streams
from cointrader.app.verdict.live import Asked
from cointrader.cli.access import access_of, with_access
from cointrader.cli.main import EXIT_REFUSED
from cointrader.cli.options import SettingsCommand, with_config
from cointrader.cli.preflight_output import check_lines
from cointrader.cli.run import JOURNALS


@click.command(cls=SettingsCommand, short_help="Look for what speaks against trading.")
@with_access
@click.option(
    "--journal",
    "journal_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The journal that `run` will write.  "
    "[default: journals/live.db, testnet.db or rehearsal.db]",
)
@click.option(
    "--verdict",
    "verdict_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --live: the verdict that allows trading.  "
    "[default: the one of this configuration in verdicts/]",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable, on stdout.")
@with_config
def preflight(
    config: Config,
    testnet: bool,
    live: bool,
    exchange_url: str | None,
    key_file: Path | None,
    journal_path: Path | None,
    verdict_path: Path | None,
    as_json: bool,
) -> int:
    """Look at the key, the account, the symbols, the streams and this machine. Changes nothing.

    `run` does the same before it trades. Exit code 4 when something speaks against trading.

    \b
      cointrader preflight --testnet
      cointrader preflight --live --json
    """
    configure_logs()
    access = access_of(
        config, testnet=testnet, live=live, exchange_url=exchange_url, key_file=key_file
    )
    asked = Asked(verdict_path)
    plan = LivePlan(config, access, Path(), speed=speed_of(access), verdict=asked)
    plan = replace(plan, journal_path=journal_path or JOURNALS / f"{plan.mode}.db")
    with asyncio.Runner(loop_factory=loop_factory(plan.access, plan.speed)) as runner:
        checks = runner.run(_examined(plan))
    if as_json:
        click.echo(
            json.dumps({"is_refused": is_refused(checks), "checks": _plain(checks)}, indent=2)
        )
    else:
        for line in check_lines(checks):
            click.echo(line)
        click.echo("do not trade yet" if is_refused(checks) else "ready to trade")
    return EXIT_REFUSED if is_refused(checks) else 0


async def _examined(plan: LivePlan) -> list[Check]:
    clock = await clock_of(plan.access)
    facts = await read_facts(
        plan.config,
        plan.access,
        clock,
        look_around(plan.journal_path, plan.access),
        is_known=knows(plan.journal_path),
        asked=plan.verdict,
    )
    if not is_refused(judged(facts, plan.config)):
        facts = replace(facts, streams=await try_streams(plan.config, plan.access, clock))
    return judged(facts, plan.config)


def _plain(checks: list[Check]) -> list[dict[str, str]]:
    return [asdict(check) for check in checks]
