"""Verdicts as JSON files: written whole or not at all, read back as they were.

JSON knows neither infinity nor "cannot be told": they are the text "inf" (or "-inf") and null.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cointrader.backtest.criteria import About
from cointrader.backtest.verdict import AccountRun, Answer, Finding, Subject, Verdict
from cointrader.domain.errors import DataError

VERSION = 2
_UNNAMED = 1  # of files in which no model is named


def as_json(verdict: Verdict) -> dict[str, object]:
    """A verdict as plain values for any JSON writer."""
    return {
        "version": _UNNAMED if verdict.subject.model is None else VERSION,
        "answer": verdict.answer.value,
        "summary": verdict.summary,
        "configuration": verdict.subject.configuration,
        "data": verdict.subject.data,
        "model": verdict.subject.model or "",
        "criteria": {
            "hash": verdict.criteria_hash,
            "source": verdict.criteria_source,
            "findings": [
                {
                    **asdict(finding),
                    "about": finding.about.value,
                    "value": json_number(finding.value),
                    "bound": json_number(finding.bound),
                    "text": finding.line,
                }
                for finding in verdict.findings
            ],
        },
        "measures": {name: json_number(value) for name, value in verdict.measures.items()},
        "account": None if verdict.account is None else _account(verdict.account),
    }


def _account(account: AccountRun) -> dict[str, object]:
    return {**asdict(account), "text": account.line}


def _account_run(told: dict[str, Any]) -> AccountRun:
    return AccountRun(**{name: value for name, value in told.items() if name != "text"})


def json_number(value: float) -> float | str | None:
    """A number that JSON can hold: "inf" and "-inf" for infinities, None for NaN."""
    value = float(value)
    if math.isnan(value):
        return None
    return str(value) if math.isinf(value) else value


def read_verdict(path: Path) -> Verdict:
    """Read a verdict file.

    `DataError` where it is missing, is none, was made by another version, or where its answer is
    not what its own findings say.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from None
    if not isinstance(document, dict) or document.get("version") not in (VERSION, _UNNAMED):
        raise _unreadable(path, "not a verdict of this version")
    try:
        verdict = _verdict(document)
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, f"{type(error).__name__}: {error}") from None
    if not _agrees(verdict):
        raise _unreadable(path, f"an answer ({verdict.answer}) that its findings contradict")
    return verdict


def _verdict(document: dict[str, Any]) -> Verdict:
    criteria, account = document["criteria"], document["account"]
    findings = tuple(
        Finding(
            measure=found["measure"],
            about=About(found["about"]),
            value=_number(found["value"]),
            direction=found["direction"],
            bound=_number(found["bound"]),
            passed=found["passed"],
            why=found["why"],
        )
        for found in criteria["findings"]
    )
    return Verdict(
        answer=Answer(document["answer"]),
        findings=findings,
        measures={name: _number(value) for name, value in document["measures"].items()},
        subject=_subject(document),
        criteria_hash=criteria["hash"],
        criteria_source=criteria["source"],
        account=None if account is None else _account_run(account),
    )


def _subject(document: dict[str, Any]) -> Subject:
    model = None if document["version"] == _UNNAMED else str(document["model"])
    return Subject(document["configuration"], document["data"], model)


def _agrees(verdict: Verdict) -> bool:
    """An edge has findings, all passed and within their bounds; other answers have a failed one."""
    for finding in verdict.findings:
        within = (
            finding.value >= finding.bound
            if finding.direction == "at least"
            else finding.value <= finding.bound
        )
        if finding.passed is not within:
            return False
    failed = {finding.about for finding in verdict.findings if not finding.passed}
    if verdict.answer is Answer.EDGE:
        return bool(verdict.findings) and not failed
    return (About.DATA in failed) is (verdict.answer is Answer.TOO_LITTLE_DATA) and bool(failed)


def _number(value: object) -> float:
    if value is None:
        return math.nan
    if isinstance(value, str) and value not in {"inf", "-inf"}:
        raise ValueError(f"no number: {value}")
    return float(value)  # type: ignore[arg-type]


def _unreadable(path: Path, found: str) -> DataError:
    return DataError(
        "a verdict cannot be read",
        where=str(path),
        found=found,
        todo="make it anew from a backtest",
    )
