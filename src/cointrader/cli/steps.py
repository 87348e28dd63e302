"""Another command of ours as a step of a longer work: its words pass through and are kept."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import IO

import click

from cointrader.cli.main import EXIT_FAILED, EXIT_INTERRUPTED

_PATIENCE_S = 30.0  # with a step that was told to end
_WHYS = ("summary", "failed")  # of a gate, and of what went wrong by symbol
_MOST = 300


@dataclass(frozen=True, slots=True)
class Step:
    """How a command ended. `told` is the JSON of its stdout, None if that is none; `signal` what
    killed it, 0 for none."""

    exit_code: int
    told: object
    err: str
    signal: int = 0


def run_step(command: str, options: Sequence[str], *, quiet: bool) -> Step:
    """Run ``cointrader command options`` to its end. Ctrl-C ends it and is passed on."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cointrader", command, *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout is not None
    assert process.stderr is not None
    heard: list[str] = []
    listener = Thread(target=_pass_on, args=(process.stderr, heard, quiet), daemon=True)
    listener.start()
    try:
        out = process.stdout.read()
        code = process.wait()
    except BaseException:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE_S)
        process.kill()
        raise
    listener.join()
    if code == EXIT_INTERRUPTED:
        raise KeyboardInterrupt
    told = None
    with suppress(ValueError):
        told = json.loads(out)
    if code < 0:
        return Step(EXIT_FAILED, told, "".join(heard), -code)
    return Step(code, told, "".join(heard))


def reason(step: Step, symbol: str) -> str:
    """Why a step did not go well, in one line."""
    text = _of_json(step.told, symbol) or _of_words(step.err, symbol)
    if step.signal:
        return f"ended by the system, signal {step.signal} (9: perhaps memory ran out)"
    if step.exit_code and not text:
        text = f"exit code {step.exit_code}, without a word"
    return text if len(text) <= _MOST else f"{text[:_MOST]} ..."


def _pass_on(lines: IO[str], heard: list[str], quiet: bool) -> None:
    for line in lines:
        heard.append(line)
        if not quiet:
            click.echo(f"    {line}", err=True, nl=False)


def _of_json(told: object, symbol: str) -> str:
    """The reason of `symbol` among what a command tells machines."""
    if isinstance(told, list):
        return next(filter(None, (_of_json(each, symbol) for each in told)), "")
    if not isinstance(told, Mapping):
        return ""
    if told.get("symbol", symbol) != symbol:
        return ""
    for name in _WHYS:
        value = told.get(name)
        if isinstance(value, Mapping):
            value = value.get(symbol)
        if isinstance(value, str) and value:
            return "; ".join([_in_one_line(value), *_refusals(told.get("findings"))])
    return next(filter(None, (_of_json(each, symbol) for each in told.values())), "")


def _refusals(findings: object) -> list[str]:
    """What a gate did not like."""
    listed = findings if isinstance(findings, list) else []
    return [
        str(each.get("text") or each.get("why"))
        for each in listed
        if isinstance(each, Mapping) and each.get("passed") is False
    ]


def _of_words(err: str, symbol: str) -> str:
    """The last error among words for people: the line that names it, and what was found."""
    lines = err.splitlines()
    for place in range(len(lines) - 1, -1, -1):
        if lines[place].startswith(("Error:", f"{symbol}:")):
            details = []
            for line in lines[place + 1 :]:
                if not line.startswith("  "):
                    break
                details.append(line)
            return _in_one_line("\n".join([lines[place], *details]), symbol)
    return _in_one_line(next((line for line in reversed(lines) if line.strip()), ""))


def _in_one_line(text: str, symbol: str = "") -> str:
    """An error of ours without its advice, which has a line of its own in the log."""
    first, *details = text.strip().splitlines() or [""]
    first = re.sub(rf"^(Error: )?({symbol}: )?" if symbol else r"^(Error: )?", "", first)
    found = [line.strip() for line in details if line.strip().startswith(("where:", "found:"))]
    return "; ".join([first, *found])
