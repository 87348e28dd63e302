"""`cointrader walkforward`: settings chosen on the past and judged on what came after."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from cointrader.app.config import Config
from cointrader.cli.options import with_config
from cointrader.cli.search_options import (
    SearchCommand,
    chosen_market,
    chosen_place,
    chosen_space,
    progress,
    refuse_model,
    with_search,
)
from cointrader.cli.times import range_of

_DAYS = click.FloatRange(min=0.0, min_open=True, max=36_500)


@click.command(cls=SearchCommand, short_help="Choose settings on the past, judge them after it.")
@with_search
@click.option(
    "--train",
    type=_DAYS,
    default=180.0,
    show_default=True,
    metavar="DAYS",
    help="Length of a training.",
)
@click.option(
    "--test", type=_DAYS, default=30.0, show_default=True, metavar="DAYS", help="Length of a test."
)
@click.option(
    "--embargo",
    type=click.FloatRange(0.0, 3_650),
    default=1.0,
    show_default=True,
    metavar="DAYS",
    help="Between training and test.",
)
@click.option(
    "--anchored", is_flag=True, help="Training begins with the candles and grows; else it rolls on."
)
@click.option(
    "--least-trades",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="A cell with fewer in a training is not chosen.",
)
@click.option(
    "--model/--no-model",
    "with_model",
    default=False,
    help="Train an entry filter anew for each fold.  [default: no-model]",
)
@with_config
def walkforward(
    config: Config,
    axes: tuple[str, ...],
    data: Path | None,
    from_: str | None,
    to: str | None,
    seed: int,
    planted_edge: float | None,
    draws: int | None,
    random_seed: int,
    by: str,
    jobs: int | None,
    cluster: str | None,
    store: Path | None,
    no_store: bool,
    ledger: Path | None,
    report_path: Path | None,
    quiet: bool,
    as_json: bool,
    train: float,
    test: float,
    embargo: float,
    anchored: bool,
    least_trades: int,
    with_model: bool,
) -> int:
    """Choose settings on the past, judge them on the time after it, and go on to the end.

    Trades that a training could not have known the end of are purged, an embargo lies before
    every test, and no bar is tested twice. Judged are a strategy's own trades: a fixed size, no
    halts. Every configuration is counted in the ledger of trials.

    \b
      cointrader walkforward --data data --symbol XRPUSDT --train 120 --test 20
      cointrader walkforward --data data --all --anchored --set atr_sl_mult=1,1.5,2 --json
    """  # fmt: skip
    if with_model:
        refuse_model()
    range_ms = range_of(from_, to)
    if report_path is not None:
        from cointrader.app.report_file import require_report_writable

        require_report_writable(report_path)
    own_size, market = chosen_market(config, data, range_ms, seed, planted_edge)
    space = chosen_space(own_size, axes, draws, random_seed)
    where = chosen_place(jobs, cluster, store, ledger, no_store=no_store)
    from cointrader.app.walkforward import Plan, walk_forward
    from cointrader.cli import search_output

    with progress("cells", quiet=quiet) as advance:
        result = walk_forward(
            space,
            market,
            Plan(train, test, embargo, anchored),
            least_trades=least_trades,
            by=search_output.choice(by),
            where=where,
            on_progress=advance,
        )
    if report_path is not None:
        from cointrader.app.search_report import write_walk_report

        traded = config.replace(correlation_symbols=own_size.correlation_symbols)
        made_ms = time.time_ns() // 1_000_000
        write_walk_report(report_path, result, traded, market, made_ms=made_ms)
    if as_json:
        click.echo(json.dumps(search_output.walk_as_plain(result, market), indent=2))
    else:
        for line in search_output.walk_lines(result, market):
            click.echo(line)
    return 0
