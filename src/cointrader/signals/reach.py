"""What belongs to a plain function: all that it calls, and a digest of it.

So an edited rule is noticed although the file of the function that calls it is as it was.
"""

from __future__ import annotations

import hashlib
import opcode
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import CodeType, FunctionType
from typing import Any

_LOAD_GLOBAL, _EXTENDED_ARG = opcode.opmap["LOAD_GLOBAL"], opcode.opmap["EXTENDED_ARG"]


def digest_of(function: FunctionType) -> str:
    """A hash of a function, of all plain functions it reaches, and of the constants they use."""
    found = hashlib.sha256(sys.version.encode())
    for each in _reached(function):
        _add_code(found.update, each.__code__)
        values = [*(each.__defaults__ or ()), *(each.__kwdefaults__ or {}).items()]
        values += [cell.cell_contents for cell in each.__closure__ or ()]
        values += sorted((n, _plain(v)) for n, v in globals_of(each).items())
        found.update(repr([each.__qualname__, *map(_plain, values)]).encode())
    return found.hexdigest()


def globals_of(function: FunctionType) -> Mapping[str, Any]:
    """What `function` takes from its module, by name."""
    known = function.__globals__
    return {name: known[name] for name in _names(function.__code__) if name in known}


def callee(value: object) -> FunctionType | None:
    """The plain function that `value` is, or was made from; None where it is something else."""
    value = getattr(value, "plain", value)
    return value if isinstance(value, FunctionType) else None


def _reached(function: FunctionType) -> Iterator[FunctionType]:
    """`function` and every plain function it calls, each once, in the order they are met."""
    seen, waiting = {function}, [function]
    while waiting:
        each = waiting.pop()
        yield each
        for _, value in sorted(globals_of(each).items()):
            called = callee(value)
            if called is not None and called not in seen:
                seen.add(called)
                waiting.append(called)


@cache
def _names(code: CodeType) -> frozenset[str]:
    """Names looked up in the module; attributes may be called the same and do not count.

    Read from the bytes: `dis` says more than is asked here, and takes a tenth of a second for it.
    """
    own, steps, higher = set[str](), code.co_code, 0
    for step, low in zip(steps[::2], steps[1::2], strict=True):
        place = higher | low
        higher = place << 8 if step == _EXTENDED_ARG else 0
        if step == _LOAD_GLOBAL:
            own.add(code.co_names[place >> 1])  # its lowest bit says how it is called
    inner = (part for part in code.co_consts if isinstance(part, CodeType))
    return frozenset(own.union(*map(_names, inner)))


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
