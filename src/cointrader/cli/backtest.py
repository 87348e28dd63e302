"""`cointrader backtest`: history through the rules that paper and live follow."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cointrader.app.config import Config
from cointrader.cli.collector import uncollected
from cointrader.cli.numbers import positive
from cointrader.cli.options import SettingsCommand, with_config, with_models
from cointrader.cli.times import range_of
from cointrader.cli.verdict_options import Judging, judging_of, with_verdict
from cointrader.domain.errors import UsageError

if TYPE_CHECKING:
    from cointrader.app.models import Models
    from cointrader.app.paper.market import PaperMarket

_CLEAR = "\r\x1b[K"


@click.command(cls=SettingsCommand, short_help="Play stored candles by the rules of live trading.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of candles, one sub-folder per symbol.  [default: a synthetic market]",
)
@click.option("--from", "from_", metavar="DATE", help="First bar to decide, UTC, included.")
@click.option("--to", metavar="DATE", help="End, UTC, excluded.")
@click.option("--balance", default="1000", metavar="X", show_default=True, help="First wallet.")
@click.option("--seed", default=1, help="Of the synthetic market.", show_default=True)
@click.option(
    "--planted-edge",
    type=float,
    metavar="R",
    help="Make the synthetic market pay the rule this much a trade, in units of its risk.",
)
@with_models(by_default=False)
@click.option(
    "--trades",
    "trades_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the closed trades to this CSV file.",
)
@click.option(
    "--report",
    "report_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write all of it to this HTML file, charts included; it needs no network.",
)
@with_verdict
@click.option("--quiet", "-q", is_flag=True, help="Only the result: no word on how far it is.")
@click.option("--json", "as_json", is_flag=True, help="The result on stdout, for machines.")
@with_config
@uncollected()
def backtest(
    config: Config,
    data: Path | None,
    from_: str | None,
    to: str | None,
    balance: str,
    seed: int,
    planted_edge: float | None,
    with_model: bool,
    models: Path,
    trades_path: Path | None,
    report_path: Path | None,
    verdict_path: Path | None,
    criteria_path: Path | None,
    ledger_path: Path | None,
    unjudged: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Play stored candles by the rules of live trading, and say whether there is an edge.

    One account, every symbol, costs and halts included: trade by trade what paper does with the
    same candles, in a fraction of its time. Beside it the strategy's own trades are judged, of a
    fixed size and without halts: edge, no edge, or too little data. Each configuration tried is
    counted before its result is known.

    \b
      cointrader backtest --data data --symbol XRPUSDT --from 2025-06-01 --to 2025-12-01
      cointrader backtest --data data --sizing fixed:1000 --trades trades.csv
      cointrader backtest --data data --all --profile founding --json
    """
    start_ms, end_ms = range_of(from_, to)
    wallet = float(positive(balance, "--balance", most=1e12))
    if data is not None and planted_edge is not None:
        raise UsageError(
            "an edge is planted into the synthetic market only",
            where="--planted-edge and --data",
            todo="leave one of them out",
        )
    if trades_path is not None:
        from cointrader.cli.trades_file import require_writable

        require_writable(trades_path)
    if report_path is not None:
        from cointrader.app.report_file import require_report_writable

        require_report_writable(report_path)
    judging = judging_of(
        verdict_path, criteria_path, ledger_path, unjudged=unjudged, is_made_up=data is None
    )
    tell = _Teller(quiet=quiet)
    tell(f"reading candles of {', '.join(config.symbols)}")
    # Here and not above: what reads and plays candles takes a moment to import.
    from cointrader.signals import talib_alone  # noqa: F401 - before anything imports TA-Lib

    from cointrader.app.paper import market as paper_market  # isort: skip

    if data is None:
        market = paper_market.synthetic_market(config, seed, start_ms, end_ms, planted_edge)
    else:
        market = paper_market.folder_market(config, data, start_ms, end_ms)
    config, unknown = paper_market.with_known_correlations(config, market.source)
    return _play(
        config,
        market,
        models if with_model else None,
        wallet,
        unknown,
        judging,
        tell,
        trades_path,
        report_path,
        as_json=as_json,
    )


def _play(
    config: Config,
    market: PaperMarket,
    models_in: Path | None,
    wallet: float,
    unknown: list[str],
    judging: Judging,
    tell: _Teller,
    trades_path: Path | None,
    report_path: Path | None,
    *,
    as_json: bool,
) -> int:
    """Play it and tell what came of it."""
    from cointrader.app.backtest import learned_from, prepared, summary_of
    from cointrader.app.verdict.trial import count_trial
    from cointrader.backtest.run import run
    from cointrader.cli.result_output import Course, memory_words, result_as_plain, result_lines

    started_s = time.monotonic()
    models = None
    if models_in is not None:
        from cointrader.app.models import Models

        models = Models(config, models_in, is_paper=True)
    ready = prepared(config, market, on_progress=tell, models=models)
    memory = ""
    if models is not None:
        memory = memory_words(learned_from(config, ready.candles, market.start_ms, models))
    if memory:
        judging = replace(judging, criteria=None)
    trial = count_trial(ready, ledger=judging.ledger, now_ms=time.time_ns() // 1_000_000)
    tell("playing")
    result = run(ready.candles, ready.signals, ready.settings(balance=wallet))
    elapsed_s = time.monotonic() - started_s
    judged = judging.judged(ready, trial, result, tell)
    tell.clear()
    summary = summary_of(result, config.slippage_bps / 10_000)
    course = Course(
        market=market.source.label,
        config=config,
        finished=True,
        from_ms=int(result.time_ms[0]),
        to_ms=int(result.time_ms[-1]) + result.interval_ms,
        start_wallet=wallet,
        final_wallet=result.final_wallet,
        halted_days=result.halted_days,
        elapsed_s=elapsed_s,
    )
    if trades_path is not None:
        from cointrader.cli.trades_file import write_trades

        write_trades(summary.trades, trades_path)
    if report_path is not None:
        from cointrader.app.backtest_report import report_inputs, write_report
        from cointrader.backtest.report.inputs import Judged as Shown

        judges: list[str] = []
        if models is not None:
            from cointrader.app.model_state import state_lines

            judges += state_lines(models.states())
        shown = None
        if judged is not None:
            shown = Shown(judged.own, judged.kept.verdict, judged.criteria.method)
        without = f"No candles of {', '.join(unknown)} here: played without them."
        inputs = report_inputs(
            config,
            market,
            result,
            made_ms=trial.at_ms,
            candles=ready.candles,
            judged=shown,
            remarks=[*([memory] if memory else []), *([without] if unknown else []), *judges],
        )
        write_report(report_path, inputs)
    if as_json:
        plain = result_as_plain(course, summary)
        verdict = judged and judged.as_plain()
        told = {**plain, "verdict": verdict, "not_judged": memory or None}
        click.echo(json.dumps(told, indent=2))
        return 0
    tell.announce(config, market, unknown, models)
    if memory:
        click.echo(f"NOT JUDGED: {memory}\n")
    for line in judged.lines() if judged is not None else ():
        click.echo(line)
    for line in result_lines(course, summary):
        click.echo(line)
    return 0


class _Teller:
    """How far it is, on stderr; on a terminal in one line that is redrawn."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._is_terminal = sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, text: str) -> None:
        """One step begins. Elsewhere than on a terminal a backtest is too short to be told of."""
        if self._is_terminal and not self._quiet:
            self._say(f"{_CLEAR}{text} ...", ends=False)

    def clear(self) -> None:
        """The result follows."""
        if self._is_terminal and not self._quiet:
            self._say(_CLEAR, ends=False)

    def announce(
        self, config: Config, market: PaperMarket, unknown: list[str], models: Models | None
    ) -> None:
        """What was played that the result does not say by itself."""
        if self._quiet:
            return
        from cointrader.app.config.idle import idle
        from cointrader.app.model_state import no_filter, state_lines

        lines = [
            f"  {name} = {value} (the profile has {usual or 'none'})"
            for name, (value, usual) in config.deviations().items()
        ]
        lines += [f"  {text}" for text in idle(config)]
        if unknown:
            lines.append(f"no candles of {', '.join(unknown)} here: played without them")
        if market.doubts:
            many = "s" * (market.doubts > 1)
            lines.append(
                f"{market.doubts} doubt{many} about these candles: see cointrader data check"
            )
        states = [no_filter(each) for each in config.symbols] if models is None else models.states()
        lines += state_lines(states)
        self._say("\n".join(lines), ends=True)

    def _say(self, text: str, *, ends: bool) -> None:
        with suppress(OSError, ValueError):
            click.echo(text, err=True, nl=ends)
