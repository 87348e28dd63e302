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
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click

from cointrader.app.config import Config
from cointrader.cli.deploy import target_of, worst
from cointrader.cli.main import EXIT_CODES, EXIT_FAILED, EXIT_REFUSED
from cointrader.cli.search_options import say
from cointrader.cli.steps import Step, reason, run_step
from cointrader.cli.training_options import wider_of, with_wider
from cointrader.domain.errors import UsageError
from cointrader.training.wider import Wider

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
    learned_from: tuple[str, ...] = ()  # options of the training
    is_pooled: bool = False


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
@with_wider
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
    population_threshold: int | None,
    hold_negatives: float,
    pooled: bool,
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
      bash scripts/train_and_deploy.sh --all --pooled
    """  # fmt: skip
    if single and everything:
        raise UsageError("--symbol and --all exclude each other", todo="give one")
    backend, folds = _understood(words)
    config = Config(flags={"symbols": ",".join(single)} if single else {})
    is_here = to is None and not config.deploy_host and not config.deploy_path
    target = None if is_here else target_of(config, to, None, None).words
    wider = wider_of(config.symbols, population_threshold, hold_negatives, pooled=pooled)
    plan = Round(
        backend, folds, data, models, config.interval, base_url, to, target, quiet,
        _options_of(wider), wider.is_pooled,
    )  # fmt: skip
    where = f"deployed to {target}" if target else f"published here, in {models}: no DEPLOY_HOST"
    count = len(config.symbols)
    say(
        f"{count} symbol{'s' if count != 1 else ''}, {backend}; what passes is {where}", quiet=quiet
    )
    rows = list((_together if plan.is_pooled else _all)(config.symbols, plan))
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


def _together(symbols: Sequence[str], plan: Round) -> Iterator[Row]:
    """One training on the rows of all symbols that have candles; then each for itself again."""
    rows = []
    for number, symbol in enumerate(symbols):
        say(f"[{number + 1}/{len(symbols)}] {symbol}", quiet=plan.quiet)
        rows.append(Row(symbol))
        _fetched(rows[-1], plan)
    known = [row.symbol for row in rows if not row.exit_code]
    pooled = ["--pooled"] if len(known) > 1 else []
    step = None
    if known:
        say(f"{' and '.join(known)} {'together' if pooled else 'alone'}", quiet=plan.quiet)
        step = _trained(["--symbols", ",".join(known), *pooled], plan)
    for row in rows:
        if step is not None and row.symbol in known:
            say(row.symbol, quiet=plan.quiet)
            own = part_of(step, row.symbol)
            if _went_well(own, row, "trained", _auc_of(own)):
                _judged(row, plan)
        yield row


def part_of(step: Step, symbol: str) -> Step:
    """A training of several symbols as the step of one of them."""
    models = step.told.get("models") if isinstance(step.told, Mapping) else None
    own = [
        model
        for model in (models if isinstance(models, list) else [])
        if _told(model, "card", "symbol") == symbol
    ]
    if own:
        return replace(step, exit_code=0, told={"models": own}, signal=0)
    return step if step.exit_code else replace(step, exit_code=EXIT_FAILED)


def _one(symbol: str, plan: Round) -> Row:
    """Step by step, until one says no."""
    row = Row(symbol)
    if not _fetched(row, plan):
        return row
    step = _trained(["--symbol", symbol], plan)
    if _went_well(step, row, "trained", _auc_of(step)):
        _judged(row, plan)
    return row


def _fetched(row: Row, plan: Round) -> bool:
    symbol, own = row.symbol, ["--symbol", row.symbol]
    days = days_to_fetch(plan.data / symbol.lower() / f"combined_{plan.interval}.parquet")
    url = ["--base-url", plan.base_url] if plan.base_url else []
    step = _step("fetch", [*own, "--data", str(plan.data), "--days", str(days), *url], plan)
    return _went_well(step, row, "fetched", f"{days} days")


def _trained(symbols: Sequence[str], plan: Round) -> Step:
    folds = [] if plan.folds is None else ["--folds", str(plan.folds)]
    return _step("train", [*symbols, *_where(plan), *folds, *plan.learned_from], plan)


def _judged(row: Row, plan: Round) -> None:
    """At the gate, and from there to where bots take it."""
    own = ["--symbol", row.symbol]
    step = _step("promote", [*own, *_where(plan)], plan)
    row.deployed = "no"
    if not _went_well(step, row, "gate", _verdict_of(step)):
        return
    if plan.target is None:
        row.deployed = "here"
        return
    there = ["--to", plan.to] if plan.to else []
    options = [*own, "--models", str(plan.models), "--backend", plan.backend, *there]
    _went_well(_step("deploy", options, plan), row, "deployed", "yes")


def _where(plan: Round) -> list[str]:
    return ["--data", str(plan.data), "--models", str(plan.models), "--backend", plan.backend]


def _options_of(wider: Wider) -> tuple[str, ...]:
    """The same for `cointrader train`; whether rows are pooled depends on who has candles."""
    threshold, holds = wider.threshold, wider.holds
    return (
        *(() if threshold is None else ("--population-threshold", str(threshold))),
        *(("--hold-negatives", f"{holds:g}") if holds else ()),
    )


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
