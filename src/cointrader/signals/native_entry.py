"""The way from Python into machine code and back, as text for LLVM: an entry for one function.

``entry(self, arguments, count)`` is what CPython calls for a function written in C. It looks
whether the arguments are of the kinds that the code was made for, takes numbers and places of
arrays from them, lets other threads run meanwhile, and makes Python's numbers of the answer. All it
asks of the interpreter is in the stable interface, but for the fields of an array object
(numpy/ndarraytypes.h), which are public and the same since numpy 1; `knows_objects` tries them out.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

UNLIKE = object()  # what an entry answers to arguments that its code was not made for
_NONE, _ERROR, _FIRST_COMPARED = 1, 2, 3  # places in an entry's table
_FAILED = "machine code failed; the plain function it was made from tells why"
_TYPE, _BYTES = 8, 32  # in any object, in bytes: where they begin to be of use
_DATA, _AXES, _SHAPE, _STRIDES, _KIND, _FLAGS = 16, 24, 32, 40, 56, 64  # in an array
_CONTIGUOUS, _FORTRAN, _ALIGNED, _WRITEABLE = 0x1, 0x2, 0x100, 0x400
_LAYOUT = _CONTIGUOUS | _FORTRAN | _ALIGNED | _WRITEABLE  # what code is made for
_LET_GO = "NRT_MemInfo_call_dtor"
_WHOLE = ("i1", "i8", "i16", "i32", "i64")
_PYTHON = """\
declare double @PyFloat_AsDouble(ptr)
declare i64 @PyLong_AsLongLong(ptr)
declare ptr @PyFloat_FromDouble(double)
declare ptr @PyLong_FromLongLong(i64)
declare ptr @PyBool_FromLong(i64)
declare ptr @PyTuple_New(i64)
declare i64 @PyTuple_Size(ptr)
declare ptr @PyTuple_GetItem(ptr, i64)
declare i32 @PyTuple_SetItem(ptr, i64, ptr)
declare ptr @PyErr_Occurred()
declare void @PyErr_SetString(ptr, ptr)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare void @Py_IncRef(ptr)
"""


class Unfit(Exception):
    """Only numba can call this."""


# ------------------------------------------------------------------ kinds


def usual(values: Iterable[Any]) -> tuple[Any, ...]:
    """`values`, equal kinds of arrays told by the same objects: entries compare no others."""
    return tuple(map(_usual, values))


_DTYPES: dict[str, np.dtype[Any]] = {}


def _usual(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        dtype = _DTYPES.setdefault(_dtype_text(value.dtype), value.dtype)
        is_usual = type(value) is np.ndarray and value.dtype is dtype
        return value if is_usual else np.asarray(value).view(dtype)
    if type(value) is tuple:
        return usual(value)
    if isinstance(value, tuple):
        return type(value)(*usual(value))
    return value


def kind_text(values: Iterable[Any]) -> str:
    """Names the kinds of `values`, the same in every process. Raises `Unfit`: of some there are
    no entries."""
    return " ".join(map(_kind_text, values))


def _kind_text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"[{_dtype_text(value.dtype)} {value.ndim} {value.flags.num & _LAYOUT}]"
    if isinstance(value, tuple):
        names = ",".join(getattr(value, "_fields", ()))  # their order is compiled in
        return f"({type(value).__qualname__} {names} {kind_text(value)})"
    if not isinstance(value, int | float | np.integer):
        raise Unfit(f"an argument of {type(value)}")
    return type(value).__name__


def _dtype_text(dtype: np.dtype[Any]) -> str:
    return f"{dtype if dtype.fields else dtype.str} {dtype.itemsize}"


def table_of(values: Sequence[Any]) -> tuple[bytes, list[object]]:
    """What an entry is given as `self`: places of the objects it compares with; and these."""
    known: list[object] = [UNLIKE, None, RuntimeError, *_compared(values)]
    return struct.pack(f"={len(known)}q", *map(id, known)), known


def _compared(values: Iterable[Any]) -> Iterator[object]:
    for value in values:
        yield type(value)
        if isinstance(value, np.ndarray):
            yield value.dtype
        if isinstance(value, tuple):
            yield from _compared(value)


# ------------------------------------------------------------------ the text


def entry_text(
    name: str, function: str, takes: Sequence[str], values: Sequence[Any], answer: str, *,
    is_tuple: bool,
) -> str:  # fmt: skip
    """The entry `name` to numba's `function`.

    Parameters
    ----------
    takes : LLVM's types of what `function` takes: places of the answer and of an error, arguments
    values : arguments it was compiled for
    answer : what it returns, in the letters of `struct`; "" is None

    Raises `Unfit` where numba hands arguments over otherwise than is known here.
    """
    text = _Text()
    text.require(text.value(f"icmp eq i64 %count, {len(values)}"))
    compared = iter(range(_FIRST_COMPARED, _FIRST_COMPARED + len(list(_compared(values)))))
    leaves: list[tuple[str, Any]] = []
    for place, value in enumerate(values):
        _look_at(text.load("ptr", "%arguments", 8 * place), value, text, compared, leaves)
    given = ["ptr %answer", "ptr %error"]
    for found, value in leaves:
        if isinstance(value, np.ndarray):
            given += _array(found, value, text)
        elif isinstance(value, float):
            given.append("double " + text.value(f"call double @PyFloat_AsDouble(ptr {found})"))
        else:
            given.append(_whole(found, takes[len(given)] if len(given) < len(takes) else "", text))
    if [each.split()[0] for each in given] != list(takes):
        raise Unfit("numba hands arguments over in another way")
    text.unless("ptr", text.value("call ptr @PyErr_Occurred()"), "null", "raised")
    thread = text.value("call ptr @PyEval_SaveThread()")
    status = text.value(f'call i32 @"{function}"({", ".join(given)})')
    text.lines.append(f"call void @PyEval_RestoreThread(ptr {thread})")
    text.unless("i32", status, "0", "failed")
    text.lines.append(f"ret ptr {_answered(answer, text, is_tuple=is_tuple)}")
    room = max(struct.calcsize(f"@{answer}"), 8)
    body = "\n  ".join(text.lines)
    # numba counts the users of arrays that it made. Ours are not counted: none is let go.
    return f"""\
{_PYTHON}
@failed = internal constant [{len(_FAILED) + 1} x i8] c"{_FAILED}\\00"
declare i32 @"{function}"({", ".join(takes)})
define void @{_LET_GO}(ptr %array) {{
  unreachable
}}
define ptr @{name}(ptr %self, ptr %arguments, i64 %count) {{
  %table = getelementptr i8, ptr %self, i64 {_BYTES}
  %error = alloca ptr
  %answer = alloca [{room} x i8], align 16
  {body}
unlike:
  %other = load ptr, ptr %table
  call void @Py_IncRef(ptr %other)
  ret ptr %other
failed:
  %kind.at = getelementptr i8, ptr %table, i64 {8 * _ERROR}
  %kind = load ptr, ptr %kind.at
  call void @PyErr_SetString(ptr %kind, ptr @failed)
  ret ptr null
raised:
  ret ptr null
}}
"""


class _Text:
    """Lines of a function, its values and blocks numbered as they come."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._count = 0

    def value(self, expression: str) -> str:
        """A new value."""
        self._count += 1
        self.lines.append(f"%v{self._count} = {expression}")
        return f"%v{self._count}"

    def load(self, kind: str, base: str, offset: int) -> str:
        """What stands `offset` bytes behind `base`."""
        place = self.value(f"getelementptr i8, ptr {base}, i64 {offset}")
        return self.value(f"load {kind}, ptr {place}")

    def require(self, condition: str) -> None:
        """Go on where it is so; else these are other arguments."""
        self._branch(condition, "unlike")

    def unless(self, kind: str, value: str, usual: str, block: str) -> None:
        """Go on where a value is the usual one."""
        self._branch(self.value(f"icmp eq {kind} {value}, {usual}"), block)

    def _branch(self, condition: str, otherwise: str) -> None:
        self._count += 1
        self.lines.append(f"br i1 {condition}, label %b{self._count}, label %{otherwise}")
        self.lines.append(f"b{self._count}:")


def _look_at(
    found: str, value: Any, text: _Text, compared: Iterator[int], leaves: list[tuple[str, Any]]
) -> None:
    """Require that the object `found` is of the kind of `value`; unfold tuples into `leaves`."""

    def same(offset: int) -> None:
        known = text.load("ptr", "%table", 8 * next(compared))
        text.require(text.value(f"icmp eq ptr {text.load('ptr', found, offset)}, {known}"))

    same(_TYPE)
    if isinstance(value, np.ndarray):
        same(_KIND)
        axes, flags = text.load("i32", found, _AXES), text.load("i32", found, _FLAGS)
        layout = text.value(f"and i32 {flags}, {_LAYOUT}")
        text.require(text.value(f"icmp eq i32 {axes}, {value.ndim}"))
        text.require(text.value(f"icmp eq i32 {layout}, {value.flags.num & _LAYOUT}"))
    if not isinstance(value, tuple):
        leaves.append((found, value))
        return
    size = text.value(f"call i64 @PyTuple_Size(ptr {found})")
    text.require(text.value(f"icmp eq i64 {size}, {len(value)}"))
    for place, each in enumerate(value):
        item = text.value(f"call ptr @PyTuple_GetItem(ptr {found}, i64 {place})")
        _look_at(item, each, text, compared, leaves)


def _whole(found: str, kind: str, text: _Text) -> str:
    if kind not in _WHOLE:
        raise Unfit(f"a whole number as {kind}")
    value = text.value(f"call i64 @PyLong_AsLongLong(ptr {found})")
    return (
        f"{kind} {value}"
        if kind == "i64"
        else f"{kind} {text.value(f'trunc i64 {value} to {kind}')}"
    )


def _array(found: str, value: np.ndarray[Any, Any], text: _Text) -> list[str]:
    """An array as numba takes it: two owners, size, bytes of an item, data, shape, strides."""
    data, shape, strides = (text.load("ptr", found, each) for each in (_DATA, _SHAPE, _STRIDES))
    lengths = [text.load("i64", shape, 8 * axis) for axis in range(value.ndim)]
    steps = [text.load("i64", strides, 8 * axis) for axis in range(value.ndim)]
    size = "1"
    for length in lengths:
        size = text.value(f"mul i64 {size}, {length}")
    return [
        "ptr null", "ptr null", f"i64 {size}", f"i64 {value.itemsize}", f"ptr {data}",
        *(f"i64 {each}" for each in (*lengths, *steps)),
    ]  # fmt: skip


def _answered(answer: str, text: _Text, *, is_tuple: bool) -> str:
    """The object that is returned."""
    if not answer:
        none = text.load("ptr", "%table", 8 * _NONE)
        text.lines.append(f"call void @Py_IncRef(ptr {none})")
        return none
    objects = []
    for place, letter in enumerate(answer):
        offset = struct.calcsize(f"@{answer[: place + 1]}") - struct.calcsize(letter)
        objects.append(_number(letter, offset, text))
    if not is_tuple:
        return objects[0]
    made = text.value(f"call ptr @PyTuple_New(i64 {len(objects)})")
    text.require(text.value(f"icmp ne ptr {made}, null"))
    for place, each in enumerate(objects):
        text.value(f"call i32 @PyTuple_SetItem(ptr {made}, i64 {place}, ptr {each})")
    text.unless("ptr", text.value("call ptr @PyErr_Occurred()"), "null", "raised")
    return made


def _number(letter: str, offset: int, text: _Text) -> str:
    if letter == "d":
        value = text.load("double", "%answer", offset)
        return text.value(f"call ptr @PyFloat_FromDouble(double {value})")
    kind = f"i{8 * struct.calcsize(letter)}"
    value = text.load(kind, "%answer", offset)
    if kind != "i64":
        widen = "sext" if letter.islower() else "zext"
        value = text.value(f"{widen} {kind} {value} to i64")
    if letter == "?":
        return text.value(f"call ptr @PyBool_FromLong(i64 {value})")
    return text.value(f"call ptr @PyLong_FromLongLong(i64 {value})")


# ------------------------------------------------------------------ this interpreter


def knows_objects() -> bool:
    """Whether arrays and bytes of this interpreter are as an entry reads them."""
    if sys.maxsize < 2**32 or sys.byteorder != "little" or object.__basicsize__ != _DATA:
        return False
    array = np.zeros((3, 4, 5), np.int16)[:, 1:, ::2]
    place, text = id(array), b"some bytes"

    def words(at: int, count: int = 1, kind: Any = ctypes.c_int64) -> list[int]:
        return list((kind * count).from_address(at))

    (shape,), (strides,) = words(place + _SHAPE), words(place + _STRIDES)
    return (
        words(place + _TYPE) == [id(np.ndarray)]
        and words(place + _KIND) == [id(array.dtype)]
        and words(place + _AXES, kind=ctypes.c_int32) == [array.ndim]
        and words(place + _FLAGS, kind=ctypes.c_int32) == [array.flags.num]
        and words(place + _DATA) == [array.ctypes.data]
        and words(shape, 3) == list(array.shape)
        and words(strides, 3) == list(array.strides)
        and ctypes.string_at(id(text) + _BYTES, len(text)) == text
    )
