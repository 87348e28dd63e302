"""`cointrader walkforward`: settings chosen on the past and judged on what came after."""

from __future__ import annotations

import json
import time

import click

from cointrader.app.config import Config
from cointrader.cli.options import with_config
from cointrader.cli.search_options import (
    Asked,
    SearchCommand,
    chosen_market,
    chosen_place,
    chosen_space,
    progress,
    with_search,
)
from cointrader.domain.errors import UsageError

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
    "--model",
    type=click.Choice(["lgbm", "mlx"]),
    help="Let an entry filter judge the tests, trained anew for each fold on its training alone.",
)
@click.option("--no-model", is_flag=True, help="Unfiltered, which is what happens anyway.")
@with_config
def walkforward(
    config: Config,
    asked: Asked,
    train: float,
    test: float,
    embargo: float,
    anchored: bool,
    least_trades: int,
    model: str | None,
    no_model: bool,
) -> int:
    """Choose settings on the past, judge them on the time after it, and go on to the end.

    Trades that a training could not have known the end of are purged, an embargo lies before
    every test, and no bar is tested twice. Judged are a strategy's own trades: a fixed size, no
    halts. Every configuration is counted in the ledger of trials.

    \b
      cointrader walkforward --data data --symbol XRPUSDT --train 120 --test 20
      cointrader walkforward --data data --all --anchored --set atr_sl_mult=1,1.5,2 --json
      cointrader walkforward --data data --symbol XRPUSDT --set atr_sl_mult=1.5 --model lgbm
    """  # fmt: skip
    if model is not None and no_model:
        raise UsageError("--model and --no-model exclude each other", todo="give one")
    range_ms = asked.require_sense()
    own_size, market = chosen_market(config, asked, range_ms)
    space = chosen_space(own_size, asked)
    where = chosen_place(asked)
    from cointrader.app.search.walkforward import Plan, walk_forward
    from cointrader.cli import walkforward_output
    from cointrader.cli.search_output import choice

    retrain = None
    if model is not None:
        from cointrader.cli.walkforward_work import Retrained, require_correlated

        require_correlated(
            config.correlation_symbols, own_size.correlation_symbols, market.source.label
        )
        retrain = Retrained.by(model)
    with progress("cells" if model is None else "cells and filters", quiet=asked.quiet) as advance:
        result = walk_forward(
            space,
            market,
            Plan(train, test, embargo, anchored),
            least_trades=least_trades,
            by=choice(asked.by),
            where=where,
            retrain=retrain,
            on_progress=advance,
        )
    if asked.report_path is not None:
        from cointrader.app.search.report import write_walk_report

        traded = config.replace(correlation_symbols=own_size.correlation_symbols)
        made_ms = time.time_ns() // 1_000_000
        write_walk_report(asked.report_path, result, traded, market, made_ms=made_ms)
    if asked.as_json:
        click.echo(json.dumps(walkforward_output.walk_as_plain(result, market), indent=2))
    else:
        for line in walkforward_output.walk_lines(result, market):
            click.echo(line)
    return 0
