"""Plain Python functions over arrays and numbers, as machine code that is kept on disk.

``compiled(function)`` compiles a function, and every plain function it calls, in whatever module,
at its first call. So a rule is written once: live code calls it as it is, a kernel compiles it.

What is kept is found again by a digest of everything that was compiled, of the kinds of arguments,
of all that makes and loads it (Python, numpy, numba, llvmlite and the modules here) and of the
processor. It names that digest itself, and is never run under another. It is run without numba
(`signals.native`), which is imported only to compile. Where nothing can be kept, it is compiled
once per process.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache, update_wrapper
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar

from cointrader.domain.errors import ConfigError
from cointrader.signals.native import (
    Code,
    alone_at,
    assembled,
    cache_folder,
    keep,
    kept,
    made_by,
    native,
)
from cointrader.signals.native_entry import UNLIKE, Unfit, entry_text, kind_text, usual
from cointrader.signals.reach import callee, digest_of, globals_of

P = ParamSpec("P")
R = TypeVar("R")

_LOCK = threading.RLock()
_LETTERS = {  # of numba's types in `struct`
    "float64": "d", "int64": "q", "int32": "i", "int16": "h", "int8": "b", "uint8": "B",
    "uint64": "Q", "bool": "?",
}  # fmt: skip


def compiled(function: Callable[P, R]) -> Compiled[P, R]:
    """`function`, to be compiled at its first call.

    Same bits as uncompiled: no reordering of floats, and a division by zero is infinite or NaN
    (numpy's rule) instead of an error. It takes numbers, arrays and tuples of them, by position.
    One that makes no arrays of its own is kept on disk; any other is compiled in every process.
    """
    return Compiled(function)


def can_compile() -> bool:
    """Whether functions are to become machine code here: numba is installed, and not switched off.

    For what has another way that is as good, only slower.
    """
    is_off = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
    return not is_off and _has_numba()


@cache
def _has_numba() -> bool:
    """Looked for once: that goes through every folder of packages."""
    return find_spec("numba") is not None


class Compiled(Generic[P, R]):
    """A function that is machine code when it is called. `plain` is the one it was made from."""

    def __init__(self, function: Callable[P, R]) -> None:
        if not isinstance(function, FunctionType):
            raise TypeError(f"only a plain function can be compiled, not {function!r}")
        self.plain: Callable[P, R] = function
        self._function: FunctionType = function
        self._natives: list[Callable[..., Any]] = []  # each for one kind of arguments
        self._by_kind: dict[str, Callable[..., Any] | None] = {}  # None: numba must call it
        self._dispatcher: Callable[P, R] | None = None
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if not kwargs:
            for each in self._natives:
                answer = each(*args)
                if answer is not UNLIKE:
                    return answer  # type: ignore[no-any-return]
        return self._called(*args, **kwargs)

    @property
    def known(self) -> int:
        """For how many kinds of arguments it is at hand in this process."""
        return len(self._by_kind)

    @property
    def is_native(self) -> bool:
        """Whether it was called, and never needed numba for more than to be compiled."""
        return bool(self._by_kind) and None not in self._by_kind.values()

    def digest(self) -> str:
        """Names everything that would be compiled; any edit of it gives another."""
        return digest_of(self._function)

    def _called(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The first call with such arguments, or one that only numba can make."""
        native = None
        with suppress(Unfit):
            usually = usual(args)
            native = None if kwargs else self._native(kind_text(usually), usually)
            if native is not None:
                answer = native(*usually)
                if answer is not UNLIKE:
                    return answer  # type: ignore[no-any-return]
        return self._by_numba(*args, **kwargs)

    def _native(self, kinds: str, args: tuple[Any, ...]) -> Callable[..., Any] | None:
        """Code for such arguments, found or made; None where numba must call it."""
        with _LOCK:
            if kinds not in self._by_kind:
                self._by_kind[kinds] = None
                with suppress(Unfit):
                    made = native(self._code(args, kinds), args)
                    self._by_kind[kinds] = made
                    self._natives.append(made)
        return self._by_kind[kinds]

    def _code(self, args: tuple[Any, ...], kinds: str) -> Code:
        """What was kept of it on disk; else it is made, and kept."""
        function, digest, folder = self._function, self.digest(), cache_folder()
        key = _hash(digest, kinds, _compiler(), made_by())
        name = f"{function.__name__}_{key}"
        if folder is None:
            return _made(function, args, name, key)
        named = f"{function.__module__}.{function.__qualname__}".replace("<", "").replace(">", "")
        place = folder / named / _hash(digest, _compiler(), made_by()) / f"{name}.code"
        code = kept(place, key, name)
        if code is not None:
            return code
        with alone_at(place):
            code = kept(place, key, name)
            if code is None:
                code = _made(function, args, name, key)
                keep(code, place)
        return code

    def _by_numba(self, *args: P.args, **kwargs: P.kwargs) -> R:
        with _LOCK:
            if self._dispatcher is None:
                self._dispatcher = _dispatcher(self._function, {}, is_alone=False)
        return self._dispatcher(*args, **kwargs)


def _hash(*told: str) -> str:
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:32]


# ------------------------------------------------------------------ numba


@cache
def _compiler() -> str:
    """Names what compiles: numba with its settings."""
    told = sorted(each for each in os.environ.items() if each[0].startswith("NUMBA_"))
    found = find_spec("numba")
    if found is None or found.origin is None:
        raise _missing()
    # Its own word on its version: asking the packaging for it takes as long as to load all code.
    version = Path(found.origin).with_name("_version.py").read_bytes()
    return f"numba {hashlib.sha256(version).hexdigest()} {told}"


def _numba() -> Any:
    try:
        import numba
    except ImportError as error:
        raise _missing() from error
    return numba


def _missing() -> ConfigError:
    return ConfigError(
        "backtests are compiled by numba, which is not installed",
        todo="pip install 'cointrader[research]'",
    )


def _made(function: FunctionType, args: tuple[Any, ...], name: str, key: str) -> Code:
    """`function` compiled for such arguments. Raises `Unfit` where only numba can call it."""
    numba = _numba()
    if numba.config.DISABLE_JIT:
        raise Unfit("nothing is to be compiled")
    dispatcher = _dispatcher(function, {}, is_alone=True)
    kinds = tuple(map(numba.typeof, args))
    dispatcher.compile(kinds)
    result = dispatcher.overloads[kinds]
    answer, is_tuple = _answer(numba, result.signature.return_type)
    symbol = result.fndesc.llvm_func_name
    return assembled(
        dispatcher.inspect_llvm(kinds),
        symbol,
        name,
        key,
        lambda takes: entry_text(name, symbol, takes, args, answer, is_tuple=is_tuple),
    )


def _answer(numba: Any, kind: Any) -> tuple[str, bool]:
    """What comes back, in the letters of `struct`; whether it is a tuple."""
    if kind == numba.types.none:
        return "", False
    is_tuple = isinstance(kind, numba.types.BaseAnonymousTuple) and len(kind) > 0
    found = [_LETTERS.get(str(each)) for each in (kind if is_tuple else [kind])]
    if None in found:
        raise Unfit(f"returns {kind}")
    return "".join(map(str, found)), is_tuple


def _dispatcher(function: FunctionType, made: dict[FunctionType, Any], *, is_alone: bool) -> Any:
    """numba's object for `function`, its callees bound to theirs.

    `is_alone`: nobody calls it from Python, so nothing is made for that.
    """
    if function not in made:
        made[function] = function  # should it come back to itself, numba says what it makes of that
        bound = dict(function.__globals__)
        for name, value in globals_of(function).items():
            called = callee(value)
            if called is not None and called is not function:
                bound[name] = _dispatcher(called, made, is_alone=True)
        copy = FunctionType(
            function.__code__,
            bound,
            function.__name__,
            function.__defaults__,
            function.__closure__,
        )
        copy.__kwdefaults__ = function.__kwdefaults__
        copy.__qualname__ = function.__qualname__
        made[function] = _numba().njit(
            error_model="numpy",
            nogil=not is_alone,
            no_cpython_wrapper=is_alone,
            no_cfunc_wrapper=is_alone,
        )(copy)
    return made[function]
