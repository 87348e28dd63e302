"""Plain Python functions over arrays and numbers, as machine code that is kept on disk.

``compiled(function)`` compiles a function, and every plain function it calls, in whatever module,
at its first call. So a rule is written once: live code calls it as it is, a kernel compiles it.
numba is imported at that first call and not before.

What is kept is found again by a digest of everything that was compiled, of numba's and of Python's
version: an edited rule is compiled anew although the kernel's own file is as it was (numba's own
cache would miss that). Where nothing can be kept, it is compiled once per process.
"""

from __future__ import annotations

import dis
import hashlib
import importlib
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import update_wrapper
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Generic, ParamSpec, TypeVar

from cointrader.domain.errors import ConfigError

P = ParamSpec("P")
R = TypeVar("R")

_KEPT_VERSIONS = 4  # of one function: a checkout and an installed package may take turns
_LOCK = threading.RLock()


def compiled(function: Callable[P, R]) -> Compiled[P, R]:
    """`function`, to be compiled at its first call.

    Same bits as uncompiled: no reordering of floats, and a division by zero is infinite or NaN
    (numpy's rule) instead of an error. It takes numbers, arrays and tuples of them, by position.
    """
    return Compiled(function)


class Compiled(Generic[P, R]):
    """A function that is machine code when it is called. `plain` is the one it was made from."""

    def __init__(self, function: Callable[P, R]) -> None:
        if not isinstance(function, FunctionType):
            raise TypeError(f"only a plain function can be compiled, not {function!r}")
        self.plain: Callable[P, R] = function
        self._function: FunctionType = function
        self._dispatcher: Callable[P, R] | None = None
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        dispatcher = self._dispatcher
        if dispatcher is None:
            dispatcher = self.dispatcher()
        return dispatcher(*args, **kwargs)

    def dispatcher(self) -> Callable[P, R]:
        """numba's own object, for loops in which one more call would count."""
        with _LOCK:
            if self._dispatcher is None:
                made: dict[FunctionType, Any] = {}
                self._dispatcher = _dispatcher(self._function, made)
                folder = cache_folder()
                if folder is not None:
                    _keep(self._dispatcher, self._function, folder)
        return self._dispatcher

    def digest(self) -> str:
        """Names everything that would be compiled; any edit of it gives another."""
        return digest_of(self._function)


def cache_folder() -> Path | None:
    """Where compiled functions are kept: the user's cache folder, else one among temporary files.

    None where neither can be written by this user alone.
    """
    told = os.environ.get("XDG_CACHE_HOME", "")
    with suppress(RuntimeError, OSError):  # a user without a home
        base = Path(told) if told else Path.home() / ".cache"
        folder = base / "cointrader" / "compiled"
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    user = os.getuid() if hasattr(os, "getuid") else 0
    with suppress(OSError):
        folder = Path(tempfile.gettempdir()) / f"cointrader-{user}" / "compiled"
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(exist_ok=True)
        above = folder.parent.stat()  # what is loaded from here is run: it must be ours alone
        is_ours = not hasattr(os, "getuid") or above.st_uid == user
        if is_ours and not above.st_mode & 0o022 and os.access(folder, os.W_OK | os.X_OK):
            return folder
    return None


# ------------------------------------------------------------------ what belongs to a function


def digest_of(function: FunctionType) -> str:
    """A hash of a function, of all plain functions it reaches, and of the constants they use."""
    found = hashlib.sha256(sys.version.encode())
    for each in _reached(function):
        _add_code(found.update, each.__code__)
        values = [*(each.__defaults__ or ()), *(each.__kwdefaults__ or {}).items()]
        values += [cell.cell_contents for cell in each.__closure__ or ()]
        values += sorted((n, _plain(v)) for n, v in _globals_of(each).items())
        found.update(repr([each.__qualname__, *map(_plain, values)]).encode())
    return found.hexdigest()


def _reached(function: FunctionType) -> Iterator[FunctionType]:
    """`function` and every plain function it calls, each once, in the order they are met."""
    seen, waiting = {function}, [function]
    while waiting:
        each = waiting.pop()
        yield each
        for _, value in sorted(_globals_of(each).items()):
            called = _callee(value)
            if called is not None and called not in seen:
                seen.add(called)
                waiting.append(called)


def _globals_of(function: FunctionType) -> Mapping[str, Any]:
    """What `function` takes from its module, by name."""
    known = function.__globals__
    return {name: known[name] for name in _names(function.__code__) if name in known}


def _names(code: CodeType) -> set[str]:
    """Names looked up in the module; attributes may be called the same and do not count."""
    inner = (part for part in code.co_consts if isinstance(part, CodeType))
    own = {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}
    return own.union(*map(_names, inner))


def _callee(value: object) -> FunctionType | None:
    if isinstance(value, Compiled):
        value = value.plain
    return value if isinstance(value, FunctionType) else None


def _add_code(add: Callable[[bytes], None], code: CodeType) -> None:
    add(code.co_code)
    add(repr((code.co_names, code.co_varnames, code.co_argcount)).encode())
    for part in code.co_consts:
        if isinstance(part, CodeType):
            _add_code(add, part)
        else:
            add(repr(_plain(part)).encode())


def _plain(value: Any) -> object:
    """Something whose `repr` tells `value` apart from others and is the same in every process."""
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return value
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if isinstance(value, frozenset | set):
        return sorted(repr(_plain(part)) for part in value)
    if hasattr(value, "tobytes") and hasattr(value, "dtype"):
        return [str(value.dtype), getattr(value, "shape", ()), value.tobytes()]
    return getattr(value, "__qualname__", None) or getattr(value, "__name__", str(type(value)))


# ------------------------------------------------------------------ numba


def _dispatcher(function: FunctionType, made: dict[FunctionType, Any]) -> Any:
    """numba's object for `function`, its callees bound to theirs."""
    if function not in made:
        made[function] = function  # should it come back to itself, numba says what it makes of that
        bound = dict(function.__globals__)
        for name, value in _globals_of(function).items():
            called = _callee(value)
            if called is not None and called is not function:
                bound[name] = _dispatcher(called, made)
        copy = FunctionType(
            function.__code__,
            bound,
            function.__name__,
            function.__defaults__,
            function.__closure__,
        )
        copy.__kwdefaults__ = function.__kwdefaults__
        copy.__qualname__ = function.__qualname__
        made[function] = _numba().njit(error_model="numpy", nogil=True)(copy)
    return made[function]


def _numba() -> Any:
    try:
        import numba
    except ImportError as error:
        raise ConfigError(
            "backtests are compiled by numba, which is not installed",
            todo="pip install 'cointrader[research]'",
        ) from error
    return numba


def _keep(dispatcher: Any, function: FunctionType, folder: Path) -> None:
    """Let `dispatcher` look for itself in `folder` before compiling, and leave itself there.

    numba's way of choosing a place goes by the path and the time of one source file; here the
    place is the digest. Whatever goes wrong with files: it is compiled, and nobody hears of it.
    """
    caching: Any = importlib.import_module("numba.core.caching")
    digest = digest_of(function)
    kept = folder / f"{function.__module__}.{function.__qualname__}".replace("<", "").replace(
        ">", ""
    )
    place = kept / digest[:32]

    class Locator(caching._CacheLocator):  # type: ignore[misc]
        _py_file = function.__code__.co_filename  # named in numba's warnings

        def get_cache_path(self) -> str:
            return str(place)

        def get_source_stamp(self) -> str:
            return digest

        def get_disambiguator(self) -> str:
            return ""

        @classmethod
        def from_function(cls, _function: object, _file: str) -> Locator:
            return cls()

    class Implementation(caching.CompileResultCacheImpl):  # type: ignore[misc]
        _locator_classes = (Locator,)

    class Kept(caching.Cache):  # type: ignore[misc]
        _impl_class = Implementation

        def load_overload(self, signature: object, context: object) -> Any:
            with suppress(Exception):
                return super().load_overload(signature, context)
            return None

        def save_overload(self, signature: object, data: object) -> None:
            with suppress(Exception):
                super().save_overload(signature, data)
                _forget_old(kept)

    with suppress(Exception):
        dispatcher._cache = Kept(dispatcher.py_func)


def _forget_old(folder: Path) -> None:
    """Delete all but the versions that were made last."""
    versions = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for version in versions[_KEPT_VERSIONS:]:
        for file in version.iterdir():
            file.unlink(missing_ok=True)
        version.rmdir()
