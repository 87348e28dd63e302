"""Python's search for garbage, put off where there is none."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing is searched meanwhile: for imports, and for commands that are over in a moment.

    Importing makes hundreds of thousands of objects that stay, and each search looks at them again.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
