"""What the commands that make, tune and judge entry filters have in common: their options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import update_wrapper
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from cointrader.cli.options import SettingOption, SettingsCommand
from cointrader.cli.times import range_of
from cointrader.domain.errors import ConfigError, UsageError
from cointrader.model.folder import MODELS
from cointrader.training.wider import Wider

_Command = TypeVar("_Command", bound=Callable[..., Any])
_BACKENDS = click.Choice(["lgbm", "mlx"])
_FOLDER = click.Path(path_type=Path, file_okay=False)


class TrainingCommand(SettingsCommand):
    """A command whose help shows the settings of training too."""

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        for param in self.params:
            if isinstance(param, SettingOption) and param.setting.group == "training":
                param.hidden = False


@dataclass(frozen=True, slots=True)
class Training:
    """What every training is asked, as it was typed; names are those of the options."""

    data: Path
    models: Path
    from_: str | None
    to: str | None
    backend: str
    folds: int
    seed: int
    jobs: int
    cluster: str | None
    population_threshold: int | None
    hold_negatives: float
    pooled: bool

    def require_sense(self) -> tuple[int | None, int | None]:
        """The range of time in epoch ms; `UsageError` and `ConfigError` for what is wrong."""
        range_ms = range_of(self.from_, self.to)
        if self.cluster is not None and self.jobs != 1:
            raise UsageError("--jobs and --cluster exclude each other", todo="give one")
        require_candles(self.data)
        return range_ms

    def wider(self, symbols: Sequence[str]) -> Wider:
        """What is learned from beside a symbol's own signals. `UsageError`."""
        return wider_of(symbols, self.population_threshold, self.hold_negatives, pooled=self.pooled)


def with_training(*, result: str, folds: str, same: str) -> Callable[[_Command], _Command]:
    """Add the options of every training, and call the command with ``training=``.

    Parameters
    ----------
    result : where in the folder of models the result is
    folds : what the folds of `--folds` are
    same : what the same seed gives
    """

    def added(command: _Command) -> _Command:
        def run(**values: Any) -> Any:
            told = {each.name: values.pop(each.name) for each in fields(Training)}
            return command(training=Training(**told), **values)

        made = _with(with_wider(update_wrapper(run, command)), [
            data_option("Folder of candles, one sub-folder per symbol."),
            models_option(f"Folder of models; {result}."),
            click.option("--from", "from_", metavar="DATE", help="First signal, UTC, included."),
            click.option("--to", metavar="DATE", help="End, UTC, excluded."),
            click.option("--backend", type=_BACKENDS, default="lgbm", show_default=True,
                         help="Gradient-boosted trees, or a small network."),
            click.option("--folds", type=click.IntRange(2, 50), default=5, show_default=True,
                         metavar="N", help=folds),
            click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True,
                         metavar="N", help=f"The same seed gives the same {same}."),
            click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True,
                         metavar="N", help="Processes."),
            click.option("--cluster", metavar="ADDRESS",
                         help="Fit on the Dask cluster of this scheduler."),
        ])  # fmt: skip
        return cast(_Command, made)

    return added


def with_wider(command: _Command) -> _Command:
    """Add what may be learned from beside the strategy's own signals: ``population_threshold=``,
    ``hold_negatives=`` and ``pooled=``."""
    made = _with(command, [
        click.option("--population-threshold", type=click.IntRange(1, 6), metavar="X",
                     help="Learn from signals at this score too, looser than SIGNAL_THRESHOLD; "
                     "told and judged are the latter alone."),
        click.option("--hold-negatives", type=click.FloatRange(0, 100), default=0.0,
                     metavar="N", help="Learn from N bars without a signal for each signal too, "
                     "as losses; they say little of signals.  [default: none]"),
        click.option("--pooled", is_flag=True, help="Learn from all these symbols' rows together; "
                     "each is tested, and gets its threshold, on its own."),
    ])  # fmt: skip
    return cast(_Command, made)


def wider_of(
    symbols: Sequence[str], population_threshold: int | None, hold_negatives: float, *, pooled: bool
) -> Wider:
    """What `with_wider` was told. `UsageError` where one symbol should be pooled."""
    if pooled and len(symbols) < 2:
        raise UsageError(
            "there is nothing to pool",
            where="--pooled",
            found=", ".join(symbols),
            allowed="two symbols or more",
            todo="name them with --symbols, or leave --pooled out",
        )
    return Wider(hold_negatives, population_threshold, pooled)


def with_output(machines: str) -> Callable[[_Command], _Command]:
    """Add `--quiet` and `--json`: the command has ``quiet=`` and ``as_json=``."""

    def added(command: _Command) -> _Command:
        made = _with(command, [
            click.option("--quiet", "-q", is_flag=True, help="Only the result: no progress."),
            click.option("--json", "as_json", is_flag=True,
                         help=f"The {machines} on stdout, for machines."),
        ])  # fmt: skip
        return cast(_Command, made)

    return added


def data_option(text: str) -> Callable[[_Command], _Command]:
    """`--data`: the command has ``data=``, which need not be there; see `require_candles`."""
    return click.option(
        "--data", type=_FOLDER, default=Path("data"), show_default=True, metavar="DIR", help=text
    )


def models_option(text: str) -> Callable[[_Command], _Command]:
    """`--models`: the command has ``models=``."""
    return click.option(
        "--models", type=_FOLDER, default=MODELS, show_default=True, metavar="DIR", help=text
    )


def backend_option(text: str) -> Callable[[_Command], _Command]:
    """`--backend` of a command that can find it out by itself: ``backend=``, or None."""
    return click.option("--backend", type=_BACKENDS, help=text)


def ledger_option(text: str) -> Callable[[_Command], _Command]:
    """`--ledger`: the command has ``ledger=``, None for the usual place."""
    return click.option(
        "--ledger",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help=f"{text}  [default: cointrader/trials.db in $XDG_STATE_HOME or ~/.local/state]",
    )


def require_candles(data: Path, todo: str = "cointrader fetch --all stores candles there") -> None:
    """`ConfigError` where there is no such folder."""
    if not data.is_dir():
        raise ConfigError(
            "there is no such folder of candles", where="--data", found=data, todo=todo
        )


def _with(command: Callable[..., Any], options: Sequence[Callable[..., Any]]) -> Any:
    """The command with these options, in their order."""
    for option in reversed(options):
        command = option(command)
    return command
