"""`cointrader sweep`: many settings over the same candles, and what the best of them is worth."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from cointrader.app.config import Config
from cointrader.cli.main import EXIT_NOT_ENOUGH_DATA
from cointrader.cli.numbers import positive
from cointrader.cli.options import with_config, with_models
from cointrader.cli.search_options import (
    Asked,
    SearchCommand,
    chosen_market,
    chosen_place,
    chosen_space,
    progress,
    say,
    with_search,
)


@click.command(cls=SearchCommand, short_help="Try many settings, and count the tries.")
@with_search
@click.option(
    "--balance",
    default="1000",
    metavar="X",
    show_default=True,
    help="First wallet, with --sizing account or risk.",
)
@click.option(
    "--least-trades",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Cells with fewer are not compared.",
)
@click.option(
    "--past",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.7,
    show_default=True,
    help="Share of the time in which the slump's cell is chosen.",
)
@click.option(
    "--top",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    metavar="N",
    help="Best cells to show.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write all cells to this CSV file.",
)
@with_models(by_default=False)
@with_config
def sweep(
    config: Config,
    asked: Asked,
    balance: str,
    least_trades: int,
    past: float,
    top: int,
    out: Path | None,
    with_model: bool,
    models: Path,
) -> int:
    """Play many settings over the same candles; say what the best of so many is worth.

    Judged are a strategy's own trades: a fixed size, no halts. Every configuration is counted in
    the ledger of trials, whatever comes of it. Ctrl-C keeps what is finished; the same command
    goes on from there. With --model the entry filter that is there judges the signals of every
    cell; on candles that it has learned from the result is shown and not judged.

    \b
      cointrader sweep --data data --symbol XRPUSDT
      cointrader sweep --data data --all --set atr_sl_mult=1,1.5,2 --set signal_threshold=3,4
      cointrader sweep --data data --random 500 --set atr_sl_mult=0.5..4 --set rsi_period=7..28
      cointrader sweep --data data --model --from 2026-01-01 --set ml_threshold=0.5,0.55,0.6
    """  # fmt: skip
    wallet = float(positive(balance, "--balance", most=1e12))
    range_ms = asked.require_sense()
    if out is not None:
        from cointrader.cli.search_output import require_room

        require_room(out)
    own_size, market = chosen_market(config, asked, range_ms)
    judging = None
    if with_model:
        from cointrader.app.model_state import state_lines
        from cointrader.app.search.model_filter import ModelFilter

        judging = ModelFilter(own_size, models)
        for line in state_lines(judging.states()):
            say(line, quiet=asked.quiet)
    space = chosen_space(own_size, asked, judging)
    where = chosen_place(asked)
    from cointrader.app.search.sweep import sweep as play
    from cointrader.cli import sweep_output
    from cointrader.cli.search_output import choice

    with progress("cells", quiet=asked.quiet) as advance:
        result = play(
            space,
            market,
            balance=wallet,
            least_trades=least_trades,
            by=choice(asked.by),
            past=past,
            models=judging,
            where=where,
            on_progress=advance,
        )
    if out is not None:
        sweep_output.write_cells(result, out)
    if asked.report_path is not None:
        from cointrader.app.search.report import write_sweep_report

        traded = config.replace(correlation_symbols=own_size.correlation_symbols)
        write_sweep_report(
            asked.report_path,
            result,
            traded,
            market,
            balance=wallet,
            models=models if with_model else None,
            made_ms=time.time_ns() // 1_000_000,
        )
    if asked.as_json:
        click.echo(json.dumps(sweep_output.sweep_as_plain(result, market, asked.by, top), indent=2))
    else:
        for line in sweep_output.sweep_lines(result, market, asked.by, top):
            click.echo(line)
    if result.header.best is None:
        say(
            f"no cell has {least_trades} trades: nothing can be compared. To do: more candles, "
            "or a lower --least-trades",
            quiet=asked.quiet,
        )
        return EXIT_NOT_ENOUGH_DATA
    return 0
