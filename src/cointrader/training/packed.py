"""Arrays as the bytes of one .npz file."""

from __future__ import annotations

import io
from typing import Any

import numpy as np


def packed(arrays: dict[str, Any]) -> bytes:
    """The content of an .npz file that holds `arrays` by their names.

    A KeyboardInterrupt stays one: zipfile, interrupted at the wrong moment, complains of itself.
    """
    room = io.BytesIO()
    try:
        np.savez(room, **arrays)
    except ValueError as complaint:
        if isinstance(complaint.__context__, KeyboardInterrupt):
            raise complaint.__context__ from None
        raise
    return room.getvalue()
