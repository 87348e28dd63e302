"""Options about verdicts: what `backtest` judges by, and what `run --live` is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cointrader.domain.errors import UsageError

if TYPE_CHECKING:
    from cointrader.app.backtest import Prepared
    from cointrader.app.verdict.kept import KeptVerdict
    from cointrader.app.verdict.live import Asked
    from cointrader.app.verdict.trial import CountedTrial
    from cointrader.backtest.criteria import Criteria
    from cointrader.backtest.result import BacktestResult

_Command = TypeVar("_Command", bound=Callable[..., Any])


def with_verdict(command: _Command) -> _Command:
    """Add the options of a command that judges: `judged`, `verdict_path`, `criteria_path`,
    `ledger_path`."""
    options = (
        click.option(
            "--verdict",
            "verdict_path",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Write the verdict to this file.  [default: one for each configuration in "
            "verdicts/, where `run --live` looks; none for a synthetic market]",
        ),
        click.option(
            "--criteria",
            "criteria_path",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Judge by these criteria, in TOML, and not by the shipped ones.",
        ),
        click.option(
            "--ledger",
            "ledger_path",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Where every configuration tried is counted.  "
            "[default: cointrader/trials.db in $XDG_STATE_HOME or ~/.local/state]",
        ),
        click.option(
            "--no-verdict",
            "unjudged",
            is_flag=True,
            help="Play only: faster. It counts as a trial.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict that was told and kept."""

    kept: KeptVerdict
    own: BacktestResult
    trial: CountedTrial
    criteria: Criteria
    sizing: str  # of the own trades
    path: Path | None  # None: not kept

    def lines(self) -> Iterator[str]:
        """For people: the answer first."""
        from cointrader.cli.verdict_output import kept_line, verdict_lines

        yield from verdict_lines(self.kept, self.trial, self.sizing)
        yield kept_line(self.path)

    def as_plain(self) -> dict[str, object]:
        """For machines: the verdict file, where it is, and how many trials were counted."""
        place = None if self.path is None else str(self.path)
        return {**self.kept.as_json(), "trials": self.trial.count, "file": place}


@dataclass(frozen=True, slots=True)
class Judging:
    """How a backtest is judged. `criteria` None: it is not."""

    criteria: Criteria | None
    path: Path | None  # where it was told to keep the verdict
    ledger: Path | None
    is_made_up: bool

    def judged(
        self,
        ready: Prepared,
        trial: CountedTrial,
        account: BacktestResult,
        on_progress: Callable[[str], None],
    ) -> Judged | None:
        """Judge the strategy's own trades and keep the verdict; None where nobody asks for one."""
        if self.criteria is None:
            return None
        from cointrader.app.verdict.judge import judge_own_trades
        from cointrader.app.verdict.kept import default_path, keep_verdict
        from cointrader.app.verdict.trial import own_trades_config

        judgement = judge_own_trades(
            ready, trial, self.criteria, account=account, on_progress=on_progress
        )
        path = self.path
        if path is None and not self.is_made_up:
            path = default_path(trial.identity.hash)
        if path is not None:
            keep_verdict(judgement.kept, path)
        sizing = own_trades_config(ready.config).sizing
        return Judged(judgement.kept, judgement.own, trial, self.criteria, sizing, path)


def judging_of(
    path: Path | None,
    criteria: Path | None,
    ledger: Path | None,
    *,
    unjudged: bool,
    is_made_up: bool,
) -> Judging:
    """How a backtest is judged; all that can be wrong with it is told before the run.

    `UsageError` where options contradict each other or a file cannot be written, `ConfigError`
    for criteria that cannot be used.
    """
    if unjudged:
        given = {"--verdict": path, "--criteria": criteria}
        wrong = [name for name, value in given.items() if value is not None]
        if wrong:
            raise UsageError(
                "nothing is judged with --no-verdict", where=", ".join(wrong), todo="leave one out"
            )
        return Judging(None, None, ledger, is_made_up)
    from cointrader.app.verdict.kept import VERDICTS, default_path, require_verdict_writable
    from cointrader.backtest.criteria import load_criteria

    if path is not None or not is_made_up:
        require_verdict_writable(path or default_path("any", VERDICTS))
    return Judging(load_criteria(criteria), path, ledger, is_made_up)


def with_override(command: _Command) -> _Command:
    """Add the options by which `asked_verdict` finds what lets real money trade."""
    options = (
        click.option(
            "--verdict",
            "verdict_path",
            type=click.Path(path_type=Path, dir_okay=False),
            help="With --live: the verdict file.  [default: that of this configuration in "
            "verdicts/]",
        ),
        click.option(
            "--override-verdict",
            "override_reason",
            metavar="WHY",
            help="With --live: trade without the verdict `edge`. The reason is written down, and "
            "counts once.",
        ),
        click.option(
            "--override-days",
            type=int,
            metavar="N",
            help="With --override-verdict: for how many days, 1 to 30. Then entries end.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def asked_verdict(
    path: Path | None, reason: str | None, days: int | None, *, is_live: bool
) -> Asked:
    """How a run wants its verdict looked up. `UsageError` where that makes no sense."""
    from cointrader.app.verdict.live import Asked, Override
    from cointrader.ops.control import myself

    told = {"--verdict": path, "--override-verdict": reason, "--override-days": days}
    given = [name for name, value in told.items() if value is not None]
    if given and not is_live:
        raise UsageError(
            "only real money asks for a verdict",
            where=", ".join(given),
            todo="leave it out, or give --live",
        )
    if (reason is None) != (days is None):
        raise UsageError(
            "a verdict is overridden for a reason, and for some days",
            where=", ".join(name for name in given if name != "--verdict"),
            allowed='both: --override-verdict "WHY" --override-days N',
        )
    override = None
    if reason is not None and days is not None:
        override = Override(reason, days, myself())
    return Asked(path, override)
