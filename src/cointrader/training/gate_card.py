"""The gate's verdict on model cards, beside what the training wrote there.

The verdict is the key ``gate`` of a card. It is put into the file as it is, so a card loses nothing
to a version that knows fewer of its keys.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cointrader.model.folder import put, settle
from cointrader.training.card import CARD_FILE, FORMAT, read_cards

KEY = "gate"


def write_verdict(folder: Path, backend: str, verdict: Mapping[str, object]) -> None:
    """Write a verdict on the card of `backend` in a folder of candidates. `DataError`."""
    read_cards(folder)  # or it says what is wrong
    told = _told(folder)
    told["cards"][backend][KEY] = dict(verdict)
    _put(folder, told)


def verdict_on(folder: Path, backend: str) -> Mapping[str, Any] | None:
    """What the gate said last of the model that a card describes; None: nothing."""
    found = _told(folder)["cards"].get(backend, {}).get(KEY)
    return found if isinstance(found, dict) else None


def copy_card(source: Path, target: Path, backend: str) -> None:
    """Bring the card of a candidate to where its model is published; others there stay."""
    try:
        told = _told(target)
    except (OSError, ValueError, KeyError, TypeError):  # what nobody can read is of use to nobody
        told = {"format": FORMAT, "cards": {}}
    told["cards"][backend] = _told(source)["cards"][backend]
    target.mkdir(parents=True, exist_ok=True)
    _put(target, told)


def _told(folder: Path) -> dict[str, Any]:
    """The file as it is; no cards where there is none."""
    try:
        told: dict[str, Any] = json.loads((folder / CARD_FILE).read_bytes())
    except FileNotFoundError:
        told = {"format": FORMAT, "cards": {}}
    if not isinstance(told["cards"], dict):
        raise TypeError("cards by backend")
    return told


def _put(folder: Path, told: Mapping[str, Any]) -> None:
    put(folder, CARD_FILE, (json.dumps(told, indent=2, allow_nan=False) + "\n").encode())
    settle(folder)
