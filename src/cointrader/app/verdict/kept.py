"""Verdicts on disk: one file for each configuration, in ``verdicts/`` of the working folder.

The file is that of `backtest.verdict_file`, and says on what occasion it was made. The name of a
file follows from the configuration, so the last verdict on it counts and no other is overwritten.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cointrader.app.whole_file import written_whole
from cointrader.backtest.verdict import Verdict
from cointrader.backtest.verdict_file import as_json, read_verdict
from cointrader.domain.errors import DataError, UsageError

VERDICTS = Path("verdicts")
_OCCASION = "occasion"


@dataclass(frozen=True, slots=True)
class Occasion:
    """When and on what a verdict was made.

    Parameters
    ----------
    made_ms : when
    market : what the candles were, in words
    is_made_up : whether they were synthetic
    start_ms, end_ms : what was played, end excluded
    settings : of the configuration, as `verdict_subject.Identity` has them
    """

    made_ms: int
    market: str
    is_made_up: bool
    symbols: tuple[str, ...]
    start_ms: int
    end_ms: int
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeptVerdict:
    """A verdict and its occasion."""

    verdict: Verdict
    occasion: Occasion

    def as_json(self) -> dict[str, object]:
        """Plain values for any JSON writer."""
        return {**as_json(self.verdict), _OCCASION: asdict(self.occasion)}


def default_path(configuration: str, folder: Path = VERDICTS) -> Path:
    """Where the verdict on a configuration is kept, by the configuration's hash."""
    return folder / f"{configuration[:16]}.json"


def keep_verdict(kept: KeptVerdict, path: Path) -> None:
    """Write a verdict aside and move it into place; its folder is made.

    `CointraderError` where the disk refuses; what was there before is untouched.
    """
    todo = "check the free space and the permissions, or name another file with --verdict"
    with written_whole(path, "the verdict", todo=todo) as file:
        json.dump(kept.as_json(), file, indent=2, allow_nan=False)
        file.write("\n")


def kept_verdict(path: Path) -> KeptVerdict:
    """Read a verdict file. `DataError` where it is missing, is none, or contradicts itself."""
    verdict = read_verdict(path)
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))[_OCCASION]
        occasion = Occasion(
            made_ms=int(told["made_ms"]),
            market=str(told["market"]),
            is_made_up=bool(told["is_made_up"]),
            symbols=tuple(map(str, told["symbols"])),
            start_ms=int(told["start_ms"]),
            end_ms=int(told["end_ms"]),
            settings={str(name): str(text) for name, text in told["settings"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            "a verdict does not say on what occasion it was made",
            where=str(path),
            found=f"{type(error).__name__}: {error}",
            todo="make it anew: cointrader backtest",
        ) from None
    return KeptVerdict(verdict, occasion)


def require_verdict_writable(path: Path) -> None:
    """Say so before a long run, not after it; and leave nothing behind. `UsageError`."""
    folder = next((each for each in path.absolute().parents if each.exists()), Path("/"))
    why_not = ""
    if path.is_dir():
        why_not = "this is a folder"
    elif path.exists() and not _is_replaceable(path):
        why_not = "there is a file that holds something else than a verdict"
    elif not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        why_not = "its folder is not yours to write"
    if why_not:
        raise UsageError(
            f"the verdict cannot be written there: {why_not}",
            where="--verdict",
            found=str(path),
            todo="name another file with --verdict, or do without: --no-verdict",
        )


def _is_replaceable(path: Path) -> bool:
    """Whether a file is empty, or a verdict, of whatever version."""
    try:
        text = path.read_text(encoding="utf-8")
        told = json.loads(text) if text.strip() else {"answer": ""}
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and "answer" in told
