"""What `sweep` and `walkforward` have in common: their options, their candles, their progress."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cointrader.app.config import Config
from cointrader.cli.options import SettingsCommand
from cointrader.domain.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from cointrader.app.paper_market import PaperMarket
    from cointrader.app.search_space import Space
    from cointrader.app.sweep import Where

_Command = TypeVar("_Command", bound=Callable[..., Any])
_BY = ("t", "mean-r", "net", "profit-factor")


class SearchCommand(SettingsCommand):
    """A command in which `--set` takes many values of a setting, not one."""

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        axes = click.Option(
            ["--set", "axes"],
            multiple=True,
            metavar="NAME=V,V,...",
            help="Values of any setting to combine; repeatable. With --random also "
            "NAME=LOW..HIGH.  [default: the usual 324 of ATR_SL_MULT, ATR_TP_MULT, "
            "SIGNAL_THRESHOLD, ADX_THRESHOLD, VOL_MULTIPLIER]",
        )
        self.params = [axes, *(param for param in self.params if param.name != "assignments")]


def with_search(command: _Command) -> _Command:
    """Add the options of every search."""
    options = [
        click.option(
            "--data",
            type=click.Path(path_type=Path, file_okay=False, exists=True),
            help="Folder of candles, one sub-folder per symbol.  [default: a synthetic market]",
        ),
        click.option("--from", "from_", metavar="DATE", help="First bar to decide, UTC, included."),
        click.option("--to", metavar="DATE", help="End, UTC, excluded."),
        click.option("--seed", default=1, show_default=True, help="Of the synthetic market."),
        click.option(
            "--planted-edge",
            type=float,
            metavar="R",
            help="Make the synthetic market pay the rule this much a trade, in units of its risk.",
        ),
        click.option("--random", "draws", type=click.IntRange(min=1), metavar="N",
                     help="Draw N combinations instead of playing all."),
        click.option("--random-seed", default=1, show_default=True, help="Of that draw."),
        click.option("--by", type=click.Choice(_BY), default="t", show_default=True,
                     help="What is best: t is mean R over its standard error."),
        click.option("--jobs", type=click.IntRange(min=1), metavar="N",
                     help="Processes.  [default: as many as are worth it]"),
        click.option("--cluster", metavar="ADDRESS",
                     help="Play on the Dask cluster of this scheduler instead."),
        click.option("--store", type=click.Path(path_type=Path, dir_okay=False),
                     help="File of finished cells.  [default: in your cache folder]"),
        click.option("--no-store", is_flag=True, help="Keep no finished cell, and use none."),
        click.option("--ledger", type=click.Path(path_type=Path, dir_okay=False),
                     help="File in which trials are counted.  [default: in your state folder]"),
        click.option("--report", "report_path", type=click.Path(path_type=Path, dir_okay=False),
                     help="Write all of it to this HTML file, charts included."),
        click.option("--quiet", "-q", is_flag=True, help="Only the result: no progress."),
        click.option("--json", "as_json", is_flag=True, help="The result on stdout, for machines."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def chosen_market(
    config: Config,
    data: Path | None,
    range_ms: tuple[int | None, int | None],
    seed: int,
    planted_edge: float | None,
) -> tuple[Config, PaperMarket]:
    """Stored or made-up candles; and the configuration with the correlation symbols they have, and
    with the size at which a strategy's own trades are judged.
    """
    # Here and not above: what reads and plays candles takes a moment to import.
    from cointrader.signals import talib_alone  # noqa: F401 - before anything imports TA-Lib

    from cointrader.app import paper_market  # isort: skip
    from cointrader.app.search_space import with_own_size  # isort: skip

    config = with_own_size(config)
    if data is not None and planted_edge is not None:
        raise UsageError(
            "an edge is planted into the synthetic market only",
            where="--planted-edge and --data",
            todo="leave one of them out",
        )
    if data is None:
        market = paper_market.synthetic_market(config, seed, *range_ms, planted_edge)
    else:
        market = paper_market.folder_market(config, data, *range_ms)
    known, _ = paper_market.with_known_correlations(config, market.source)
    return known, market


def chosen_space(
    config: Config, axes: tuple[str, ...], draws: int | None, random_seed: int
) -> Space:
    """The cells that were asked for."""
    from cointrader.app.search_space import search_space

    return search_space(config, axes, draws=draws, seed=random_seed)


def chosen_place(
    jobs: int | None,
    cluster: str | None,
    store: Path | None,
    ledger: Path | None,
    *,
    no_store: bool,
) -> Where:
    """Where to play, and where to keep what was played."""
    from cointrader.app.sweep import Where

    if cluster is not None and jobs is not None:
        raise UsageError("--jobs and --cluster exclude each other", todo="give one")
    if store is not None and no_store:
        raise UsageError("--store and --no-store exclude each other", todo="give one")
    return Where(jobs, cluster, store, not no_store, ledger)


def refuse_model() -> None:
    """There is none yet."""
    raise ConfigError(
        "there is no entry filter to play with: none can be trained yet",
        where="--model",
        allowed="--no-model",
        todo="leave --model out: signals are played unfiltered",
    )


@contextmanager
def progress(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr with the time left; on a terminal only. Told how many more are done."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield lambda _done, _all: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def advance(done: int, of: int) -> None:
            bar.update(task, advance=done, total=of)

        yield advance


def say(text: str, *, quiet: bool) -> None:
    """A word to people, on stderr."""
    if not quiet:
        with suppress(OSError, ValueError):
            click.echo(text, err=True)


def shown(value: float, digits: int = 3, *, sign: bool = False) -> str:
    """A number for people; "-" for what cannot be told."""
    if math.isnan(value):
        return "-"
    return f"{value:+,.{digits}f}" if sign else f"{value:,.{digits}f}"


def share(value: float) -> str:
    """A share in percent."""
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"
