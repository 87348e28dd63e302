"""`cointrader data check`: what is stored, and whether it can be trusted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cointrader.domain.errors import DataError, UsageError

if TYPE_CHECKING:
    from cointrader.market.frame import Times
    from cointrader.market.quality import Finding

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
    """Look after stored candles."""


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
@click.option("--symbols", "listed", default="", metavar="A,B,C", help="The same as a list.")
@click.option("--all", "everything", is_flag=True, help="Every stored symbol; the default.")
@click.option("--interval", default="15m", show_default=True, help="Candle interval.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable result on stdout.")
def check(
    folder: Path,
    single: tuple[str, ...],
    listed: str,
    everything: bool,
    interval: str,
    as_json: bool,
) -> None:
    """Check stored candles: range, coverage per column, gaps and everything odd.

    Nothing is changed. Gaps, impossible candles and contradictions are refused, here as
    everywhere; suspects (no volume, a frozen price, a jump) are only told.

    \b
      cointrader data check --data data --all
      cointrader data check --symbols XRPUSDT,TRXUSDT --interval 1h --json

    Exit codes: 0 clean, 1 something must be refused, 2 wrong usage, 3 not enough candles
    """
    from cointrader.market.combined import stored_symbols
    from cointrader.signals.rules import WARM_UP_BARS

    asked = [name.strip().upper() for name in (*single, *listed.split(",")) if name.strip()]
    if everything and asked:
        raise UsageError("--all and single symbols contradict each other", found=", ".join(asked))
    symbols = tuple(dict.fromkeys(asked)) or stored_symbols(folder, interval)
    reports = [_check_symbol(folder, symbol, interval) for symbol in symbols]
    sound = [report for report in reports if report.candles and report.refused is None]
    reports += _check_context(folder, sound, interval)
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
    return _Report(
        symbol,
        path,
        *_extent(seen.open_time_ms[seen.kept()]),
        tuple(seen.correlated),
        seen.coverage(),
        seen.findings,
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
            extent = _extent(source.candles(name).open_time_ms)
            reports.append(_Report(name, where, *extent, findings=source.findings(name)))
        except DataError as error:
            reports.append(_Report(name, where, refused=str(error)))
    return reports


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
        yield "  usable"


def _coverage(shares: Mapping[str, float]) -> str:
    """Shares in percent, full columns together; 99.99 % is not shown as full."""
    full = [name for name, share in shares.items() if share == 1.0]
    partial = [f"{name} {int(share * 1000) / 10} %" for name, share in shares.items() if share < 1]
    return "; ".join(([f"{', '.join(full)} 100 %"] if full else []) + partial)
