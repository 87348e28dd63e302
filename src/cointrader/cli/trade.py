"""`cointrader paper`: the real bots on a simulated exchange."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from cointrader.app.config import Config
from cointrader.app.logs.logs import configure as configure_logs
from cointrader.app.paper.live_plan import (
    LIVE,
    is_live_market,
    live_market_plan,
    resumed_live_market_plan,
)
from cointrader.app.paper.market import (
    folder_market,
    synthetic_market,
    with_known_correlations,
)
from cointrader.app.paper.resume import resumed_plan
from cointrader.app.paper.run import PaperOutcome, PaperPlan, Progress, run_paper
from cointrader.app.status import newest_journal
from cointrader.app.summary import summarise
from cointrader.cli.dashboard import Beside, is_on_terminal, with_dashboard
from cointrader.cli.numbers import positive
from cointrader.cli.options import SettingsCommand, with_config, with_models
from cointrader.cli.paper_output import Screen, as_plain, print_summary
from cointrader.cli.times import range_of
from cointrader.cli.trades_file import require_writable, write_trades
from cointrader.domain.errors import UsageError
from cointrader.domain.instrument import to_decimal
from cointrader.journal.reader import JournalReader
from cointrader.journal.schema import has_begun
from cointrader.ops.channels import OUTBOX

if TYPE_CHECKING:
    from cointrader.exchange.simulated.wire.faults import FaultPlan

JOURNALS = Path("journals")
EXIT_FAILED, EXIT_INTERRUPTED = 1, 130
LIVE_JOURNAL = JOURNALS / "paper-live.db"
_NEWEST = ""  # --resume without a file
_BESIDE_RESUME = (
    "resume", "speed", "trades_path", "quiet", "as_json",
    "dashboard", "dashboard_port", "dashboard_host",
)  # fmt: skip
_OF_OTHER_MARKETS = (
    "data", "from_", "to", "speed", "seed", "planted_edge", "wire", "faults", "fault_seed"
)  # fmt: skip


@click.command(cls=SettingsCommand, short_help="Trade on paper: no key, no network.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of candles, one sub-folder per symbol.  [default: a synthetic market]",
)
@click.option("--from", "from_", metavar="DATE", help="First bar to decide, UTC, included.")
@click.option("--to", metavar="DATE", help="End, UTC, excluded.")
@click.option(
    "--speed",
    default="max",
    metavar="max|N",
    help="As fast as it goes, or N times as fast as time.  [default: max]",
)
@click.option("--balance", default="1000", metavar="X", show_default=True, help="First wallet.")
@click.option(
    "--journal",
    "journal_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where everything is written down.  [default: journals/paper-TIME.db]",
)
@click.option(
    "--trades",
    "trades_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the closed trades to this CSV file.",
)
@click.option("--seed", default=1, help="Of the synthetic market.", show_default=True)
@click.option(
    "--planted-edge",
    type=float,
    metavar="R",
    help="Make the synthetic market pay the rule this much a trade, in units of its risk, costs "
    "paid: would the tools find it?",
)
@click.option(
    "--resume",
    is_flag=False,
    flag_value=_NEWEST,
    metavar="[JOURNAL]",
    help="Go on with a run that was stopped.  [default: the newest in journals/]",
)
@click.option(
    "--wire",
    is_flag=True,
    help="Through the real Binance adapter: the simulated exchange is served on this machine. Same "
    "trades, slower.",
)
@click.option(
    "--faults",
    metavar="SPEC|FILE",
    help="Beside --wire: what goes wrong there. `cointrader exchange --faults list` tells them.",
)
@click.option("--fault-seed", type=int, help="Of the faults' chances.  [default: the file's, or 1]")
@click.option(
    "--market",
    "market_name",
    type=click.Choice([LIVE]),
    metavar=LIVE,
    help="Binance's market as it happens, over the network and without a key; fills are "
    "simulated.  [journal: journals/paper-live.db]",
)
@click.option(
    "--market-url",
    metavar="URL",
    hidden=True,
    help="Beside --market live: another server that speaks Binance's protocol.",
)
@with_models(by_default=True)
@with_dashboard(
    "yes; at full speed and on the live market only on a terminal, where it stays until Ctrl-C"
)
@click.option("--quiet", "-q", is_flag=True, help="Only the result, and critical alerts.")
@click.option("--json", "as_json", is_flag=True, help="The result on stdout, for machines.")
@with_config
def paper(
    config: Config,
    data: Path | None,
    from_: str | None,
    to: str | None,
    speed: str,
    balance: str,
    journal_path: Path | None,
    trades_path: Path | None,
    seed: int,
    planted_edge: float | None,
    resume: str | None,
    wire: bool,
    faults: str | None,
    fault_seed: int | None,
    market_name: str | None,
    market_url: str | None,
    with_model: bool,
    models: Path,
    dashboard: bool | None,
    dashboard_port: int,
    dashboard_host: str,
    quiet: bool,
    as_json: bool,
) -> int:
    """Run the real bots on a simulated exchange, over stored, made-up or live candles.

    Nothing is at risk and nothing needs to be configured. The result, costs included, is read
    from the journal that the bots wrote. Ctrl-C stops it; --resume goes on.

    \b
      cointrader paper
      cointrader paper --speed 900
      cointrader paper --data data --symbols XRPUSDT,TRXUSDT --from 2025-06-01 --trades t.csv
      cointrader paper --market live --symbols XRPUSDT,TRXUSDT
      cointrader paper --resume
    """
    configure_logs()
    notes: list[str] = []
    judging = models if with_model else None
    pace = None if speed == "max" else float(positive(speed, "--speed", most=1e9, or_word="max"))
    if resume is None and (market_name is not None or market_url is not None):
        _refuse_beside_live_market(market_name)
        plan = live_market_plan(
            config,
            balance=Decimal(positive(balance, "--balance", most=1e12)),
            journal_path=_live_journal(journal_path),
            url=market_url,
            models=judging,
        )
        notes.append("no order leaves this machine; Ctrl-C stops it, --resume goes on")
    elif resume is None:
        start_ms, end_ms = range_of(from_, to)
        if data is None:
            market = synthetic_market(config, seed, start_ms, end_ms, planted_edge)
        elif planted_edge is None:
            market = folder_market(config, data, start_ms, end_ms)
        else:
            raise UsageError(
                "an edge is planted into the synthetic market only",
                where="--planted-edge and --data",
                todo="leave one of them out",
            )
        config, unknown = with_known_correlations(config, market.source)
        if unknown:
            notes.append(f"no candles of {', '.join(unknown)} here: trading without them")
        if market.doubts:
            many = "s" * (market.doubts > 1)
            notes.append(
                f"{market.doubts} doubt{many} about these candles: see "
                f"cointrader data check --data {data}"
            )
        plan = PaperPlan(
            config=config,
            source=market.source,
            balance=Decimal(positive(balance, "--balance", most=1e12)),
            start_ms=market.start_ms,
            end_ms=market.end_ms,
            speed=pace,
            origin=market.origin,
            journal_path=_fresh_journal(journal_path),
            wire=wire,
            faults=_faults(faults, fault_seed, wire=wire),
            models=judging,
        )
    else:
        _refuse_beside_resume(config)
        path = newest_journal(JOURNALS, "paper-*.db") if resume == _NEWEST else Path(resume)
        live = resumed_live_market_plan(path)
        if live is not None:
            _refuse_typed(("speed",), "the live market goes as fast as time")
        plan = live or resumed_plan(path, speed=pace)
    if trades_path is not None:
        require_writable(trades_path, not_among=_files_of(plan.journal_path))
    beside = Beside(plan.journal_path, dashboard_host, dashboard_port, config.dashboard_token)
    is_shown = _is_worth_watching(plan, as_json) if dashboard is None else dashboard
    screen = Screen(plan, notes, quiet=quiet)
    with beside if is_shown else nullcontext():
        code = _play(plan, screen, config, trades_path, as_json)
        if is_shown and is_on_terminal() and code != EXIT_INTERRUPTED:
            beside.stay()
    return code


def _is_worth_watching(plan: PaperPlan, as_json: bool) -> bool:
    """Whether a dashboard is begun unasked: not where nobody looks at what is over in seconds."""
    takes_its_time = plan.speed is not None
    is_meant = bool(_typed().keys() & {"dashboard_host", "dashboard_port"})
    return is_meant or (not as_json and (takes_its_time or is_on_terminal()))


def _play(
    plan: PaperPlan, screen: Screen, config: Config, trades_path: Path | None, as_json: bool
) -> int:
    """Run the plan and tell what came of it; the exit code is the answer."""
    # Who is told is this machine's affair: a run that goes on has it from nowhere else.
    outcome = _run(replace(plan, listeners=(screen.hear,), told=config), screen.show)
    screen.clear()
    slippage = to_decimal(plan.config.slippage_bps) / 10_000
    with JournalReader(plan.journal_path) as reader:
        summary = summarise(reader, plan.config.symbols, slippage)
    if trades_path is not None:
        write_trades(summary.trades, trades_path, otherwise="the journal has everything")
    if as_json:
        click.echo(json.dumps(as_plain(plan, outcome, summary), indent=2))
    else:
        print_summary(plan, outcome, summary)
    if not outcome.finished:
        return EXIT_INTERRUPTED
    return EXIT_FAILED if outcome.quarantined else 0


def _run(plan: PaperPlan, on_progress: Callable[[Progress], None]) -> PaperOutcome:
    if is_live_market(plan):
        from cointrader.app.paper.live import run_paper_live  # here: it costs 0.3 s

        return run_paper_live(plan, on_progress)
    return run_paper(plan, on_progress)


def _typed() -> dict[str, str]:
    """What stands on the command line: names of options, and how they are written."""
    context = click.get_current_context()
    return {
        param.name or "": param.opts[0]
        for param in context.command.params
        if context.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
    }


def _refuse_typed(names: Iterable[str], why: str) -> None:
    typed = _typed()
    found = [typed[name] for name in names if name in typed]
    if found:
        raise UsageError(why, where=", ".join(found), todo="leave these out")


def _refuse_beside_live_market(market_name: str | None) -> None:
    """The live market has its own candles, its own time and no end."""
    if market_name is None:
        raise UsageError(
            "another server stands in for the live market only",
            where="--market-url",
            todo="add --market live",
        )
    _refuse_typed(_OF_OTHER_MARKETS, "the live market has its own candles, time and pace")


def _live_journal(path: Path | None) -> Path:
    """Where a new run on the live market is written down."""
    if path is None and has_begun(LIVE_JOURNAL):
        raise UsageError(
            "there is a run on the live market already",
            where="--market live",
            found=str(LIVE_JOURNAL),
            todo=f"go on with it: cointrader paper --resume {LIVE_JOURNAL}; or name another file "
            "with --journal",
        )
    return _fresh_journal(path or LIVE_JOURNAL)


def _refuse_beside_resume(config: Config) -> None:
    """A resumed run has its market, its money and its settings from its journal."""
    typed = [option for name, option in _typed().items() if name not in _BESIDE_RESUME]
    if typed:
        raise UsageError(
            "a resumed run has its market, its money and its settings from its journal",
            where=", ".join(typed),
            allowed="--speed, --trades, --quiet, --json and the dashboard's beside --resume",
            todo="leave these out, or start a new run without --resume",
        )


def _faults(spec: str | None, seed: int | None, *, wire: bool) -> FaultPlan | None:
    if spec is None and seed is None:
        return None
    if not wire:
        raise UsageError(
            "only on the wire can something go wrong",
            where="--faults and --fault-seed",
            todo="add --wire, or leave them out",
        )
    if spec is None:
        raise UsageError("a seed of no faults", where="--fault-seed", todo="add --faults")
    from cointrader.exchange.simulated.wire.faults import (
        FaultPlan as Plan,
    )

    return Plan.read(spec, seed)


def _fresh_journal(path: Path | None) -> Path:
    """A journal file that is not there yet: a run never mixes with another's."""
    if path is None:
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
        path = JOURNALS / f"paper-{stamp}.db"
    if has_begun(path):
        raise UsageError(
            "this file exists already",
            where="--journal",
            found=str(path),
            todo="name another file, or move this one away",
        )
    if why_not := _why_not_below(path):
        raise UsageError(
            f"the journal cannot be made there: {why_not}",
            where="--journal",
            found=str(path.parent),
            todo="name a file in a folder that exists and is yours",
        )
    return path


def _why_not_below(path: Path) -> str:
    """What speaks against making `path` and the folders above it, "" when nothing does."""
    try:
        there = next(folder for folder in path.absolute().parents if folder.exists())
    except OSError as error:  # the working folder itself is gone
        return error.strerror or str(error)
    if not there.is_dir():
        return f"{there} is no folder"
    return "" if os.access(there, os.W_OK | os.X_OK) else f"{there} is not yours to write"


def _files_of(journal_path: Path) -> list[Path]:
    """The journal, and what stands beside it under its name."""
    resolved = journal_path.resolve()
    beside = ("", "-wal", "-shm", "-journal", ".lock", ".token", OUTBOX)
    return [resolved.with_name(resolved.name + ending) for ending in beside]
