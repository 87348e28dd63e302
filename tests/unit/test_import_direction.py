"""Imports run one way: every room of the house knows only the rooms below it.

Read from the source, not from what gets loaded, so lazy and TYPE_CHECKING imports count too.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "cointrader"
SOURCE = Path(__file__).parents[2] / "src" / PACKAGE

# Which other rooms a room may import. Adding a line here is a decision about the design.
ALLOWED: dict[str, frozenset[str]] = {
    room: frozenset(others.split())
    for room, others in {
        "domain": "",
        "market": "domain",
        "signals": "domain market",
        "model": "domain market signals",
        "strategy": "domain market signals model",
        "risk": "domain",
        "web": "",
        "exchange": "domain web",
        "journal": "domain",
        "bot": "domain market signals model strategy risk",
        "backtest": "domain market signals model strategy risk exchange journal",
        "training": "domain market signals model strategy risk exchange journal backtest",
        "ops": "domain journal",
        "dashboard": "domain journal web",
        "app": (
            "domain market signals model strategy risk exchange journal bot backtest ops dashboard"
        ),
        "research": "domain market signals model strategy risk journal backtest app",
        "cli": (
            "domain market signals model strategy risk exchange journal bot backtest training "
            "ops dashboard app"
        ),
    }.items()
}
STANDARD_LIBRARY_ONLY = frozenset({"domain"})
# What a room may take from the package itself: no names that would lead anywhere else.
OF_THE_PACKAGE = frozenset({"__version__"})


def wrong_imports(source: Path) -> list[str]:
    """List every import under `source` that runs the wrong way, as `file:line imports X`."""
    return [
        f"{path.relative_to(source.parent).as_posix()}:{line} imports {name}"
        for path in sorted(source.rglob("*.py"))
        if (room := _room_of(path, source)) is not None
        for line, name in sorted(_imports(path, source))
        if not _may_import(room, name)
    ]


def _room_of(path: Path, source: Path) -> str | None:
    """The first folder (or file) below the package; None for the package's own front door."""
    room = path.relative_to(source).with_suffix("").parts[0]
    return None if room in {"__init__", "__main__"} else room


def _may_import(room: str, name: str) -> bool:
    top, *inside = name.split(".")
    if top != PACKAGE:
        return room not in STANDARD_LIBRARY_ONLY or top in sys.stdlib_module_names
    if not inside:
        return False
    target = inside[0]
    if target in OF_THE_PACKAGE:
        return True
    return target == room or target in ALLOWED.get(room, frozenset())


def _imports(path: Path, source: Path) -> Iterator[tuple[int, str]]:
    """Every imported module, absolute, with its line."""
    package = (source.name, *path.relative_to(source).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield node.lineno, alias.name
            case ast.ImportFrom(module=module, names=names, level=level):
                above = package[: len(package) - level + 1] if level else ()
                origin = ".".join((*above, *filter(None, [module])))
                # `from cointrader import risk` imports a room, not the front door.
                for alias in names if origin == PACKAGE else ():
                    yield node.lineno, f"{origin}.{alias.name}"
                if origin != PACKAGE:
                    yield node.lineno, origin
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ) if not name.startswith("."):
                yield node.lineno, name


def test_every_import_runs_the_right_way():
    wrong = wrong_imports(SOURCE)

    assert not wrong, "these imports run the wrong way:\n  " + "\n  ".join(wrong)


def test_every_room_is_known():
    rooms = {room for path in SOURCE.rglob("*.py") if (room := _room_of(path, SOURCE)) is not None}

    assert rooms, f"no source under {SOURCE}"
    assert rooms <= ALLOWED.keys(), "a new room needs a line in ALLOWED"


def test_direction_has_no_cycle():
    settled: set[str] = set()
    while ready := {room for room in ALLOWED.keys() - settled if ALLOWED[room] <= settled}:
        settled |= ready

    assert settled == ALLOWED.keys()


def test_only_the_command_line_imports_training():
    assert {room for room, below in ALLOWED.items() if "training" in below} == {"cli"}


def test_wrong_imports_are_found_wherever_they_hide(tmp_path):
    house = tmp_path / PACKAGE
    files = {
        "__init__.py": "from cointrader.app.config.config import Config\n",
        "domain/order.py": "import decimal\nimport numpy as np\n",
        "market/frame.py": (
            "from cointrader.domain.order import Side\n"
            "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n"
            "    from cointrader.strategy.decide import decide\n"
        ),
        "risk/book.py": "from ..market import frame\nfrom . import limits\nfrom .limits import x\n",
        "bot/bot.py": (
            "import cointrader.risk.manager\n"
            "def lazy():\n"
            "    import cointrader.exchange.binance.adapter\n"
        ),
        "exchange/binance/rest.py": "from ...journal import sqlite\nfrom ..simulated import wire\n",
        "app/live/wiring.py": (
            "import importlib\n"
            "importlib.import_module('cointrader.training.fit')\n"
            "from cointrader import risk, training, __version__\n"
            "from cointrader import Config\n"
        ),
        "strategy/plan.py": "import cointrader\nfrom cointrader.market.frame import Frame\n",
        "cli/main.py": "from cointrader.training import fit\nfrom cointrader.app import wiring\n",
    }
    for name, text in files.items():
        path = house / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    assert wrong_imports(house) == [
        "cointrader/app/live/wiring.py:2 imports cointrader.training.fit",
        "cointrader/app/live/wiring.py:3 imports cointrader.training",
        "cointrader/app/live/wiring.py:4 imports cointrader.Config",
        "cointrader/bot/bot.py:3 imports cointrader.exchange.binance.adapter",
        "cointrader/domain/order.py:2 imports numpy",
        "cointrader/exchange/binance/rest.py:1 imports cointrader.journal",
        "cointrader/market/frame.py:4 imports cointrader.strategy.decide",
        "cointrader/risk/book.py:1 imports cointrader.market",
        "cointrader/strategy/plan.py:1 imports cointrader",
    ]
