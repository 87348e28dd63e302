"""`cointrader train-and-deploy`: fetch, train, promote, deploy; each symbol for itself.

Every step is a command of its own in a process of its own: what ends one symbol, be it memory that
ran out, leaves the others alone. Options for single steps: `FETCH_ARGS`, `TRAIN_ARGS`,
`PROMOTE_ARGS`, `DEPLOY_ARGS` in the environment.
"""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from cointrader.app.config import Config
from cointrader.cli.deploy import target_of, worst
from cointrader.cli.main import EXIT_CODES, EXIT_REFUSED
from cointrader.cli.search_options import say
from cointrader.cli.steps import Step, reason, run_step
from cointrader.domain.errors import UsageError

FIRST_DAYS, LATER_DAYS = 365, 35
_DAY_S = 86_400
_BACKENDS = ("lgbm", "mlx")
_MOST_FOLDS = 50


@dataclass(frozen=True, slots=True)
class Round:
    """What is done with every symbol. `target` is for people; None: models stay where they are."""

    backend: str
    folds: int | None
    data: Path
    models: Path
    interval: str
    base_url: str | None
    to: str | None
    target: str | None
    quiet: bool


@dataclass(slots=True)
class Row:
    """How a symbol fared; "-" where a step was not reached."""

    symbol: str
    fetched: str = "-"
    trained: str = "-"
    gate: str = "-"
    deployed: str = "-"
    why: str = ""
    exit_code: int = 0


@click.command(epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("words", nargs=-1, metavar="[mlx|lgbm] [FOLDS]")
@click.option("--symbol", "single", multiple=True, metavar="S", help="Symbol; repeatable.")
@click.option("--all", "everything", is_flag=True, help="All configured; the same as naming none.")
@click.option("--data", type=click.Path(path_type=Path), default=Path("data"), show_default=True,
              metavar="DIR", help="Folder of candles.")  # fmt: skip
@click.option("--models", type=click.Path(path_type=Path), default=Path("models"), metavar="DIR",
              show_default=True, help="Folder of models.")  # fmt: skip
@click.option("--base-url", metavar="URL", help="Another server for candles.  [default: Binance]")
@click.option("--to", metavar="PATH", help="Deploy to this folder instead of DEPLOY_HOST.")
@click.option("--quiet", "-q", is_flag=True, help="Only the result.")
@click.option("--json", "as_json", is_flag=True, help="The result on stdout, for machines.")
def train_and_deploy(
    words: tuple[str, ...],
    single: tuple[str, ...],
    everything: bool,
    data: Path,
    models: Path,
    base_url: str | None,
    to: str | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Fetch, train, promote and deploy, one symbol after the other. Nothing that the gate refuses
    is deployed. Without DEPLOY_HOST and DEPLOY_PATH, models are published in the folder of models.

    \b
      bash scripts/train_and_deploy.sh
      bash scripts/train_and_deploy.sh mlx --symbol XRPUSDT 6
    """  # fmt: skip
    if single and everything:
        raise UsageError("--symbol and --all exclude each other", todo="give one")
    backend, folds = _understood(words)
    config = Config(flags={"symbols": ",".join(single)} if single else {})
    is_here = to is None and not config.deploy_host and not config.deploy_path
    target = None if is_here else target_of(config, to, None, None).words
    plan = Round(backend, folds, data, models, config.interval, base_url, to, target, quiet)
    where = f"deployed to {target}" if target else f"published here, in {models}: no DEPLOY_HOST"
    say(f"{len(config.symbols)} symbols, {backend}; what passes is {where}", quiet=quiet)
    rows = list(_all(config.symbols, plan))
    if as_json:
        click.echo(
            json.dumps({"target": target, "symbols": [asdict(row) for row in rows]}, indent=2)
        )
    else:
        click.echo("\n".join(table(rows)))
    return worst(row.exit_code for row in rows)


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Rows for a plain terminal; the reason comes last, as it may be long."""
    names = ("symbol", "fetched", "trained", "gate", "deployed")
    cells = [[str(getattr(row, name)) for name in names] for row in rows]
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    for line, why in zip([list(names), *cells], ["why", *(row.why for row in rows)], strict=True):
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join([*padded, why]).rstrip()


def _understood(words: Sequence[str]) -> tuple[str, int | None]:
    """Backend and folds, in either order."""
    backends = [word for word in words if word in _BACKENDS]
    numbers = [word for word in words if word.isascii() and word.isdigit()]
    strange = [word for word in words if word not in (*backends, *numbers)]
    folds = int(numbers[0]) if numbers else None
    if strange or len(backends) > 1 or len(numbers) > 1 or (folds and folds > _MOST_FOLDS):
        found = " ".join(strange) or " ".join(words)
        raise UsageError(
            "this is not understood",
            found=found,
            allowed=f"[mlx|lgbm] [--symbol S | --all] [2 to {_MOST_FOLDS} folds]",
        )
    if folds is not None and folds < 2:
        raise UsageError("too few folds", found=folds, allowed=f"2 to {_MOST_FOLDS}")
    return (backends[0] if backends else "lgbm"), folds


def _all(symbols: Sequence[str], plan: Round) -> Iterator[Row]:
    begun_s = time.monotonic()
    for number, symbol in enumerate(symbols):
        left = ""
        if number:
            left_s = (time.monotonic() - begun_s) / number * (len(symbols) - number)
            left = (
                f", about {left_s / 60:.0f} min left" if left_s > 90 else f", {left_s:.0f} s left"
            )
        say(f"[{number + 1}/{len(symbols)}] {symbol}{left}", quiet=plan.quiet)
        yield _one(symbol, plan)


def _one(symbol: str, plan: Round) -> Row:
    """Step by step, until one says no."""
    row = Row(symbol)
    own = ["--symbol", symbol]
    where = ["--data", str(plan.data), "--models", str(plan.models)]
    backend = ["--backend", plan.backend]

    days = days_to_fetch(plan.data / symbol.lower() / f"combined_{plan.interval}.parquet")
    url = ["--base-url", plan.base_url] if plan.base_url else []
    step = _step("fetch", [*own, "--data", str(plan.data), "--days", str(days), *url], plan)
    if not _went_well(step, row, "fetched", f"{days} days"):
        return row
    folds = [] if plan.folds is None else ["--folds", str(plan.folds)]
    step = _step("train", [*own, *where, *backend, *folds], plan)
    if not _went_well(step, row, "trained", _auc_of(step)):
        return row
    step = _step("promote", [*own, *where, *backend], plan)
    row.deployed = "no"
    if not _went_well(step, row, "gate", _verdict_of(step)):
        return row
    if plan.target is None:
        row.deployed = "here"
        return row
    there = ["--to", plan.to] if plan.to else []
    step = _step("deploy", [*own, "--models", str(plan.models), *backend, *there], plan)
    _went_well(step, row, "deployed", "yes")
    return row


def days_to_fetch(file: Path) -> int:
    """So much that no hole is left: a year at first, then 35 days, or what was missed if more."""
    try:
        age_s = time.time() - file.stat().st_mtime
    except OSError:
        return FIRST_DAYS
    return max(LATER_DAYS, int(age_s // _DAY_S) + 2)


def _step(name: str, options: Sequence[str], plan: Round) -> Step:
    more = shlex.split(os.environ.get(f"{name.upper()}_ARGS", ""))
    say(f"  {name} ...", quiet=plan.quiet)
    return run_step(name, [*options, "--json", *more], quiet=plan.quiet)


def _went_well(step: Step, row: Row, column: str, text: str) -> bool:
    """Write down how a step ended, and why, if not well."""
    row.exit_code = step.exit_code
    if step.exit_code == 0:
        setattr(row, column, text)
        return True
    setattr(row, column, "no" if step.exit_code == EXIT_REFUSED else "failed")
    row.why = reason(step, row.symbol)
    return False


def _auc_of(step: Step) -> str:
    told = _told(step.told, "models", "card", "ranking", "auc")
    return f"AUC {told:.3f}" if isinstance(told, float) else "yes"


def _verdict_of(step: Step) -> str:
    is_forced = _told(step.told, "promotions", "gate", "forced_for_paper") is True
    return "forced" if is_forced else "passed"


def _told(whole: object, *names: str) -> object:
    """Something inside of what a step told about its only symbol; None where it did not."""
    for name in names:
        inside = whole[0] if isinstance(whole, list) and whole else whole
        whole = inside.get(name) if isinstance(inside, Mapping) else None
    return whole
