"""Hashes that say whether two runs were of the same settings, data or file.

SHA-256 of a text that the same values always give, on every machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def hash_of_settings(settings: Mapping[str, object]) -> str:
    """Of nested settings, whatever their order.

    A Decimal counts by its value, 0.50 as 0.5. `TypeError` for a value that has no one way of being
    written down.
    """
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"), default=_written)
    return hashlib.sha256(text.encode()).hexdigest()


def hash_of_arrays(arrays: Iterable[tuple[str, NDArray[np.generic]]]) -> str:
    """Of named columns, whatever their order: names, kinds, lengths and every bit of the values."""
    whole = hashlib.sha256()
    for name, array in sorted(arrays, key=lambda pair: pair[0]):
        kind = array.dtype.newbyteorder("<")
        whole.update(f"{name} {kind.str} {array.shape}\n".encode())
        whole.update(np.ascontiguousarray(array, dtype=kind).view(np.uint8).data)
    return whole.hexdigest()


def hash_of_file(path: Path) -> str:
    """Of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _written(value: object) -> object:
    match value:
        case Decimal():
            return f"{value.normalize():f}"
        case Enum():
            return value.value
        case Path():
            return value.as_posix()
        case set() | frozenset():
            return sorted(value)
    raise TypeError(f"no fingerprint of {type(value).__name__} {value!r}")
