"""The root of the command line: overview, errors, exit codes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from cointrader import __version__
from cointrader.cli import main as cli
from cointrader.domain.errors import (
    ConfigError,
    ExchangeError,
    MissingCandles,
    ModelError,
    UsageError,
)

SOURCE = Path(__file__).parents[3] / "src"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Callable[[], object]], int]:
    """Run a function as if it were the command `cointrader try`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COINTRADER_DEBUG", raising=False)

    def call(body: Callable[[], object]) -> int:
        command = click.Command("try", callback=body)
        monkeypatch.setattr(sys.modules[__name__], "attempt", command, raising=False)
        monkeypatch.setitem(cli.COMMANDS, "try", cli.Lazy(f"{__name__}:attempt", "Try."))
        monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
        return cli.main(["try"])

    return call


def raising(error: BaseException) -> Callable[[], object]:
    def body() -> object:
        raise error

    return body


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("LEVERAGE cannot be 0", allowed="1 to 125"), 2),
        (UsageError("no such thing"), 2),
        (MissingCandles("a hole"), 3),
        (ModelError("no model"), 1),
        (ExchangeError("no"), 1),
    ],
)
def test_error_of_ours_is_one_message_on_stderr_and_an_exit_code(run, capsys, error, code):
    assert run(raising(error)) == code

    out, err = capsys.readouterr()
    assert (out, err) == ("", f"Error: {error}\n")


def test_error_of_ours_inside_a_task_group_is_told_like_any_other(run, capsys):
    async def work():
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())

    async def fail():
        raise MissingCandles("a hole")

    assert run(lambda: asyncio.run(work())) == 3
    assert capsys.readouterr().err == "Error: a hole\n"


def test_unexpected_error_is_short_and_says_how_to_report_it(run, capsys):
    assert run(raising(ZeroDivisionError("division by zero"))) == 1

    out, err = capsys.readouterr()
    assert out == ""
    assert "ZeroDivisionError: division by zero" in err
    assert "COINTRADER_DEBUG=1" in err
    assert "Traceback" not in err


def test_unexpected_error_has_its_traceback_when_asked_for(run, capsys, monkeypatch):
    monkeypatch.setenv("COINTRADER_DEBUG", "1")

    assert run(raising(ZeroDivisionError("division by zero"))) == 1
    assert "Traceback" in capsys.readouterr().err


def test_missing_optional_package_names_what_to_install(run, capsys):
    assert run(raising(ModuleNotFoundError("No module named 'polars'", name="polars"))) == 1
    assert "pip install 'cointrader[research]'" in capsys.readouterr().err


def test_interrupt_says_stopped_and_answers_130(run, capsys):
    assert run(raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err.strip() == "stopped"


@pytest.mark.parametrize(("body", "code"), [(lambda: None, 0), (lambda: 4, 4), (lambda: "x", 0)])
def test_a_command_may_answer_an_exit_code(run, body, code):
    assert run(body) == code


def test_a_command_may_exit_with_a_code(run):
    assert run(raising(click.exceptions.Exit(4))) == 4


def test_unknown_command_is_wrong_usage_with_the_one_meant(capsys):
    assert cli.main(["confg"]) == 2
    assert "Did you mean 'config'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["config", "show", "--nonsense"], ["config", "check", "--balance", "much"]]
)
def test_wrong_usage_is_exit_code_2(arguments, capsys):
    assert cli.main(arguments) == 2
    assert capsys.readouterr().out == ""


def test_version_is_that_of_the_package(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"cointrader {__version__}\n"


def test_overview_names_every_command(capsys):
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    for name, lazy in cli.COMMANDS.items():
        assert name in out
        assert lazy.help in out


def test_overview_imports_nothing_heavy_and_no_command():
    code = (
        "import sys; sys.argv = ['cointrader', '--help']\n"
        "from cointrader.cli.main import main; main()\n"
        "heavy = {'numpy', 'polars', 'numba', 'aiohttp', 'msgspec', 'pydantic', 'asyncio'}\n"
        "ours = {m for m in sys.modules if m.startswith('cointrader.cli.')}\n"
        "light = {'cointrader.cli.main', 'cointrader.cli.collector'}\n"
        "print(heavy & set(sys.modules) or ours - light or 'light')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "light"
