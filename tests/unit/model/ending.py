"""Publishes a model many times over in processes that end at once, each a step later.

    python -m tests.unit.model.ending FOLDER

Leaves one folder of models for each step, and ends when a publisher came to its end.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.unit.model.making import NAMES, linear, published, trees

_TOUCHES = {"open", "os.rename", "os.remove", "os.mkdir", "os.scandir", "os.listdir", "fcntl.flock"}
_ENDED = 9


def end_at(step: int, folder: Path) -> None:
    """From here on this process ends, without any clean-up, at its `step`-th touch of a file."""
    left = step

    def touched(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event in _TOUCHES and str(folder) in str(arguments[0]):
            left -= 1
            if left == 0:
                os._exit(_ENDED)

    sys.addaudithook(touched)


def main(root: Path) -> None:
    step, ended = 0, True
    while ended:
        step += 1
        folder = root / f"step{step:03d}"
        child = os.fork()
        if child == 0:
            published(folder, linear({"rsi": 0.01}))
            end_at(step, folder)
            published(folder, trees(NAMES, 20), threshold=0.7)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        ended = os.waitstatus_to_exitcode(status) == _ENDED


if __name__ == "__main__":
    main(Path(sys.argv[1]))
