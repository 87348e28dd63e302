"""What takes too long for every change: `make test-full` plays it whole, other runs a part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

import pytest

IS_FULL = os.environ.get("COINTRADER_FULL") == "1"

only_in_full = pytest.mark.skipif(not IS_FULL, reason="takes long: make test-full")

T = TypeVar("T")


def some(items: Sequence[T], every: int) -> Sequence[T]:
    """All of them in full, else the first and each `every`-th after it."""
    return items if IS_FULL else items[::every]
