"""`cointrader promote`: a model trades only where it makes the strategy better, and good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cointrader.app.config import Config
from cointrader.cli.main import EXIT_REFUSED, exit_code
from cointrader.cli.options import SettingsCommand, with_config
from cointrader.cli.search_options import progress, say
from cointrader.cli.training_options import (
    backend_option,
    data_option,
    ledger_option,
    models_option,
    require_candles,
    with_output,
)
from cointrader.domain.errors import CointraderError, UsageError

if TYPE_CHECKING:
    from cointrader.cli.promote_work import Asked, Promotion
    from cointrader.training.gate_criteria import ParamsRule


@click.command(cls=SettingsCommand, short_help="Let a trained filter trade, if it earns it.")
@data_option("Folder of the candles it was trained on.")
@models_option("Folder of models; the candidate is in <symbol>/candidate.")
@backend_option("Which candidate.  [default: the one there is]")
@click.option(
    "--criteria",
    "criteria_path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Judge by these criteria, in TOML, and not by the shipped ones.",
)
@ledger_option("Where every attempt is counted.")
@click.option(
    "--force-paper",
    is_flag=True,
    help="Publish a model that fails too, for paper only; live makes no entry by it.",
)
@click.option(
    "--params",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Not a model: tuned settings, for trainings to begin with if they did better.",
)
@with_output("verdicts")
@with_config
def promote(
    config: Config,
    data: Path,
    models: Path,
    backend: str | None,
    criteria_path: Path | None,
    ledger: Path | None,
    force_paper: bool,
    params: Path | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Judge each symbol's candidate on time it has not seen, and publish it if it passes.

    Its trades out of fold, through the same engine that plays backtests, costs included: they must
    be good, better than without it, and better than by chance. Every attempt is counted, and makes
    the next one harder. Exit code 4: one did not pass.

    \b
      cointrader promote --symbol XRPUSDT
      cointrader promote --all --backend lgbm --json
      cointrader promote --symbol XRPUSDT --force-paper
    """  # fmt: skip
    # Here and not above: what reads candles and models takes a moment to import.
    from cointrader.training.gate_criteria import load_gate_criteria

    criteria = load_gate_criteria(criteria_path)
    if params is not None:
        if force_paper or backend is not None:
            raise UsageError(
                "--params is about settings, and not about a model",
                where="--force-paper" if force_paper else "--backend",
                todo="leave one of them out",
            )
        return _promote_params(params, models, criteria.params, as_json=as_json)
    require_candles(data, "give the folder that the candidate was trained on")
    from cointrader.signals import talib_alone  # noqa: F401 - before anything imports TA-Lib

    from cointrader.cli.promote_work import Asked  # isort: skip

    asked = Asked(data, models, backend, criteria, ledger, force_paper)
    return _promote_all(config, asked, quiet=quiet, as_json=as_json)


def _promote_all(config: Config, asked: Asked, *, quiet: bool, as_json: bool) -> int:
    """One symbol after the other; what is wrong with one does not keep the others from it."""
    from cointrader.cli.promote_output import (
        failures_as_plain,
        promotion_as_plain,
        promotion_lines,
    )
    from cointrader.cli.promote_work import promote_symbol

    promotions: list[Promotion] = []
    failures: dict[str, CointraderError] = {}
    for symbol in config.symbols:
        say(f"{symbol}: at the gate", quiet=quiet)
        try:
            with progress(f"{symbol} random filters", quiet=quiet) as advance:
                promotion = promote_symbol(config, symbol, asked, advance)
        except CointraderError as error:
            failures[symbol] = error
            say(f"{symbol}: {error}", quiet=False)
            continue
        promotions.append(promotion)
        if not as_json:
            for line in promotion_lines(promotion):
                click.echo(line)
    if as_json:
        told = {
            "promotions": [promotion_as_plain(each) for each in promotions],
            "failed": failures_as_plain(failures),
        }
        click.echo(json.dumps(told, indent=2, allow_nan=False))
    if failures:
        return exit_code(next(iter(failures.values())))
    return 0 if all(each.is_published for each in promotions) else EXIT_REFUSED


def _promote_params(path: Path, models: Path, rule: ParamsRule, *, as_json: bool) -> int:
    """Tuned settings for trainings to begin with."""
    from cointrader.cli.promote_output import params_lines
    from cointrader.training.gate_params import judge_params, publish_params, read_tuned

    verdict = judge_params(read_tuned(path), rule)
    written = str(publish_params(models, verdict)) if verdict.passed else ""
    if as_json:
        told = {**verdict.as_plain(), "file": written or None}
        click.echo(json.dumps(told, indent=2, allow_nan=False))
    else:
        for line in params_lines(verdict, written):
            click.echo(line)
    return 0 if verdict.passed else EXIT_REFUSED
