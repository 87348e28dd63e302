"""`cointrader report`: a week or a month of trading, held against what was expected."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cointrader.cli.main import EXIT_FAILED, EXIT_NOT_ENOUGH_DATA
from cointrader.cli.options import SettingsCommand, with_config
from cointrader.domain.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from cointrader.app.config import Config
    from cointrader.app.period.report import PeriodReport
    from cointrader.app.period.span import Span
    from cointrader.journal.reader import JournalReader

_JOURNALS = Path("journals")
_REAL_TIME = ("live", "testnet")
_POST_S = 30.0


@click.command(cls=SettingsCommand, short_help="A week or month, live against expectation.")
@click.option("--week", "is_week", is_flag=True, help="An ISO week, Monday to Sunday, UTC.")
@click.option("--month", "is_month", is_flag=True, help="A calendar month, UTC.")
@click.option(
    "--of",
    metavar="NAME",
    help="Which: 2026-W46 or 2026-10.  [default: the last one that is over]",
)
@click.option(
    "--journal",
    "journal_path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The journal to read.  [default: the newest in journals/]",
)
@click.option(
    "--verdict",
    "verdict_path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="What was expected.  [default: the verdict on the run's configuration in verdicts/]",
)
@click.option(
    "--out",
    "out_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write it as a page of HTML that needs no network.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable, on stdout.")
@click.option("--discord", is_flag=True, help="Post its few lines to DISCORD_WEBHOOK_URL.")
@with_config
def report(
    config: Config,
    is_week: bool,
    is_month: bool,
    of: str | None,
    journal_path: Path | None,
    verdict_path: Path | None,
    out_path: Path | None,
    as_json: bool,
    discord: bool,
) -> int:
    """Tell how a week or a month went, and whether that is inside of what was expected.

    Expected is what the verdict of a backtest with the same settings measured. Reads the journal
    only, so it may be asked while the bots trade. Exit code 3 when nothing was written down in the
    period.

    \b
      cointrader report --week --out week.html
      cointrader report --month --of 2026-10 --journal journals/live.db --discord
    """
    from cointrader.app.period.json import document
    from cointrader.app.period.report import period_report
    from cointrader.app.period.span import MONTH, WEEK
    from cointrader.app.period.words import report_lines
    from cointrader.app.report_file import require_report_writable, write_page
    from cointrader.app.status import newest_journal
    from cointrader.journal.reader import JournalReader

    if is_week == is_month:
        raise UsageError("a report of what?", allowed="exactly one of --week and --month")
    kind = WEEK if is_week else MONTH
    if discord and not config.discord_webhook_url:
        raise ConfigError(
            "there is no Discord channel to post to",
            where="DISCORD_WEBHOOK_URL",
            found="not set",
            todo="copy it from the channel's settings: Integrations, Webhooks",
        )
    if out_path is not None:
        require_report_writable(out_path, option="--out")
    if journal_path is None:
        journal_path = newest_journal(_JOURNALS)
        click.echo(f"reading {journal_path}", err=True)
    with JournalReader(journal_path) as reader:
        now_ms = _now(reader)
        span = _span(reader, kind, of, now_ms)
        found = period_report(reader, span, now_ms=now_ms, verdict=verdict_path)
    if found.facts.is_empty:
        click.echo(_nothing(found), err=True)
        return EXIT_NOT_ENOUGH_DATA
    if out_path is not None:
        from cointrader.app.period.page import render

        write_page(out_path, render(found))
        click.echo(f"the report is in {out_path}", err=True)
    if as_json:
        click.echo(json.dumps(document(found), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        click.echo("\n".join(report_lines(found)))
    return _post(config, found) if discord else 0


def _now(reader: JournalReader) -> int:
    """The time it is: of a market that was played, its own."""
    from cointrader.app.status import required_run

    run = required_run(reader)
    if run.mode in _REAL_TIME:
        return int(time.time() * 1_000)
    marks = [mark.at_ms for mark in reader.equity(last=1)]
    return max([run.at_ms, *marks]) + 1


def _span(reader: JournalReader, kind: str, of: str | None, now_ms: int) -> Span:
    from cointrader.app.period.facts import first_moment
    from cointrader.app.period.span import last_span, span_named

    if of is not None:
        return span_named(kind, of, now_ms=now_ms)
    return last_span(kind, now_ms=now_ms, since_ms=first_moment(reader))


def _nothing(found: PeriodReport) -> str:
    from cointrader.app.words import moment

    facts = found.facts
    if facts.known_to_ms <= facts.known_from_ms:
        ended = facts.known_to_ms <= facts.span.from_ms
        when = facts.known_to_ms if ended else facts.known_from_ms
        told = f"its journal {'ends' if ended else 'begins'} at {moment(when)} UTC"
    else:
        told = "no bar was decided and nothing traded"
    return f"nothing happened in {facts.span.kind} {facts.span.name}: {told} ({found.journal})"


def _post(config: Config, found: PeriodReport) -> int:
    from cointrader.app.period.words import chat_lines
    from cointrader.domain.records import Alert
    from cointrader.ops.discord import DiscordNotifier

    mode = found.facts.run.mode
    notifier = DiscordNotifier(config.discord_webhook_url, least_level="info", prefix=mode)
    notifier.send(Alert(found.now_ms, "info", "", "\n".join(chat_lines(found))))
    notifier.close(_POST_S)
    health = notifier.health()
    if health.waiting or health.is_failing:
        click.echo("the report could not be posted to Discord", err=True)
        return EXIT_FAILED
    click.echo("posted to Discord", err=True)
    return 0
