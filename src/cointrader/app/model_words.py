"""What a run writes down of the models that judge its signals, and how it is read again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

FOLDER, SERVED, THRESHOLDS = "models", "model", "model_thresholds"  # in a run's source
NONE, BROKEN, OFF = "none", "broken", "off"  # where no model is named
_WORDS = {NONE: "none", BROKEN: "one that may not be used", OFF: "no filter"}


def begun_with(source: Mapping[str, str]) -> Path | None:
    """The folder of the models that judge a run's signals; None: nothing does."""
    return Path(source[FOLDER]) if FOLDER in source else None


def pairs(text: str) -> dict[str, str]:
    """``"A=1 B=2"``, as `Models.told` writes it."""
    found = (pair.partition("=") for pair in text.split())
    return {symbol: value for symbol, _, value in found}


def served_in_words(source: Mapping[str, str]) -> str | None:
    """What a run's source tells of its models, for a person; None where it tells nothing."""
    served = pairs(source.get(SERVED, ""))
    if not served:
        return None
    return ", ".join(f"{symbol} {_WORDS.get(found, found)}" for symbol, found in served.items())
