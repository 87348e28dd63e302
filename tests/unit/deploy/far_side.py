"""Somewhere to deploy to, and ways to disturb what happens there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from cointrader.app.deploy.deploy import Shipment, shipment
from cointrader.model.artifact import Model, read
from cointrader.model.errors import ModelMissing
from cointrader.model.manifest import Manifest
from tests.unit.model.making import constant, published

SYMBOL = "XRPUSDT"
CHANGING = ("cp", "mkdir", "mv", "rm", "sync", "tar")  # programs that change what is there


def a_shipment(folder: Path, probability: float, **changes: Any) -> Shipment:
    """Of a model that says this of every row."""
    symbol = str(changes.get("symbol", SYMBOL))
    published(folder, constant(probability), **changes)
    return shipment(folder, symbol)


def active(far: Path, symbol: str = SYMBOL) -> Model | None:
    """What a bot there would load."""
    try:
        return read(far / "models", symbol)
    except ModelMissing:
        return None


def active_manifest(far: Path, symbol: str = SYMBOL) -> Manifest:
    """Of the model a bot there would load; there must be one."""
    found = active(far, symbol)
    assert found is not None
    return found.manifest


def active_sha(far: Path, symbol: str = SYMBOL) -> str | None:
    found = active(far, symbol)
    return None if found is None else found.manifest.sha256


def deadly_tools(folder: Path, step: int) -> str:
    """A PATH on which everything is killed just before the n-th program that changes something."""
    folder.mkdir()
    for name in CHANGING:
        real = shutil.which(name)
        assert real is not None, name
        (folder / name).write_text(
            f"""#!/bin/sh
echo {name} >>{folder}/calls
if [ $(wc -l <{folder}/calls) -eq {step} ]; then
  top=$$
  while read -r _ _ _ above _ </proc/$top/stat && [ $above -ne {os.getpid()} ]; do
    top=$above
  done
  kill -9 $top
  exit 1
fi
exec {real} "$@"
"""
        )
        (folder / name).chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def only_tools(folder: Path, *names: str) -> str:
    """A PATH with nothing but these."""
    folder.mkdir()
    for name in names:
        real = shutil.which(name)
        assert real is not None, name
        (folder / name).symlink_to(real)
    return str(folder)


def an_ssh(folder: Path, before: str = "") -> str:
    """A program that is called as ssh is, and runs the command on this machine, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "ssh"
    program.write_text(
        f"""#!/bin/sh
printf '%s\\n' "$@" >{folder}/arguments
while [ "$1" != -- ]; do shift; done
cd {folder} || exit 255
{before}
exec sh -c "$3"
"""
    )
    program.chmod(0o755)
    return str(program)
