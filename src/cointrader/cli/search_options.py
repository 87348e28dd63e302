"""What `sweep` and `walkforward` have in common: their options, their candles, their progress."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from cointrader.app.config import Config
from cointrader.cli.options import SettingsCommand
from cointrader.cli.times import range_of
from cointrader.domain.errors import UsageError

if TYPE_CHECKING:
    from cointrader.app.paper.market import PaperMarket
    from cointrader.app.search.model_filter import ModelFilter
    from cointrader.app.search.space import Space
    from cointrader.app.search.sweep import Where

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


@dataclass(frozen=True, slots=True)
class Asked:
    """What every search is asked, as it was typed; names are those of the options."""

    axes: tuple[str, ...]
    data: Path | None
    from_: str | None
    to: str | None
    seed: int
    planted_edge: float | None
    draws: int | None
    random_seed: int
    by: str
    jobs: int | None
    cluster: str | None
    store: Path | None
    no_store: bool
    ledger: Path | None
    report_path: Path | None
    quiet: bool
    as_json: bool

    def require_sense(self) -> tuple[int | None, int | None]:
        """The range of time in epoch ms; `UsageError` for what can be seen to be wrong now."""
        range_ms = range_of(self.from_, self.to)
        if self.report_path is not None:
            from cointrader.app.report_file import require_report_writable

            require_report_writable(self.report_path)
        return range_ms


def with_search(command: _Command) -> _Command:
    """Add the options of every search, and call the command with ``asked=``."""

    def run(**values: Any) -> Any:
        told = {each.name: values.pop(each.name) for each in fields(Asked)}
        return command(asked=Asked(**told), **values)

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
    wrapped = update_wrapper(run, command)
    for option in reversed(options):
        wrapped = option(wrapped)
    return cast(_Command, wrapped)


def chosen_market(
    config: Config, asked: Asked, range_ms: tuple[int | None, int | None]
) -> tuple[Config, PaperMarket]:
    """Stored or made-up candles; and the configuration with the correlation symbols they have, and
    with the size at which a strategy's own trades are judged.
    """
    # Here and not above: what reads and plays candles takes a moment to import.
    from cointrader.signals import talib_alone  # noqa: F401 - before anything imports TA-Lib

    from cointrader.app.paper import market as paper_market  # isort: skip
    from cointrader.app.search.space import with_own_size  # isort: skip

    config = with_own_size(config)
    if asked.data is not None and asked.planted_edge is not None:
        raise UsageError(
            "an edge is planted into the synthetic market only",
            where="--planted-edge and --data",
            todo="leave one of them out",
        )
    if asked.data is None:
        market = paper_market.synthetic_market(config, asked.seed, *range_ms, asked.planted_edge)
    else:
        market = paper_market.folder_market(config, asked.data, *range_ms)
    known, _ = paper_market.with_known_correlations(config, market.source)
    return known, market


def chosen_space(config: Config, asked: Asked, models: ModelFilter | None = None) -> Space:
    """The cells that were asked for."""
    from cointrader.app.search.space import search_space

    return search_space(
        config, asked.axes, draws=asked.draws, seed=asked.random_seed, models=models
    )


def chosen_place(asked: Asked) -> Where:
    """Where to play, and where to keep what was played."""
    from cointrader.app.search.sweep import Where

    if asked.cluster is not None and asked.jobs is not None:
        raise UsageError("--jobs and --cluster exclude each other", todo="give one")
    if asked.store is not None and asked.no_store:
        raise UsageError("--store and --no-store exclude each other", todo="give one")
    return Where(asked.jobs, asked.cluster, asked.store, not asked.no_store, asked.ledger)


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
