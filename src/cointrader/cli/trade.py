"""`cointrader paper`: the real bots on a simulated exchange."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import click

from cointrader.app.config import Config
from cointrader.app.logs import configure as configure_logs
from cointrader.app.paper import PaperPlan, run_paper
from cointrader.app.summary import summarise
from cointrader.cli.options import SettingsCommand, with_config
from cointrader.cli.paper_output import ProgressLine, as_plain, print_summary
from cointrader.cli.times import as_utc_ms, utc_text
from cointrader.domain.clock import DAY_MS, interval_ms
from cointrader.domain.errors import CointraderError, UsageError
from cointrader.domain.instrument import to_decimal
from cointrader.domain.ports import CandleSource
from cointrader.domain.position import Trade
from cointrader.journal.export import write_csv
from cointrader.journal.reader import JournalReader
from cointrader.market.source import FolderSource
from cointrader.market.synthetic import SyntheticSource
from cointrader.signals.rules import WARM_UP_BARS

SYNTHETIC_START_MS = as_utc_ms("2026-01-01")
SYNTHETIC_DAYS = 14
EXIT_FAILED, EXIT_INTERRUPTED = 1, 130


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
    as_json: bool,
) -> int:
    """Run the real bots on a simulated exchange, over stored or made-up candles.

    Nothing is at risk and nothing needs to be configured. The result, costs included, is read
    from the journal that the bots wrote.

    \b
      cointrader paper
      cointrader paper --data data --symbols XRPUSDT,TRXUSDT --from 2025-06-01 --trades t.csv
    """
    configure_logs()
    start_ms, end_ms = _range(from_, to)
    source, start_ms = _market(config, data, seed, start_ms, end_ms)
    config, unknown = _with_known_correlations(config, source)
    plan = PaperPlan(
        config=config,
        source=source,
        balance=Decimal(_positive(balance, "--balance", most=1e12)),
        start_ms=start_ms,
        end_ms=end_ms,
        speed=None if speed == "max" else float(_positive(speed, "--speed", most=1e9)),
        journal_path=_fresh_journal(journal_path),
    )
    if trades_path is not None:
        _require_writable(trades_path, plan.journal_path)
    progress = ProgressLine(plan, unknown)
    outcome = run_paper(plan, progress.show)
    progress.clear()
    with JournalReader(plan.journal_path) as reader:
        summary = summarise(reader, config.symbols, to_decimal(config.slippage_bps) / 10_000)
    if trades_path is not None:
        _write_trades(summary.trades, trades_path)
    if as_json:
        click.echo(json.dumps(as_plain(plan, outcome, summary), indent=2))
    else:
        print_summary(plan, outcome, summary)
    if not outcome.finished:
        return EXIT_INTERRUPTED
    return EXIT_FAILED if outcome.quarantined else 0


def _with_known_correlations(config: Config, source: CandleSource) -> tuple[Config, list[str]]:
    """The configuration without the correlation symbols that `source` lacks; and those."""
    known = [s for s in config.correlation_symbols if s in source.symbols()]
    unknown = [s for s in config.correlation_symbols if s not in known]
    return (config.replace(correlation_symbols=known) if unknown else config), unknown


def _market(
    config: Config, data: Path | None, seed: int, start_ms: int | None, end_ms: int | None
) -> tuple[CandleSource, int | None]:
    """The candles to play, and from where: a synthetic market brings its own warm-up."""
    if data is not None:
        folder = FolderSource(
            data,
            config.symbols,
            interval=config.interval,
            correlation_symbols=config.correlation_symbols,
        )
        return folder, start_ms
    if seed < 0:
        raise UsageError("a seed is not negative", where="--seed", found=seed, allowed="0 or more")
    bar_ms = interval_ms(config.interval)
    first_ms = (SYNTHETIC_START_MS if start_ms is None else start_ms) // bar_ms * bar_ms
    last_ms = first_ms + SYNTHETIC_DAYS * DAY_MS if end_ms is None else end_ms
    if last_ms <= first_ms:
        raise UsageError(
            "the synthetic market begins later",
            where="--to",
            found=utc_text(last_ms),
            allowed=f"after {utc_text(first_ms)}, or an earlier --from",
        )
    warm_up_bars = WARM_UP_BARS + 1
    source = SyntheticSource(
        config.symbols,
        seed=seed,
        start_ms=first_ms - warm_up_bars * bar_ms,
        bars=-(-(last_ms - first_ms) // bar_ms) + warm_up_bars,
        interval_ms=bar_ms,
        correlation_symbols=config.correlation_symbols,
    )
    return source, first_ms


def _range(from_: str | None, to: str | None) -> tuple[int | None, int | None]:
    start_ms = None if from_ is None else as_utc_ms(from_, where="--from")
    end_ms = None if to is None else as_utc_ms(to, where="--to")
    if start_ms is not None and end_ms is not None and start_ms >= end_ms:
        raise UsageError(
            "--from is not before --to", found=f"{from_} and {to}", todo="exchange the two"
        )
    return start_ms, end_ms


def _positive(text: str, where: str, *, most: float) -> str:
    try:
        is_right = text.isascii() and 1e-9 <= float(text) <= most
    except ValueError:
        is_right = False
    if not is_right:
        allowed = f"a number from 1e-9 to {most:g}" + (", or max" if where == "--speed" else "")
        raise UsageError("not a number that fits", where=where, found=text, allowed=allowed)
    return text.strip()


def _fresh_journal(path: Path | None) -> Path:
    """A journal file that is not there yet: a run never mixes with another's."""
    if path is None:
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
        path = Path("journals") / f"paper-{stamp}.db"
    if path.exists() and path.stat().st_size:
        raise UsageError(
            "this file exists already",
            where="--journal",
            found=str(path),
            todo="name another file, or move this one away",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot make the journal's folder: {error.strerror}",
            where="--journal",
            found=str(path.parent),
            todo="name a file in a folder that exists and is yours",
        ) from None
    return path


def _require_writable(path: Path, journal_path: Path) -> None:
    """Say so before a long run, not after it; and leave nothing behind."""
    why_not = ""
    if path.resolve() in (journal_path.resolve(), _lock_of(journal_path)):
        why_not = "this is the journal"
    elif not path.parent.is_dir():
        why_not = "there is no such folder"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        why_not = "it is not yours to write"
    if why_not:
        raise UsageError(
            f"the trades cannot be written there: {why_not}",
            where="--trades",
            found=str(path),
            todo="name another file, in a folder that exists and is yours",
        )


def _lock_of(journal_path: Path) -> Path:
    resolved = journal_path.resolve()
    return resolved.with_name(resolved.name + ".lock")


def _write_trades(trades: Iterable[Trade], path: Path) -> None:
    try:
        with path.open("w", newline="", encoding="utf-8") as target:
            write_csv(trades, target)
    except OSError as error:
        raise CointraderError(
            f"the trades could not be written: {error.strerror}",
            where=str(path),
            todo="make room or name another file; the journal has everything",
        ) from None
