"""Commands to a running process: a line of JSON each way, over a UNIX socket beside its journal.

The socket belongs to the user who runs the process; nobody else can open it. Whoever holds the
journal's lock serves it, so a socket that was left behind is nobody's.
"""

from __future__ import annotations

import asyncio
import getpass
import hashlib
import json
import os
import socket
import stat
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import structlog

from cointrader.domain.errors import CointraderError

log = structlog.get_logger()

_LONGEST_ADDRESS = 103  # bytes of a socket's path: macOS has room for 104 with the zero at its end
_LONGEST_NAME = 40  # bytes of a socket's name; with it even a detour is short enough
_LONGEST_LINE = 1 << 20
_TURNS = 4  # of the loop, from a connection that waits to its conversation
_PATIENCE_S = 600.0  # of the loop's time, for a client that connects and says nothing


class NotRunning(CointraderError):
    """No process takes commands for this journal."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a person asks of a running process, and who it is."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    who: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it: lines for people, values for machines."""

    is_done: bool
    lines: tuple[str, ...]
    values: Mapping[str, Any] = field(default_factory=dict)


Handler = Callable[[Command], Awaitable[Answer]]


def socket_of(journal: Path) -> Path:
    """Where the process that writes `journal` listens."""
    name = f"{journal.name}.sock"
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(journal.name)).hexdigest()[:16] + ".sock"
    return journal.resolve().with_name(name)


# -- the process that is asked --------------------------------------------------------------------


@asynccontextmanager
async def listening(journal: Path, handle: Handler) -> AsyncIterator[None]:
    """Answer commands as long as the block lasts. The caller holds the lock of `journal`.

    `OSError` where the folder cannot hold a socket.
    """
    path = socket_of(journal)
    talks: Talks = {}
    server = await asyncio.start_unix_server(_conversations(handle, talks), sock=_bound(path))
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # from here on nobody connects
        for _ in range(_TURNS):  # whoever did at the last moment begins to talk: a server that
            await asyncio.sleep(0)  # is closed in between would lose the connection, still open
        server.close()
        lines = list(talks.values())
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        for line in lines:  # of a talk that never began, too
            await _closed(line)


def _bound(path: Path) -> socket.socket:
    """A socket that only its owner can reach, before anybody can connect to it."""
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()  # left behind by a process that was killed
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(path) as address:
            listener.bind(address)
        path.chmod(0o600)  # and only then it begins to listen
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


Talks = dict[asyncio.Task[None], asyncio.StreamWriter]  # under way, each with its line


def _conversations(
    handle: Handler, talks: Talks
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
    """Begins one conversation for each client: one command, one answer."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer = await _answered(handle, reader)
            with suppress(OSError):
                writer.write(msgspec.json.encode(answer, enc_hook=_plain) + b"\n")
                await writer.drain()
        finally:
            await _closed(writer)

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.create_task(converse(reader, writer), name="command")
        talks[talk] = writer
        talk.add_done_callback(talks.pop)

    return begin


def _plain(value: Any) -> float:
    """Numbers of NumPy are floats by inheritance alone."""
    if isinstance(value, float):
        return float(value)
    raise NotImplementedError(type(value).__name__)


async def _closed(line: asyncio.StreamWriter) -> None:
    line.close()
    with suppress(OSError):
        await line.wait_closed()


async def _answered(handle: Handler, reader: asyncio.StreamReader) -> Answer:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            line = await reader.readline()
        asked = json.loads(line)
        command = Command(str(asked["name"]), dict(asked["arguments"]), str(asked["who"]))
    except (TimeoutError, ValueError, TypeError, KeyError):
        return Answer(False, ("this is no command",))
    try:
        return await handle(command)
    except CointraderError as error:
        return Answer(False, tuple(str(error).splitlines()))
    except Exception as error:  # a command must not end what it was sent to
        log.exception("command.failed", command=command.name)
        return Answer(False, (f"the command failed inside: {type(error).__name__}: {error}",))


# -- the process that asks ------------------------------------------------------------------------


def ask(
    journal: Path,
    name: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    timeout_s: float = 120,
    who: str = "",
) -> Answer:
    """Send one command and wait for what came of it.

    `who` is written down with it: this user and process, unless it is asked on behalf of others.

    `NotRunning` where nobody listens, `CointraderError` where no answer came.
    """
    command = Command(name, arguments or {}, who=who or myself())
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(timeout_s)
        _connect(line, journal)
        try:
            line.sendall(json.dumps(asdict(command)).encode() + b"\n")
            said = json.loads(_line_from(line))
            return Answer(bool(said["is_done"]), tuple(said["lines"]), said["values"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise CointraderError(
                f"no answer came, so it is not known whether {name!r} was carried out",
                where=str(journal),
                found=type(error).__name__,
                todo="look at `cointrader status`, then ask again",
            ) from None


def _connect(line: socket.socket, journal: Path) -> None:
    path = socket_of(journal)
    try:
        with _short(path) as address:
            line.connect(address)
    except (FileNotFoundError, ConnectionRefusedError):
        raise NotRunning(
            "no process takes commands for this journal",
            where=str(journal),
            todo="see `cointrader status`; paper runs at full speed take none",
        ) from None
    except OSError as error:
        raise CointraderError(
            f"the process cannot be reached: {error.strerror or error}",
            where=str(path),
            todo="ask as the user who started it",
        ) from None


def _line_from(line: socket.socket) -> bytes:
    said = bytearray()
    while not said.endswith(b"\n") and len(said) < _LONGEST_LINE:
        part = line.recv(65_536)
        if not part:
            break
        said += part
    return bytes(said)


def myself() -> str:
    """Who asks: the user and the process."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user without a name
        user = f"user {os.getuid()}"
    return f"{user} (process {os.getpid()})"


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name of `path` that is short enough for a socket, whatever folder it is in."""
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
        yield str(path)
        return
    with tempfile.TemporaryDirectory(prefix="ct-") as folder:
        detour = Path(folder) / "d"
        detour.symlink_to(path.parent)
        yield str(detour / path.name)
