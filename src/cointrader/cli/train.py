"""`cointrader train`: entry filters from stored candles; candidates, which no bot trades by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cointrader.app.config import Config
from cointrader.cli.main import exit_code
from cointrader.cli.options import with_config
from cointrader.cli.search_options import progress, say
from cointrader.cli.training_options import (
    Training,
    TrainingCommand,
    ledger_option,
    with_output,
    with_training,
)
from cointrader.domain.errors import CointraderError, ConfigError

if TYPE_CHECKING:
    from cointrader.cli.train_work import Asked
    from cointrader.training.dataset import Dataset
    from cointrader.training.train import Outcome


@click.command(cls=TrainingCommand, short_help="Make an entry filter from stored candles.")
@with_training(
    result="the result is in <symbol>/candidate",
    folds="Tests, each with a model of what was known before it.",
    same="model",
)
@click.option(
    "--params",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Settings of the backend, JSON.  [default for lgbm: active_lgbm_params.json in the "
    "symbol's folder of models, if there is one]",
)
@ledger_option("Where every attempt is counted, as `promote` does.")
@click.option("--again", is_flag=True, help="Train anew what is there already.")
@with_output("model cards")
@with_config
def train(
    config: Config,
    training: Training,
    params: Path | None,
    ledger: Path | None,
    again: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Make an entry filter for each symbol, and tell what it is worth on time it has not seen.

    The result is a candidate: no bot trades by it before the gate has let it pass. Ctrl-C keeps
    what is finished; the same command goes on from there.

    \b
      cointrader train --symbol XRPUSDT
      cointrader train --all --backend mlx --folds 6 --seed 7
      cointrader train --data data --symbols XRPUSDT,DOGEUSDT --label barrier --again
      cointrader train --all --pooled --population-threshold 2
    """  # fmt: skip
    range_ms = training.require_sense()
    # Here and not above: what reads candles and fits models takes a moment to import.
    from cointrader.signals import talib_alone  # noqa: F401 - before anything imports TA-Lib

    from cointrader.cli.train_work import Asked  # isort: skip

    asked = Asked(
        training.data,
        training.models,
        range_ms,
        training.backend,
        training.folds,
        params,
        training.seed,
        again=again,
        jobs=training.jobs,
        cluster=training.cluster,
        ledger=ledger,
        wider=training.wider(config.symbols),
    )
    return _train_all(config, asked, quiet=quiet, as_json=as_json)


def _train_all(config: Config, asked: Asked, *, quiet: bool, as_json: bool) -> int:
    """One symbol after the other; what is wrong with one does not keep the others from it."""
    from cointrader.cli.train_output import outcome_as_plain, outcome_lines
    from cointrader.cli.train_work import pool_of, train_symbol

    outcomes: list[Outcome] = []
    failures: list[tuple[str, CointraderError]] = []

    def reading(symbol: str) -> None:
        say(f"{symbol}: reading candles", quiet=quiet)

    pool: Dataset | None = None
    unread: dict[str, CointraderError] = {}
    if asked.wider.is_pooled:
        pool, unread = pool_of(config, asked, reading)
    for symbol in config.symbols:
        if pool is None:
            reading(symbol)
        try:
            if symbol in unread:
                raise unread[symbol]
            with progress(f"{symbol} fits", quiet=quiet) as advance:
                outcome = train_symbol(config, symbol, asked, advance, pool)
        except ConfigError:
            raise  # the same for every symbol
        except CointraderError as error:
            failures.append((symbol, error))
            say(f"{symbol}: {error}", quiet=False)
            continue
        outcomes.append(outcome)
        if not as_json:
            for line in outcome_lines(outcome):
                click.echo(line)
    if as_json:
        told = {
            "models": [outcome_as_plain(each) for each in outcomes],
            "failed": {symbol: str(error) for symbol, error in failures},
        }
        click.echo(json.dumps(told, indent=2))
    return exit_code(failures[0][1]) if failures else 0
