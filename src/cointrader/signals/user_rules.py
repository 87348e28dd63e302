"""Signal rules from files: ``path/to/file.py:Name``.

The file is compiled from the bytes that are hashed, never from a cached copy, so the hash in a
verdict or a journal is that of the rule that ran. Modules beside it that it imports count too.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from cointrader.domain.errors import ConfigError
from cointrader.signals.checked import CheckedRule

HOW = "path/to/file.py:Name"
_SEE = "see docs/signals.md, or begin with: cointrader new-signal NAME"
_modules: dict[tuple[Path, str], ModuleType] = {}  # by file and hash: run once in a process


def load_rule(place: str) -> CheckedRule:
    """The rule at `place`, freshly made; relative paths start at the working directory.

    Raises
    ------
    ConfigError : no such file or name, a file that is not Python or fails while it is imported,
        or something there that is no rule
    """
    path, name = _split(place)
    sources = _sources(path, place)
    digest = _digest(path, sources)
    module = _module(path, digest, sources, place)
    return CheckedRule(
        _made(module, name, place), place=f"{path.name}:{name}", path=path, sha256=digest
    )


def rule_sha256(place: str) -> str:
    """Hash of the file of ``path/to/file.py:Name``, without running it.

    The file's own SHA-256; with modules beside it that it imports, that of a list of them all.
    """
    path, _ = _split(place)
    return _digest(path, _sources(path, place))


def _split(place: str) -> tuple[Path, str]:
    text, colon, name = place.strip().rpartition(":")
    if not colon or not text.endswith(".py") or not name.isidentifier():
        raise ConfigError("this names no signal rule", where="SIGNAL", found=place, allowed=HOW)
    path = Path(os.path.expanduser(text))  # noqa: PTH111 - Path raises where there is no home
    if not path.is_file():
        close = _nearest(path.name, [found.name for found in _python_files(path.parent)])
        raise ConfigError(
            "the file of the signal rule does not exist",
            where=f"SIGNAL = {place}",
            found="a folder" if path.is_dir() else f"nothing at {path.absolute()}",
            allowed=f"score, or {HOW} as seen from {Path.cwd()}",
            todo=f"did you mean {path.with_name(close)}?" if close else _SEE,
        )
    return path.resolve(), name


def _python_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.py")) if folder.is_dir() else []


def _sources(path: Path, place: str) -> dict[Path, bytes]:
    """The file and, in alphabetical order, the modules beside it that it imports; their bytes."""
    found: dict[Path, bytes] = {}
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        try:
            found[file] = file.read_bytes()
        except OSError as error:
            raise ConfigError(
                "the file of the signal rule cannot be read",
                where=f"SIGNAL = {place}",
                found=f"{file}: {error.strerror or error}",
                todo="check its permissions",
            ) from error
        waiting += _beside(_parsed(file, found[file]), path.parent)
    return {path: found.pop(path), **dict(sorted(found.items()))}


def _parsed(file: Path, source: bytes) -> ast.Module:
    try:
        return ast.parse(source, filename=str(file))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        text = (getattr(error, "text", None) or "").strip()
        told = getattr(error, "msg", None) or str(error)
        raise ConfigError(
            f"the file of the signal rule is not valid Python: {told}",
            where=f"{file}, line {line}" if line else str(file),
            found=text or None,
            todo="mend that line",
        ) from error


def _beside(tree: ast.Module, folder: Path) -> Iterator[Path]:
    """Files in `folder` that the imports of `tree` name."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                names = [alias.name for alias in aliases]
            case ast.ImportFrom(module=str(name), level=0, names=aliases):
                names = [name, *(f"{name}.{alias.name}" for alias in aliases)]
            case _:
                continue
        for parts in (name.split(".") for name in names):
            if parts[0] in sys.stdlib_module_names:
                continue
            for end in range(1, len(parts) + 1):
                base = folder.joinpath(*parts[:end])
                yield from (
                    file
                    for file in (base.with_suffix(".py"), base / "__init__.py")
                    if file.is_file()
                )


def _digest(path: Path, sources: dict[Path, bytes]) -> str:
    if len(sources) == 1:
        return hashlib.sha256(sources[path]).hexdigest()
    lines = [
        f"{hashlib.sha256(source).hexdigest()}  {file.relative_to(path.parent).as_posix()}\n"
        for file, source in sources.items()
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _module(path: Path, digest: str, sources: dict[Path, bytes], place: str) -> ModuleType:
    if (path, digest) in _modules:
        return _modules[path, digest]
    module = ModuleType(f"cointrader_rule_{path.stem}_{digest[:12]}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look their module up there
    if len(sources) > 1 and str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # at the end: nothing of Python's own is hidden
    try:
        exec(compile(sources[path], str(path), "exec", dont_inherit=True), module.__dict__)
        _require_own_modules(path, sources)
    except Exception as error:
        del sys.modules[module.__name__]
        if isinstance(error, ConfigError):
            raise
        lines = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
        raise ConfigError(
            "the file of the signal rule fails while it is imported",
            where=f"{path}, line {lines[-1].lineno}" if lines else str(path),
            found=f"{type(error).__name__}: {error}",
            todo="mend it; `python " + path.name + "` shows the whole error",
        ) from error
    _modules[path, digest] = module
    return module


def _require_own_modules(path: Path, sources: dict[Path, bytes]) -> None:
    """A module beside the rule must not have been taken from somewhere else, or from before."""
    for file in list(sources)[1:]:
        parts = file.relative_to(path.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        taken = getattr(sys.modules.get(name), "__file__", None)
        if taken is not None and Path(taken).resolve() != file.resolve():
            raise ConfigError(
                f"the signal rule imports {name!r}, and gets another file of that name",
                where=str(path),
                found=taken,
                allowed=str(file),
                todo="give your module a name of its own",
            )


def _made(module: ModuleType, name: str, place: str) -> CheckedRule:
    """The object `name` of `module`; a class is called without arguments."""
    known = vars(module)
    if name not in known:
        rules = [each for each, value in known.items() if _looks_like_a_rule(value, module)]
        close = _nearest(name, rules)
        raise ConfigError(
            f"the file has no signal rule {name!r}",
            where=f"SIGNAL = {place}",
            found=", ".join(rules) or "no class with a method `evaluate`",
            allowed="the name of a rule in that file",
            todo=f"did you mean {close}?" if close else _SEE,
        )
    found = known[name]
    if not isinstance(found, type):
        rule: CheckedRule = found  # `CheckedRule` judges whether it is one
        return rule
    try:
        rule = found()
    except Exception as error:
        raise ConfigError(
            "the signal rule cannot be made",
            where=f"SIGNAL = {place}",
            found=f"{type(error).__name__}: {error}",
            allowed="a class that needs no arguments, or an object already made",
            todo=f"give its arguments defaults, or write NAME = {name}(...) and name that",
        ) from error
    return rule


def _looks_like_a_rule(value: object, module: ModuleType) -> bool:
    if isinstance(value, type) and value.__module__ != module.__name__:
        return False
    return callable(getattr(value, "evaluate", None))


def _nearest(name: str, known: list[str]) -> str | None:
    lowered = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), lowered, n=1)
    return lowered[close[0]] if close else None
