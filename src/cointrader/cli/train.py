"""`cointrader train`: entry filters from stored candles; candidates, which no bot trades by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cointrader.app.config import Config
from cointrader.cli.main import exit_code
from cointrader.cli.options import SettingOption, SettingsCommand, with_config
from cointrader.cli.search_options import progress, say
from cointrader.cli.times import range_of
from cointrader.domain.errors import CointraderError, ConfigError, UsageError

if TYPE_CHECKING:
    from cointrader.cli.train_work import Asked
    from cointrader.training.train import Outcome


class TrainCommand(SettingsCommand):
    """A command whose help shows the settings of training too."""

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        for param in self.params:
            if isinstance(param, SettingOption) and param.setting.group == "training":
                param.hidden = False


@click.command(cls=TrainCommand, short_help="Make an entry filter from stored candles.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data"),
    show_default=True,
    metavar="DIR",
    help="Folder of candles, one sub-folder per symbol.",
)
@click.option(
    "--models",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("models"),
    show_default=True,
    metavar="DIR",
    help="Folder of models; the result is in <symbol>/candidate.",
)
@click.option("--from", "from_", metavar="DATE", help="First signal, UTC, included.")
@click.option("--to", metavar="DATE", help="End, UTC, excluded.")
@click.option(
    "--backend",
    type=click.Choice(["lgbm", "mlx"]),
    default="lgbm",
    show_default=True,
    help="Gradient-boosted trees, or a small network.",
)
@click.option(
    "--folds", type=click.IntRange(2, 50), default=5, show_default=True, metavar="N",
    help="Tests, each with a model of what was known before it.",
)  # fmt: skip
@click.option(
    "--params",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Settings of the backend, JSON.  [default for lgbm: active_lgbm_params.json in the "
    "symbol's folder of models, if there is one]",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, metavar="N",
    help="The same seed gives the same model.",
)  # fmt: skip
@click.option(
    "--ledger",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where every attempt is counted, as `promote` does.  "
    "[default: cointrader/trials.db in $XDG_STATE_HOME or ~/.local/state]",
)
@click.option("--again", is_flag=True, help="Train anew what is there already.")
@click.option(
    "--jobs", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
    help="Processes.",
)  # fmt: skip
@click.option("--cluster", metavar="ADDRESS", help="Fit on the Dask cluster of this scheduler.")
@click.option("--quiet", "-q", is_flag=True, help="Only the result: no progress.")
@click.option("--json", "as_json", is_flag=True, help="The model cards on stdout, for machines.")
@with_config
def train(
    config: Config,
    data: Path,
    models: Path,
    from_: str | None,
    to: str | None,
    backend: str,
    folds: int,
    params: Path | None,
    seed: int,
    ledger: Path | None,
    again: bool,
    jobs: int,
    cluster: str | None,
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
    """  # fmt: skip
    range_ms = range_of(from_, to)
    if cluster is not None and jobs != 1:
        raise UsageError("--jobs and --cluster exclude each other", todo="give one")
    if not data.is_dir():
        raise ConfigError(
            "there is no such folder of candles",
            where="--data",
            found=data,
            todo="cointrader fetch --all stores candles there",
        )
    # Here and not above: what reads candles and fits models takes a moment to import.
    from cointrader.signals import talib_alone  # noqa: F401 - before anything imports TA-Lib

    from cointrader.cli.train_work import Asked  # isort: skip

    asked = Asked(
        data,
        models,
        range_ms,
        backend,
        folds,
        params,
        seed,
        again=again,
        jobs=jobs,
        cluster=cluster,
        ledger=ledger,
    )
    return _train_all(config, asked, quiet=quiet, as_json=as_json)


def _train_all(config: Config, asked: Asked, *, quiet: bool, as_json: bool) -> int:
    """One symbol after the other; what is wrong with one does not keep the others from it."""
    from cointrader.cli.train_output import outcome_as_plain, outcome_lines
    from cointrader.cli.train_work import train_symbol

    outcomes: list[Outcome] = []
    failures: list[tuple[str, CointraderError]] = []
    for symbol in config.symbols:
        say(f"{symbol}: reading candles", quiet=quiet)
        try:
            with progress(f"{symbol} fits", quiet=quiet) as advance:
                outcome = train_symbol(config, symbol, asked, advance)
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
