"""`cointrader sweep`: many settings over the same candles, and what the best of them is worth."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from cointrader.app.config import Config
from cointrader.cli.main import EXIT_NOT_ENOUGH_DATA
from cointrader.cli.numbers import positive
from cointrader.cli.options import with_config
from cointrader.cli.search_options import (
    SearchCommand,
    chosen_market,
    chosen_place,
    chosen_space,
    progress,
    refuse_model,
    say,
    with_search,
)
from cointrader.cli.times import range_of


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
@click.option(
    "--model/--no-model",
    "with_model",
    default=False,
    help="Let the trained entry filter judge signals.  [default: no-model]",
)
@with_config
def sweep(
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
    balance: str,
    least_trades: int,
    past: float,
    top: int,
    out: Path | None,
    with_model: bool,
) -> int:
    """Play many settings over the same candles; say what the best of so many is worth.

    Judged are a strategy's own trades: a fixed size, no halts. Every configuration is counted in
    the ledger of trials, whatever comes of it. Ctrl-C keeps what is finished; the same command
    goes on from there.

    \b
      cointrader sweep --data data --symbol XRPUSDT
      cointrader sweep --data data --all --set atr_sl_mult=1,1.5,2 --set signal_threshold=3,4
      cointrader sweep --data data --random 500 --set atr_sl_mult=0.5..4 --set rsi_period=7..28
    """  # fmt: skip
    if with_model:
        refuse_model()
    wallet = float(positive(balance, "--balance", most=1e12))
    range_ms = range_of(from_, to)
    if out is not None:
        from cointrader.cli.search_output import require_room

        require_room(out)
    if report_path is not None:
        from cointrader.app.report_file import require_report_writable

        require_report_writable(report_path)
    own_size, market = chosen_market(config, data, range_ms, seed, planted_edge)
    space = chosen_space(own_size, axes, draws, random_seed)
    where = chosen_place(jobs, cluster, store, ledger, no_store=no_store)
    from cointrader.app.sweep import sweep as play
    from cointrader.cli import search_output

    with progress("cells", quiet=quiet) as advance:
        result = play(
            space,
            market,
            balance=wallet,
            least_trades=least_trades,
            by=search_output.choice(by),
            past=past,
            where=where,
            on_progress=advance,
        )
    if out is not None:
        search_output.write_cells(result, out)
    if report_path is not None:
        from cointrader.app.search_report import write_sweep_report

        traded = config.replace(correlation_symbols=own_size.correlation_symbols)
        write_sweep_report(
            report_path, result, traded, market, balance=wallet, made_ms=time.time_ns() // 1_000_000
        )
    if as_json:
        click.echo(json.dumps(search_output.sweep_as_plain(result, market, by, top), indent=2))
    else:
        for line in search_output.sweep_lines(result, market, by, top):
            click.echo(line)
    if result.header.best is None:
        say(
            f"no cell has {least_trades} trades: nothing can be compared. To do: more candles, "
            "or a lower --least-trades",
            quiet=quiet,
        )
        return EXIT_NOT_ENOUGH_DATA
    return 0
