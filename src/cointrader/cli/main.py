"""`cointrader`: the root of the command line.

Commands are imported when they run, so `cointrader --help` costs next to nothing. Every error
that this project raises on purpose ends as one clear message and an exit code.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import NamedTuple

import click

from cointrader import __version__
from cointrader.cli.collector import uncollected
from cointrader.domain.errors import CointraderError, ConfigError, MissingCandles, UsageError

EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 not enough data, "
    "4 a gate said no."
)
EXIT_FAILED, EXIT_USAGE, EXIT_NOT_ENOUGH_DATA, EXIT_REFUSED, EXIT_INTERRUPTED = 1, 2, 3, 4, 130


class Lazy(NamedTuple):
    """A command that is not imported yet: where it is, and its line in the overview."""

    target: str
    help: str


COMMANDS = {
    "paper": Lazy("cointrader.cli.trade:paper", "Trade on paper: no key, no network."),
    "fetch": Lazy("cointrader.cli.fetch:fetch", "Fetch history of the exchange."),
    "backtest": Lazy(
        "cointrader.cli.backtest:backtest", "Play stored candles by the rules of live trading."
    ),
    "sweep": Lazy("cointrader.cli.sweep:sweep", "Try many settings, and count the tries."),
    "walkforward": Lazy(
        "cointrader.cli.walkforward:walkforward",
        "Choose settings on the past, judge them after it.",
    ),
    "train": Lazy("cointrader.cli.train:train", "Make an entry filter from stored candles."),
    "promote": Lazy(
        "cointrader.cli.promote:promote", "Let a trained filter trade, if it earns it."
    ),
    "tune": Lazy("cointrader.cli.tune:tune", "Choose the settings of an entry filter's training."),
    "deploy": Lazy("cointrader.cli.deploy:deploy", "Bring models to where they trade."),
    "train-and-deploy": Lazy(
        "cointrader.cli.train_and_deploy:train_and_deploy", "All of it, symbol by symbol."
    ),
    "run": Lazy("cointrader.cli.run:run", "Trade on Binance or its testnet."),
    "preflight": Lazy(
        "cointrader.cli.preflight:preflight", "Look for what speaks against trading."
    ),
    "status": Lazy("cointrader.cli.inspect:status", "How a run stands, also while it trades."),
    "explain": Lazy("cointrader.cli.inspect:explain", "Why a trade was made, or why not."),
    "parity": Lazy(
        "cointrader.cli.parity:parity", "Hold a journal against the backtest, and explain."
    ),
    "dashboard": Lazy("cointrader.cli.dashboard:dashboard", "What the bots do, in a browser."),
    "pause": Lazy("cointrader.cli.control:pause", "No more entries until resume."),
    "resume": Lazy("cointrader.cli.control:resume", "Allow entries again after pause."),
    "flatten": Lazy("cointrader.cli.control:flatten", "Close everything at market, now."),
    "reset-kill": Lazy(
        "cointrader.cli.control:reset_kill", "Lift a kill switch, or the drawdown halt."
    ),
    "guard": Lazy("cointrader.cli.guard:guard", "A second process: no position without a stop."),
    "report": Lazy("cointrader.cli.report:report", "A week or month, live against expectation."),
    "ledger": Lazy("cointrader.cli.ledger:ledger", "Every booking, reconciled with the wallet."),
    "backup": Lazy("cointrader.cli.backup:backup", "Keep journals, models and settings."),
    "restore": Lazy("cointrader.cli.backup:restore", "Put a backup back, or check it."),
    "support-bundle": Lazy(
        "cointrader.cli.support_bundle:support_bundle", "Facts for a helper, without secrets."
    ),
    "exchange": Lazy("cointrader.cli.serve:exchange", "Serve a simulated Binance."),
    "new-signal": Lazy("cointrader.cli.new_signal:new_signal", "Begin a signal rule of your own."),
    "data": Lazy("cointrader.cli.data:data", "Look at stored candles and judge them."),
    "config": Lazy("cointrader.cli.settings:config", "Show, check or begin the configuration."),
}

# Optional parts of the installation, by the module that is missing.
_EXTRAS = {
    "numba": "research",
    "polars": "research",
    "rich": "research",
    "lightgbm": "train",
    "onnx": "train",
    "optuna": "train",
    "mlx": "mlx",
    "distributed": "cluster",
    "apprise": "notify",
    "uvloop": "fast",
}


class LazyGroup(click.Group):
    """A group whose commands are known by name and imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].target.partition(":")
        with uncollected():
            command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=list(COMMANDS), ctx=ctx
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in COMMANDS.items()])


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, prog_name="cointrader", message="%(prog)s %(version)s")
def root() -> None:
    """A trading bot for Binance USDⓈ-M futures that tests what it runs.

    \b
      cointrader paper --help
      cointrader config show
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is the answer."""
    try:
        answer = root.main(arguments, prog_name="cointrader", standalone_mode=False)
        if sys.stdout is not None:  # as when it was closed before we began
            sys.stdout.flush()  # a full disk is told here, not while the interpreter ends
        if arguments is None:
            gc.freeze()  # the process ends: nothing that goes with it need be searched once more
    except click.Abort as abort:
        interrupted = isinstance(abort.__cause__, KeyboardInterrupt)
        _say("stopped")
        return EXIT_INTERRUPTED if interrupted else EXIT_FAILED
    except KeyboardInterrupt:
        _say("stopped")
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except Exception as error:  # the last resort of the whole program
        if isinstance(error, OSError):
            _forget_unwritten()
        return _report(error)
    return answer if isinstance(answer, int) and not isinstance(answer, bool) else 0


def exit_code(error: CointraderError) -> int:
    """What a shell is told about `error`."""
    if isinstance(error, ConfigError | UsageError):
        return EXIT_USAGE
    return EXIT_NOT_ENOUGH_DATA if isinstance(error, MissingCandles) else EXIT_FAILED


def _report(error: Exception) -> int:
    """Tell people what happened; the traceback only for those who asked for it."""
    if os.environ.get("COINTRADER_DEBUG", "").strip() not in ("", "0"):
        import traceback

        traceback.print_exception(error)
    causes = list(_leaves(error))
    known = [cause for cause in causes if isinstance(cause, CointraderError)]
    if len(known) == len(causes):
        for text in dict.fromkeys(map(str, known)):
            _say(f"Error: {text}")
        return exit_code(known[0])
    first = next(cause for cause in causes if not isinstance(cause, CointraderError))
    if isinstance(first, ModuleNotFoundError) and (first.name or "").split(".")[0] in _EXTRAS:
        extra = _EXTRAS[(first.name or "").split(".")[0]]
        _say(
            f"Error: this command needs {first.name}, which is not installed\n"
            f"  to do: pip install 'cointrader[{extra}]'"
        )
        return EXIT_FAILED
    if isinstance(first, OSError) and first.errno is not None:
        _say(f"Error: {_refused_by_the_system(first)}")
        return EXIT_FAILED
    _say(
        f"Error: something went wrong inside cointrader {__version__}: "
        f"{type(first).__name__}: {first}\n"
        "  to do: run it again with COINTRADER_DEBUG=1 and report what that prints;\n"
        "         look it through for anything private first"
    )
    return EXIT_FAILED


def _refused_by_the_system(error: OSError) -> CointraderError:
    return CointraderError(
        f"the system refused: {error.strerror}",
        where=None if error.filename is None else str(error.filename),
        todo="check the free space, and what this user may read and write there",
    )


def _forget_unwritten() -> None:
    """What stdout could not take is not tried again when the interpreter ends."""
    try:
        sys.stdout.flush()
    except OSError:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a descriptor, not a path
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors themselves, without the groups that parallel tasks wrap them in."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _say(text: str) -> None:
    click.echo(text, err=True)
