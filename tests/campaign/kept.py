"""Runs that were judged, a line each, so that a campaign that was interrupted goes on."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from tests.campaign.audit import Verdict
from tests.campaign.stage import Scenario


class Kept:
    """The verdicts in the file `path`, on days of `bars` bars. A line cut short is no verdict."""

    def __init__(self, path: Path, bars: int) -> None:
        self.path = path.with_stem(f"{path.stem}-{bars}")
        self._verdicts: dict[tuple[int, str], Verdict] = {}
        lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        for line in lines:
            with suppress(msgspec.DecodeError):
                verdict = msgspec.json.decode(line, type=Verdict)
                self._verdicts[verdict.seed, verdict.faults] = verdict

    def __contains__(self, scenario: Scenario) -> bool:
        return (scenario.seed, scenario.faults) in self._verdicts

    def __getitem__(self, scenario: Scenario) -> Verdict:
        return self._verdicts[scenario.seed, scenario.faults]

    def add(self, verdict: Verdict) -> None:
        """Keep one more, before the next begins."""
        self._verdicts[verdict.seed, verdict.faults] = verdict
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(b"\n" + msgspec.json.encode(verdict))  # what is before may be cut short
