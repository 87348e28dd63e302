"""`cointrader tune`: settings of a backend, chosen on training folds and told on others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from statistics import fmean, stdev
from typing import TYPE_CHECKING

import click

from cointrader.app.config import Config
from cointrader.cli.deploy import worst
from cointrader.cli.main import exit_code
from cointrader.cli.options import with_config
from cointrader.cli.search_options import progress, say, shown
from cointrader.cli.training_options import Training, TrainingCommand, with_output, with_training
from cointrader.domain.errors import CointraderError, ConfigError

if TYPE_CHECKING:
    from cointrader.cli.tune_work import Tuned
    from cointrader.training.dataset import Dataset


@click.command(cls=TrainingCommand, short_help="Choose the settings of a backend.")
@with_training(
    result="results are in <symbol>",
    folds="Outer folds: settings are told on them, and never chosen.",
    same="search",
)
@click.option(
    "--inner-folds",
    type=click.IntRange(2, 10),
    default=4,
    show_default=True,
    metavar="N",
    help="Folds in each training, on which settings are chosen.",
)
@click.option(
    "--trials",
    type=click.IntRange(1, 10_000),
    default=48,
    show_default=True,
    metavar="N",
    help="Of each search; there is one more search than folds.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="Seconds for a symbol; then no further trials are begun.",
)
@with_output("results")
@with_config
def tune(
    config: Config,
    training: Training,
    inner_folds: int,
    trials: int,
    timeout: float | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Choose settings on folds inside each training, and tell what they do on the tests after it.

    Nothing trains with them before `cointrader promote --params FILE` has taken them. Ctrl-C keeps
    finished trials; the same command goes on from there, and a larger --trials goes further.

    \b
      cointrader tune --symbol XRPUSDT
      cointrader tune --all --trials 100 --jobs 8
    """  # fmt: skip
    range_ms = training.require_sense()
    # Here and not above: what reads candles and fits models takes a moment to import.
    from cointrader.signals import talib_alone  # noqa: F401 - before anything imports TA-Lib

    from cointrader.cli.tune_work import Asked, tune_pool, tune_symbol  # isort: skip

    asked = Asked(
        training.data,
        training.models,
        range_ms,
        training.backend,
        training.folds,
        inner_folds,
        trials,
        timeout,
        training.seed,
        training.jobs,
        training.cluster,
        training.wider(config.symbols),
    )
    done: list[Tuned] = []
    failed: dict[str, CointraderError] = {}

    def reading(symbol: str) -> None:
        say(f"{symbol}: reading candles", quiet=quiet)

    pool: Dataset | None = None
    unread: dict[str, CointraderError] = {}
    if asked.wider.is_pooled:
        pool, unread = tune_pool(config, asked, reading)
    for symbol in config.symbols:
        if pool is None:
            reading(symbol)
        try:
            if symbol in unread:
                raise unread[symbol]
            with progress(f"{symbol} trials", quiet=quiet) as advance:
                one = tune_symbol(config, symbol, asked, advance, pool)
        except ConfigError:
            raise  # the same for every symbol
        except CointraderError as error:
            failed[symbol] = error
            say(f"{symbol}: {error}", quiet=False)
            continue
        done.append(one)
        if not as_json:
            click.echo("\n".join(_lines(one)))
    if as_json:
        told = {
            "results": [{"file": str(one.path), **one.told} for one in done],
            "failed": {symbol: str(error) for symbol, error in failed.items()},
        }
        click.echo(json.dumps(told, indent=2))
    return worst(map(exit_code, failed.values()))


def _lines(one: Tuned) -> Iterator[str]:
    """What people should know of a tuning."""
    result, gains = one.result, one.gains
    spread = stdev(gains) if len(gains) > 1 else float("nan")
    yield ""
    yield (
        f"{one.symbol}: {result.trials:,} trials, {result.given_up:,} given up early"
        + ("" if result.is_complete else "; time was up before all were made")
    )
    yield f"  AUC by fold, usual settings   {' '.join(shown(each) for each in result.baseline)}"
    yield f"  AUC by fold, tuned before it  {' '.join(shown(each) for each in result.tuned)}"
    yield (
        f"  difference                    {shown(fmean(gains), sign=True)} on the mean, "
        f"spread {shown(spread)}"
    )
    if any(own is None for own in result.params_of_folds):
        yield "  ! too few rows before some folds to choose on: the usual settings counted there"
    yield f"  chosen on all rows            {one.path}"
    if "learned_from" in one.told:
        yield f"  learned from                  {one.told['learned_from']}"
        yield f"  to train with them            cointrader train --params {one.path}"
        yield "                                and the same options of what is learned from"
    else:
        yield f"  to train with them            cointrader promote --params {one.path}"
