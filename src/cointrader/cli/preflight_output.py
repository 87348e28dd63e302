"""A preflight for people: a line a check, and what to do where something is to be done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cointrader.app.preflight.judge import Check, Verdict

_WORDS = {Verdict.OK: "ok", Verdict.WARNING: "warning", Verdict.FAILED: "FAILED"}


def check_lines(checks: Iterable[Check]) -> Iterator[str]:
    for check in checks:
        yield f"  {_WORDS[check.verdict]:<8} {check.name:<14} {check.found}"
        if check.todo:
            yield f"  {'':<8} {'':<14} -> {check.todo}"
