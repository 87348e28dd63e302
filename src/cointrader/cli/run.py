"""`cointrader run`: the bots on Binance, on its testnet, or in a rehearsal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import click

from cointrader.app.config import Config
from cointrader.app.config.idle import idle
from cointrader.app.live.rehearsal import speed_of
from cointrader.app.live.run import LivePlan, PreflightRefused, Ready, run_live
from cointrader.app.logs.logs import configure as configure_logs
from cointrader.app.logs.logs import tell
from cointrader.app.narrate import Narrator
from cointrader.app.preflight.judge import Verdict
from cointrader.app.words import moment
from cointrader.cli.access import access_of, with_access
from cointrader.cli.dashboard import Beside, with_dashboard
from cointrader.cli.main import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_REFUSED
from cointrader.cli.options import SettingsCommand, with_config
from cointrader.cli.preflight_output import check_lines
from cointrader.cli.verdict_options import asked_verdict, with_override
from cointrader.domain.errors import JournalError
from cointrader.domain.records import PositionOpened, Record
from cointrader.journal.reader import JournalReader
from cointrader.journal.schema import has_begun
from cointrader.model.folder import MODELS

JOURNALS = Path("journals")


@click.command(cls=SettingsCommand, short_help="Trade on Binance or its testnet.")
@with_access
@click.option(
    "--journal",
    "journal_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where everything is written down; a run goes on where the last one ended.  "
    "[default: journals/live.db, testnet.db or rehearsal.db]",
)
@with_override
@click.option(
    "--models",
    type=click.Path(path_type=Path, file_okay=False),
    default=MODELS,
    help=f"Folder of models, one sub-folder per symbol.  [default: {MODELS}]",
)
@with_dashboard("yes")
@click.option("--quiet", "-q", is_flag=True, help="No line for each event.")
@with_config
def run(
    config: Config,
    testnet: bool,
    live: bool,
    exchange_url: str | None,
    key_file: Path | None,
    journal_path: Path | None,
    verdict_path: Path | None,
    override_reason: str | None,
    override_days: int | None,
    models: Path,
    dashboard: bool | None,
    dashboard_port: int,
    dashboard_host: str,
    quiet: bool,
) -> int:
    """Trade the configured symbols until stopped.

    First a preflight: whatever speaks against trading is told, and nothing is sent. Ctrl-C or a
    polite stop ends it with exit code 130; open positions keep their stop on the exchange, and
    the next start takes them up again. --live trades REAL MONEY, and asks for the verdict `edge`
    of a backtest with the same settings. Without a model there are no entries, unless
    NO_ML_FILTER=true says that this is meant.

    \b
      cointrader run --testnet
      cointrader run --live --key-file /etc/cointrader/key
      cointrader run --exchange http://127.0.0.1:18080 --no-ml-filter
    """
    configure_logs()
    asked = asked_verdict(verdict_path, override_reason, override_days, is_live=live)
    access = access_of(
        config, testnet=testnet, live=live, exchange_url=exchange_url, key_file=key_file
    )
    plan = LivePlan(config, access, Path(), speed=speed_of(access), verdict=asked, models=models)
    path = journal_path or JOURNALS / f"{plan.mode}.db"
    teller = Teller(config, path, quiet=quiet)
    with ExitStack() as open_until_done:
        plan = replace(plan, journal_path=path, listeners=[teller.hear])
        teller.announce(plan)

        def ready(told: Ready) -> None:
            teller.ready(told)
            if dashboard is not False:  # only now: what a preflight refuses needs none
                beside = Beside(path, dashboard_host, dashboard_port, config.dashboard_token)
                open_until_done.enter_context(beside)

        try:
            outcome = run_live(plan, ready)
        except PreflightRefused as refused:
            for line in check_lines(refused.checks):
                tell(line)
            tell("nothing is traded: put right what FAILED, then start again")
            return EXIT_REFUSED
    if outcome.was_stopped:
        tell("stopped; what is open keeps its stop on the exchange")
        return EXIT_INTERRUPTED
    tell(f"no bot is left: {', '.join(outcome.quarantined)} kept crashing")
    return EXIT_FAILED


class Teller:
    """What people see while it runs, on stderr: one line for each event."""

    def __init__(self, config: Config, journal: Path, *, quiet: bool) -> None:
        self._config = config
        self._journal = journal
        self._quiet = quiet
        self._narrator = Narrator(_held_before(journal, config.symbols))

    def announce(self, plan: LivePlan) -> None:
        """What is about to happen."""
        symbols = ", ".join(self._config.symbols)
        if plan.mode == "live":
            tell(f"LIVE: orders with real money in {symbols}; looking around first")
        elif plan.is_rehearsal:
            pace = "" if plan.speed == 1 else f", {plan.speed:g} times as fast as time"
            tell(f"rehearsal of {symbols} on {plan.access.name}{pace}; looking around first")
        else:
            tell(f"testnet: orders with play money in {symbols}; looking around first")

    def hear(self, record: Record) -> None:
        """One record was written down."""
        line = self._narrator.line(record)
        if line is not None and not self._quiet:
            tell(line)

    def ready(self, ready: Ready) -> None:
        """Trading begins."""
        for line in self._beginning(ready):
            tell(line)

    def _beginning(self, ready: Ready) -> Iterator[str]:
        config = self._config
        yield from check_lines([c for c in ready.checks if c.verdict is not Verdict.OK])
        again = "" if ready.starts == 1 else f", start {ready.starts}"
        yield (
            f"trading since {moment(ready.now_ms)} UTC, wallet {ready.wallet:,.2f}, taker fee "
            f"{ready.fee_ratio.normalize():f}, profile {config.profile}; "
            f"journal {self._journal}{again}"
        )
        for name, (value, usual) in config.deviations().items():
            yield f"  {name} = {value} (the profile has {usual or 'none'})"
        yield from (f"  {text}" for text in idle(config))
        if ready.without_entries:
            without = ", ".join(ready.without_entries)
            yield f"NO ENTRIES in {without}: there is no model that may be used"
        yield "pause with: cointrader pause; close everything with: cointrader flatten"


def _held_before(journal: Path, symbols: list[str]) -> list[PositionOpened]:
    """What was written of positions that are open already: that is no news."""
    if not has_begun(journal):
        return []
    with suppress(JournalError), JournalReader(journal) as reader:
        held = filter(None, map(reader.open_position, symbols))
        return [told for each in held for told in reader.positions(trade_id=each.trade_id)]
    return []
