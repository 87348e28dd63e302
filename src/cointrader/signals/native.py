"""Machine code without the compiler that made it: kept on disk, loaded and called.

Importing numba and what it imports takes a second and sixty megabytes. LLVM's own loader, which
comes with numba (llvmlite), takes a tenth of that, and runs the same code: `Code` is an object
file with an entry as in `native_entry`. Only functions that need nothing but their arguments fit:
one that makes arrays, or calls into numba or Python, is `Unfit`.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from cointrader.signals.native_entry import Unfit, knows_objects, table_of

_MAKERS = ("native.py", "native_entry.py", "compiled.py", "reach.py")
_KEPT_VERSIONS = 4  # of one function: a checkout and an installed package may take turns
_LOCK = threading.RLock()  # LLVM's objects are for one thread at a time


class Code(msgspec.Struct, frozen=True):
    """A function as machine code for this processor.

    `key` names all that it was made from and made by: code with another one is never run.
    """

    key: str
    entry: str  # name of the entry, unlike that of any other code in the process
    needs: tuple[str, ...]  # functions of the interpreter and of the system that it calls
    object: bytes  # an object file


class _Method(ctypes.Structure):
    """A PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("entry", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_FASTCALL = 0x80
_PLACES: dict[str, int] = {}  # of the entries that were loaded
_ALIVE: list[object] = []  # what loaded code looks at, as long as the process lives


def native(code: Code, args: Sequence[Any]) -> Callable[..., Any]:
    """The function itself, for arguments like `args`; it answers UNLIKE to all others.

    Raises `Unfit` where this process cannot run it.
    """
    table, known = table_of(args)
    method = _Method(code.entry.encode(), _loaded(code), _FASTCALL, None)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = (
        ctypes.py_object,
        (ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p),
    )
    _ALIVE.append((table, known, method))
    function: Callable[..., Any] = make(ctypes.addressof(method), table, None)
    return function


# ------------------------------------------------------------------ LLVM


class _Machine(NamedTuple):
    llvm: Any
    maker: Any  # of objects from text
    engine: Any  # holds what was loaded, as long as the process lives


@cache
def made_by() -> str:
    """Names the machine that code is made for, and all that has a hand in making and loading it.

    Interpreter, numpy (whose arrays an entry looks into), LLVM, the processor, and the text of the
    modules that do it; but for numba itself, which is not asked when code is only loaded.
    """
    import llvmlite
    import numpy as np

    llvm = _machine().llvm
    here = Path(__file__).parent
    told = [sys.version, np.__version__, llvmlite.__version__, str(llvm.llvm_version_info)]
    told += [llvm.get_process_triple(), llvm.get_host_cpu_name()]
    told.append(llvm.get_host_cpu_features().flatten())
    told += [hashlib.sha256((here / name).read_bytes()).hexdigest() for name in _MAKERS]
    return "\n".join(told)


def assembled(
    text: str, function: str, name: str, key: str, entry: Callable[[Sequence[str]], str]
) -> Code:
    """Code of `function` in the module `text` and of the entry `name` to it.

    `entry` makes its text from LLVM's types of what `function` takes. Raises `Unfit` where
    something is called that only numba has.
    """
    with _LOCK:
        machine = _machine()
        module = machine.llvm.parse_assembly(text)
        takes = [str(each.type) for each in module.get_function(function).arguments]
        added = machine.llvm.parse_assembly(entry(takes))
        added.triple, added.data_layout = module.triple, module.data_layout
        module.link_in(added)
        _simplify(machine, module, name)
        declared = [f.name for f in module.functions if f.is_declaration]
        declared += [g.name for g in module.global_variables if g.is_declaration]
        needs = tuple(name for name in declared if not name.startswith("llvm."))
        _require(needs)
        return Code(key, name, needs, machine.maker.emit_object(module))


def _simplify(machine: _Machine, module: Any, name: str) -> None:
    """Leave nothing but the entry and what it reaches, and optimise that as a whole.

    Only now LLVM sees that no array has an owner whose users are to be counted: without those
    calls a kernel takes half the time.
    """
    for each in (*module.functions, *module.global_variables):
        if not each.is_declaration and each.name != name:
            each.linkage = "internal"
    tuning = machine.llvm.create_pipeline_tuning_options(speed_level=3)
    builder = machine.llvm.create_pass_builder(machine.maker, tuning)
    builder.getModulePassManager().run(module, builder)


def _loaded(code: Code) -> int:
    """The place of its entry in this process."""
    with _LOCK:
        if code.entry not in _PLACES:
            machine = _machine()
            _require(code.needs)
            engine = machine.engine
            engine.add_object_file(machine.llvm.ObjectFileRef.from_data(code.object))
            engine.finalize_object()
            _PLACES[code.entry] = engine.get_function_address(code.entry)
        place = _PLACES[code.entry]
    if not place:
        raise Unfit(f"no entry {code.entry}")
    return place


def _require(needs: Iterable[str]) -> None:
    """What is missing would end the process when it is loaded."""
    system = ctypes.CDLL(None)
    missing = [name for name in needs if not hasattr(system, name)]
    if missing:
        raise Unfit(f"calls {', '.join(missing)}")


@cache
def _machine() -> _Machine:
    """LLVM as numba sets it up: code is the same to the bit."""
    if not knows_objects():
        raise Unfit("objects of this interpreter are unknown")
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    made = [
        target.create_target_machine(
            cpu=llvm.get_host_cpu_name(),
            features=llvm.get_host_cpu_features().flatten(),
            opt=3,
            reloc="static" if target.name.startswith("x86") else "default",
            codemodel="jitdefault",
            jit=True,
        )
        for _ in range(2)  # an engine takes its own for itself
    ]
    return _Machine(llvm, made[0], llvm.create_mcjit_compiler(llvm.parse_assembly(""), made[1]))


# ------------------------------------------------------------------ on disk


def kept(place: Path, key: str, entry: str) -> Code | None:
    """The code in a file. None where there is none, the file is not whole, or it is other code:
    what it says of itself counts, not where it lies."""
    with suppress(OSError, msgspec.MsgspecError, ValueError):
        found = place.read_bytes()
        digest, body = found[:32], found[32:]
        if hashlib.sha256(body).digest() == digest:
            code = msgspec.msgpack.decode(body, type=Code)
            return code if (code.key, code.entry) == (key, entry) else None
    return None


@contextmanager
def alone_at(place: Path) -> Iterator[None]:
    """One process at a time makes the code of a place; whoever waited finds it made.

    Where files cannot be locked everybody makes it; the result is the same.
    """
    with ExitStack() as stack:
        with suppress(ImportError, OSError):
            import fcntl

            place.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(place.with_suffix(".lock").open("wb"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def keep(code: Code, place: Path) -> None:
    """Leave it for other processes. Whatever goes wrong with files, nobody hears of it."""
    body = msgspec.msgpack.encode(code)
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(body).digest() + body)
        Path(name).replace(place)
        _forget_old(place.parent.parent)


def _forget_old(folder: Path) -> None:
    """Delete all but the versions that were made last."""
    versions = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for version in versions[_KEPT_VERSIONS:]:
        for file in version.iterdir():
            file.unlink(missing_ok=True)
        version.rmdir()


def cache_folder() -> Path | None:
    """Where compiled functions are kept: the user's cache folder, else one among temporary files.

    None where neither can be written by this user, and by no stranger: what is there is run.
    """
    told = os.environ.get("XDG_CACHE_HOME", "")
    with suppress(RuntimeError, OSError):  # a user without a home
        base = Path(told) if told else Path.home() / ".cache"
        folder = base / "cointrader" / "compiled"
        folder.mkdir(parents=True, exist_ok=True)
        if _is_ours(folder, 0o002):
            return folder
    user = os.getuid() if hasattr(os, "getuid") else 0
    with suppress(OSError):
        folder = Path(tempfile.gettempdir()) / f"cointrader-{user}" / "compiled"
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(exist_ok=True)
        if _is_ours(folder.parent, 0o022) and _is_ours(folder, 0o002):
            return folder
    return None


def _is_ours(folder: Path, strangers: int) -> bool:
    """Whether it belongs to this user, who can write there, and none of `strangers` (bits) can."""
    found = folder.stat()
    is_own = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return is_own and not found.st_mode & strangers and os.access(folder, os.W_OK | os.X_OK)
