"""`cointrader data leak-check`: does a signal rule know the future?"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cointrader.app.config import Config
from cointrader.cli.main import EXIT_NOT_ENOUGH_DATA, EXIT_REFUSED
from cointrader.cli.numbers import positive
from cointrader.cli.options import SettingsCommand, with_config

if TYPE_CHECKING:
    from cointrader.market.frame import Frame
    from cointrader.signals.leak_check import Report

_MEANING = {
    "look-ahead": "it knows the future: every test of it is worthless",
    "impure": "the same candles, another answer: no test of it means anything",
    "writes-input": "it changes the candles that others are shown",
    "look-back": "a running bot would be answered otherwise than a backtest",
    "memory": "no look-ahead, and no reason to refuse it",
}


@click.command(
    "leak-check",
    cls=SettingsCommand,
    short_help="Try to catch a signal rule knowing the future.",
    epilog="Exit codes: 0 clean, 1 the rule fails, 2 wrong usage or configuration, 3 too little "
    "data or no signal in it, 4 a leak.",
)
@click.option(
    "--data",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of candles to try it on.  [default: a made-up market]",
)
@click.option(
    "--seconds",
    default="10",
    metavar="X",
    show_default=True,
    help="Longest search for one symbol.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable result on stdout.")
@with_config
def leak_check(config: Config, folder: Path | None, seconds: str, as_json: bool) -> int:
    """Cut off and change the future of every input, and compare what the rule answers.

    Inputs are the candles of the symbol and of its correlation symbols, funding and open interest.
    Compared are side, strength, reasons, exits and features of its own, and the features of the
    entry filter. Told apart: a look-ahead, a rule that is not pure, one that writes into its
    input, and one that remembers more than a running bot's window (which is no leak).

    \b
      cointrader data leak-check --signal signals/mine.py:Mine
      cointrader data leak-check --data data --symbols XRPUSDT,TRXUSDT --interval 1h --json
    """
    limit_s = float(positive(seconds, "--seconds", most=1e6))
    reports = []
    for symbol, frame in _frames(config, folder):
        report = _prove(config, symbol, frame, _at_most(limit_s))
        reports.append(report)
        if not as_json:
            click.echo("\n".join(_lines(report, config.interval)))
    code = _exit_code(reports)
    if as_json:
        result = {"exit_code": code, "symbols": [_document(report) for report in reports]}
        click.echo(json.dumps(result, indent=2))
    return code


def _prove(config: Config, symbol: str, frame: Frame, enough: Callable[[], bool]) -> Report:
    from cointrader.signals.configured import configured_rule
    from cointrader.signals.leak_check import prove

    settings = config.for_symbol(symbol)
    return prove(
        configured_rule(settings),
        frame,
        periods=settings.periods,
        fresh=lambda: configured_rule(settings),
        enough=enough,
    )


def _frames(config: Config, folder: Path | None) -> Iterator[tuple[str, Frame]]:
    """What to ask about each symbol; of a made-up market one symbol for each rule will do."""
    if folder is not None:
        from cointrader.market.source import FolderSource

        source = FolderSource(folder, config.symbols, config.interval, config.correlation_symbols)
        for symbol in config.symbols:
            yield symbol, source.frame(symbol)
        return
    from cointrader.signals.leak_check import trial_frame

    asked = config.given("symbols")
    of_rule: dict[str, str] = {}
    for symbol in config.symbols:
        of_rule.setdefault(symbol if asked else config.for_symbol(symbol).signal, symbol)
    for symbol in of_rule.values():
        yield (
            symbol,
            trial_frame(
                symbol,
                interval=config.interval,
                correlation_symbols=tuple(config.correlation_symbols),
            ),
        )


def _at_most(limit_s: float) -> Callable[[], bool]:
    end_s = time.monotonic() + limit_s
    return lambda: time.monotonic() > end_s


def _exit_code(reports: list[Report]) -> int:
    if not all(report.is_clean for report in reports):
        return EXIT_REFUSED
    return 0 if all(report.signals for report in reports) else EXIT_NOT_ENOUGH_DATA


def _verdict(report: Report) -> str:
    if not report.is_clean:
        return "leak"
    return "clean" if report.signals else "too little data"


def _document(report: Report) -> dict[str, object]:
    return {"verdict": _verdict(report), **asdict(report)}


def _lines(report: Report, interval: str) -> Iterator[str]:
    from cointrader.market.quality import utc

    yield (
        f"{report.symbol}, rule {report.rule}, {interval}: {report.bars:,} bars, "
        f"{utc(report.first_ms)} to {utc(report.last_ms)}, {report.signals:,} signals"
    )
    tried = f"{report.moments:,} moments, {report.answers:,} answers"
    for finding in report.findings:
        yield f"  {finding}"
        yield f"    {_MEANING[finding.kind]}"
    if not report.is_clean:
        yield f"  refused after {tried}"
    elif report.signals:
        yield f"  clean: no future made a difference ({tried})"
    else:
        yield f"  too little data: the rule gave no signal, so there is nothing to prove ({tried})"
    for note in report.notes:
        yield f"  note: {note}"
