"""`cointrader data check`: what is stored, and whether it can be trusted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cointrader.cli.leak_check import leak_check
from cointrader.domain.errors import DataError, UsageError

if TYPE_CHECKING:
    from cointrader.market.frame import Columns, Times
    from cointrader.market.quality import Finding
    from cointrader.market.source import FolderSource

_SHOWN = 3  # findings of one kind shown to people; --json has all
_REFUSED, _NOT_ENOUGH = 1, 3


@dataclass(frozen=True, slots=True)
class _Report:
    """What a check has to say of one symbol. `refused` is why a reader would stop."""

    symbol: str
    path: str
    candles: int = 0  # without copies and a last one that was still open
    first_ms: int | None = None
    last_ms: int | None = None
    context: tuple[str, ...] = ()  # correlation symbols in its file
    coverage: Mapping[str, float] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    refused: str | None = None


@click.group()
def data() -> None:
    """Look after stored candles, and what is read from them."""


data.add_command(leak_check)


@data.command()
@click.option(
    "--data",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("data"),
    show_default=True,
    metavar="DIR",
    help="Folder that holds <symbol>/combined_<interval>.parquet.",
)
@click.option("--symbol", "single", multiple=True, metavar="SYMBOL", help="Repeatable.")
@click.option("--symbols", "listed", metavar="A,B,C", help="The same as a list.")
@click.option("--all", "everything", is_flag=True, help="Every stored symbol; the default.")
@click.option("--interval", default="15m", show_default=True, help="Candle interval.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable result on stdout.")
def check(
    folder: Path,
    single: tuple[str, ...],
    listed: str | None,
    everything: bool,
    interval: str,
    as_json: bool,
) -> None:
    """Check stored candles: range, coverage per column, gaps and everything odd.

    Nothing is changed. Gaps, impossible candles and contradictions are refused, here as
    everywhere; suspects (no volume, a jump, prices off the contract's tick, funding in percent,
    times in another zone, another symbol's candles) are only told.

    \b
      cointrader data check --data data --all
      cointrader data check --symbols XRPUSDT,TRXUSDT --interval 1h --json

    Exit codes: 0 clean, 1 something must be refused, 2 wrong usage, 3 not enough candles
    """
    from cointrader.market.combined import stored_symbols
    from cointrader.signals.rules import WARM_UP_BARS

    names = (*single, *(listed or "").split(","))
    asked = [name.strip().upper() for name in names if name.strip()]
    if (single or listed is not None) and not asked:
        raise UsageError(
            "no symbol is named",
            where="--symbols",
            found=listed,
            todo="name symbols, or leave it out to check all",
        )
    if everything and asked:
        raise UsageError(
            "--all and single symbols contradict each other",
            where="--all",
            found=", ".join(asked),
            todo="give one of the two",
        )
    symbols = tuple(dict.fromkeys(asked)) or stored_symbols(folder, interval)
    reports = [_check_symbol(folder, symbol, interval) for symbol in symbols]
    sound = [report for report in reports if report.candles and report.refused is None]
    reports += _check_context(folder, sound, interval)
    reports = _with_copies(folder, reports, interval)
    code = _exit_code(reports, WARM_UP_BARS)
    if as_json:
        result = {"exit_code": code, "symbols": [asdict(report) for report in reports]}
        click.echo(json.dumps(result, indent=2))
    else:
        texts = ("\n".join(_lines(report, interval, WARM_UP_BARS)) for report in reports)
        click.echo("\n\n".join(texts))
    click.get_current_context().exit(code)


def _check_symbol(folder: Path, symbol: str, interval: str) -> _Report:
    from cointrader.market.combined import candle_path, examine
    from cointrader.market.quality import refusal

    path = str(candle_path(folder, symbol, interval))
    try:
        seen = examine(folder, symbol, interval)
    except DataError as error:
        return _Report(symbol, path, refused=str(error))
    problem = refusal(seen.findings, path)
    kept = seen.kept()
    times, candles = seen.open_time_ms[kept], seen.candles.take(kept)
    off_grid = [] if problem else _off_grid(symbol, times, candles)
    return _Report(
        symbol,
        path,
        *_extent(times),
        tuple(seen.correlated),
        seen.coverage(),
        (*seen.findings, *off_grid),
        str(problem) if problem else None,
    )


def _extent(times: Times) -> tuple[int, int | None, int | None]:
    """How many candles, and when the first and the last of them open."""
    if len(times) == 0:
        return 0, None, None
    return len(times), int(times[0]), int(times[-1])


def _check_context(folder: Path, sound: Sequence[_Report], interval: str) -> list[_Report]:
    """Correlation symbols that are stored in the files of other symbols only."""
    from cointrader.market.source import FolderSource

    if not sound:
        return []
    symbols = [report.symbol for report in sound]
    carried = tuple(dict.fromkeys(name for report in sound for name in report.context))
    source = FolderSource(folder, symbols, interval, carried)
    where = f"in the files of {', '.join(symbols)}"
    reports = []
    for name in carried:
        if name in symbols or source.has_own_file(name):
            continue
        try:
            rows = source.candles(name)
        except DataError as error:
            reports.append(_Report(name, where, refused=str(error)))
            continue
        off_grid = _off_grid(name, rows.open_time_ms, rows.columns)
        found = (*source.findings(name), *off_grid)
        reports.append(_Report(name, where, *_extent(rows.open_time_ms), findings=found))
    return reports


def _off_grid(symbol: str, times: Times, candles: Columns) -> list[Finding]:
    """What the prices say against being those of this contract, where its tick is known."""
    from cointrader.exchange.simulated.instruments import known_instrument
    from cointrader.market import doubts

    known = known_instrument(symbol)
    if known is None or known.tick_size is None:
        return []
    return list(doubts.price_grid(times, candles, float(known.tick_size)))


def _with_copies(folder: Path, reports: Sequence[_Report], interval: str) -> list[_Report]:
    """The reports, and which symbols have each other's candles."""
    from cointrader.market import doubts
    from cointrader.market.source import FolderSource

    usable = [report for report in reports if report.candles and report.refused is None]
    traded = [report.symbol for report in usable if report.coverage]  # those with own files
    if not traded:
        return list(reports)
    source = FolderSource(folder, traded, interval, [report.symbol for report in usable])
    candles = {report.symbol: _columns(source, report.symbol) for report in usable}
    found: dict[str, tuple[Finding, ...]] = {}
    for one, other in combinations(candles, 2):
        copies = doubts.copied(one, candles[one], candles[other])
        found[other] = (*found.get(other, ()), *copies)
    return [
        replace(report, findings=(*report.findings, *found.get(report.symbol, ())))
        for report in reports
    ]


def _columns(source: FolderSource, symbol: str) -> tuple[Times, Columns]:
    rows = source.candles(symbol)
    return rows.open_time_ms, rows.columns


def _exit_code(reports: Sequence[_Report], warm_up_bars: int) -> int:
    if any(report.refused is not None for report in reports):
        return _REFUSED
    return _NOT_ENOUGH if any(report.candles <= warm_up_bars for report in reports) else 0


def _lines(report: _Report, interval: str, warm_up_bars: int) -> Iterator[str]:
    """One symbol's report for a plain terminal."""
    from cointrader.market.quality import utc

    yield f"{report.symbol}  {interval}  {report.path}"
    if report.first_ms is not None and report.last_ms is not None:
        span = f"{utc(report.first_ms)} to {utc(report.last_ms)}"
        yield f"  {'candles':<9} {report.candles:,}, opening {span}"
    if report.coverage:
        yield f"  {'coverage':<9} {_coverage(report.coverage)}"
        if not report.coverage["funding_rate"]:
            yield f"  {'note':<9} no funding rate is known, so none is charged; spot has none"
    for kind, count in Counter(finding.kind for finding in report.findings).items():
        alike = [finding for finding in report.findings if finding.kind is kind]
        yield f"  {alike[0].severity:<9} {kind}: {count:,}"
        for one in alike[:_SHOWN]:
            yield f"  {'':<9}   row {one.row:,}, {utc(one.time_ms)}: {one.detail}"
        if count > _SHOWN:
            yield f"  {'':<9}   and {count - _SHOWN:,} more"
    if report.refused is not None:
        yield "  NOT USABLE: " + report.refused.replace("\n", "\n  ")
    elif report.candles <= warm_up_bars:
        yield f"  NOT ENOUGH: {warm_up_bars} candles warm up the indicators, then trading begins"
    else:
        doubtful = any(finding.severity == "suspect" for finding in report.findings)
        yield "  usable" + (", if what is suspect above is right" if doubtful else "")


def _coverage(shares: Mapping[str, float]) -> str:
    """Shares in percent, full columns together; 99.99 % is not shown as full."""
    full = [name for name, share in shares.items() if share == 1.0]
    partial = [f"{name} {int(share * 1000) / 10} %" for name, share in shares.items() if share < 1]
    return "; ".join(([f"{', '.join(full)} 100 %"] if full else []) + partial)
