"""A pytest plugin that reads all tests once, and runs them in a fork of itself for each mistake.

The mistake takes the place of the code of one function, wherever that function has been imported
to. So a mutant costs what its tests cost until the first one fails, and nothing else.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest
from _pytest.main import pytest_runtestloop as run_all

PLAN = "COINTRADER_MUTANT_PLAN"  # file: what to do
TELL = "COINTRADER_MUTANT_TELL"  # number of an open file: what became of it, a line each
TIME_RAN_OUT = "(its time ran out)"
AS_TOLD = -1  # the turn without a mistake
_WAIT = 100  # times the processor time of a test, as the clock on the wall goes for all of them


class Unfit(Exception):
    """This mistake is not within one function."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Every mistake of the plan in turn; first without any."""
    if PLAN not in os.environ:
        return None
    plan = json.loads(Path(os.environ.pop(PLAN)).read_text())
    everything, near = list(session.items), tuple(plan["near"])
    few = [item for item in everything if item.nodeid.startswith(near)]
    items = few if plan["near_only"] else everything
    green = {item.nodeid for item in few}
    with os.fdopen(int(os.environ.pop(TELL)), "w", buffering=1) as out:

        def told(turn: int, items: list[pytest.Item], mistake: dict[str, str] | None) -> str:
            began = time.perf_counter()
            answer = _in_a_fork(session, items, mistake, plan["seconds"])
            took = time.perf_counter() - began
            print(json.dumps({"turn": turn, "seconds": took, **answer}), file=out)
            return answer.get("killed_by", "")

        if told(AS_TOLD, few, None):
            return True
        for turn, mistake in enumerate(plan["mistakes"]):
            killed_by = told(turn, items, mistake)
            again = [i for i in everything if i.nodeid == killed_by and killed_by not in green]
            if again and told(AS_TOLD, again, None):
                return True
            green.add(killed_by)
    return True


def _in_a_fork(
    session: pytest.Session,
    items: list[pytest.Item],
    mistake: dict[str, str] | None,
    seconds: int,
) -> dict[str, str]:
    """What a fork says: `killed_by`, "" for nobody, or why the mistake is `unfit`.

    `seconds` of processor time are what one test may take.
    """
    ours, its = os.pipe()
    child = os.fork()
    if child == 0:
        _play(session, items, mistake, seconds, its)
    os.close(its)
    said, ready = b"", True
    while ready:
        ready = bool(select.select([ours], [], [], _WAIT * seconds)[0])
        part = os.read(ours, 65_536) if ready else b""
        said += part
        if not part:
            break
    os.close(ours)
    with suppress(ProcessLookupError):  # its own group: what it started ends with it
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    answer: dict[str, str] = json.loads(said) if said else {"killed_by": _ended(status)}
    return answer


def _ended(status: int) -> str:
    """The end of a fork that said nothing."""
    code = os.waitstatus_to_exitcode(status)
    if code in (-signal.SIGPROF, -signal.SIGKILL):
        return TIME_RAN_OUT
    return f"(it ended with {code})"


def _play(
    session: pytest.Session,
    items: list[pytest.Item],
    mistake: dict[str, str] | None,
    seconds: int,
    tell: int,
) -> None:
    """In the fork, which never comes back: it ends at the first failure."""

    def say(**answer: str) -> None:
        os.write(tell, json.dumps(answer).encode())
        os._exit(0)

    try:
        os.setpgid(0, 0)
        if mistake is not None:
            put_in(sys.modules[mistake["module"]], mistake["function"], mistake["text"])
        session.config.pluginmanager.register(_FirstFailure(say, seconds), "first failure")
        session.items = items
        run_all(session)
        say(killed_by="")
    except Unfit as why:
        say(unfit=str(why))
    except BaseException as error:
        say(killed_by=f"({type(error).__name__}: {error})")
    finally:
        os._exit(1)


class _FirstFailure:
    """Tells of it; and ends a test that goes round for ever."""

    def __init__(self, say: Callable[..., None], seconds: int) -> None:
        self._say = say
        self._seconds = seconds

    def pytest_runtest_logstart(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, self._seconds)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._say(killed_by=report.nodeid)


def put_in(module: ModuleType, function: str, text: str) -> None:
    """Give a function of `module`, such as ``"Class.method"``, the code it has in `text`.

    Raises `Unfit` where the name stands for no function, or the function cannot take that code.
    """
    fresh = ModuleType(module.__name__)
    fresh.__dict__.update(__file__=module.__file__, __package__=module.__package__)
    try:
        exec(compile(text, str(module.__file__), "exec"), fresh.__dict__)
        old, new = _function(module, function), _function(fresh, function)
        old.__code__ = new.__code__
    except Unfit:
        raise
    except Exception as error:  # the module says no to it: so must whoever imports it
        raise Unfit(f"{type(error).__name__}: {error}") from error
    old.__defaults__, old.__kwdefaults__ = new.__defaults__, new.__kwdefaults__


def _function(module: ModuleType, name: str) -> FunctionType:
    """The outermost function of a dotted name; what is defined inside goes with its code."""
    found: Any = module
    for part in name.split("."):
        found = vars(found).get(part)
        if hasattr(found, "cache_clear"):
            found.cache_clear()
        for inner in ("fget", "__func__", "func", "__wrapped__"):
            found = getattr(found, inner, None) or found
        if isinstance(found, FunctionType):
            return found
        if not isinstance(found, type):
            break
    raise Unfit(f"{name or 'the module itself'} is no function")
