"""Bring a model to where it trades: a folder of this machine, or of one that ssh leads to.

Either way one archive goes to one shell, and `far_side.sh`, which comes with it, does the
rest there: what is tested with a folder is what runs behind ssh. The far side needs a POSIX shell,
tar and sha256sum, but neither Python nor rsync.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import shlex
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from cointrader.app.deploy.deploy import Shipment
from cointrader.domain.errors import CointraderError, ConfigError, ModelError, UsageError
from cointrader.model.errors import ModelMissing

SSH = ("ssh",)
MODELS_THERE = "models"  # in the folder of cointrader

_SCRIPT = "far_side.sh"
_SUMS = "SHA256SUMS"
_DAMAGED, _BUSY, _NO_PREVIOUS, _NO_TOOL, _SSH_FAILED = 95, 94, 96, 97, 255
_LIVELY = ("-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4")
_MADE = "cointrader made-folder"


@dataclass(frozen=True, slots=True)
class Target:
    """Where models go.

    Parameters
    ----------
    folder : of cointrader there; models are in its folder ``models``
    host : ``user@host`` as ssh takes it; None: this machine
    ssh : the program, and options of it
    """

    folder: str
    host: str | None = None
    ssh: tuple[str, ...] = SSH

    def __post_init__(self) -> None:
        if not self.folder.strip() or "\n" in self.folder or "\0" in self.folder:
            raise UsageError("this is no folder to deploy to", found=self.folder)
        if self.host is not None and (self.host.startswith("-") or not self.host.strip()):
            raise UsageError("this is no host", found=self.host, allowed="user@host")
        if (
            self.host is not None
            and self.folder.startswith("~")
            and self.folder[1:2] not in ("", "/")
        ):
            raise UsageError(
                "the home of somebody else is not looked up", found=self.folder,
                allowed="/a/whole/path, ~/path, or a path in your home there",
            )  # fmt: skip

    @property
    def words(self) -> str:
        """For people."""
        return self.folder if self.host is None else f"{self.host}:{self.folder}"

    def path(self) -> str:
        """The folder as the shell there is told; on a host relative to the home."""
        if self.host is None:
            return os.path.abspath(os.path.expanduser(self.folder))  # noqa: PTH100, PTH111 - "~" too
        return self.folder[2:] or "." if self.folder.startswith("~") else self.folder


@dataclass(frozen=True, slots=True)
class Deployed:
    """What happened there.

    Parameters
    ----------
    result : ``"installed"``, or ``"same"``: it was there already
    before : SHA-256 of the model that was active until then; None: there was none
    made_folder : the folder of cointrader was not there
    """

    symbol: str
    backend: str
    sha256: str
    result: str
    before: str | None
    made_folder: bool


def deploy(sent: Shipment, target: Target) -> Deployed:
    """Make this the active model there. Ended at any moment it has happened or it has not.

    Raises
    ------
    ConfigError : ssh or what the far side needs is missing
    CointraderError : the host does not answer, or refuses
    """
    sums = "".join(
        f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sent.files.items()
    )
    inside = {**sent.files, _SUMS: sums.encode()}
    return _run(sent.manifest.symbol, target, "deploy", inside)


def roll_back(symbol: str, target: Target) -> Deployed:
    """Make the model active that was before; the present one becomes the one before.

    Raises `ModelMissing` where none is kept, and as `deploy`.
    """
    return _run(symbol, target, "rollback", {})


def _run(symbol: str, target: Target, task: str, inside: Mapping[str, bytes]) -> Deployed:
    script = files("cointrader.app.deploy").joinpath("far_side.sh").read_bytes()
    run = f".deploy.{secrets.token_hex(6)}"
    base = target.path()
    place = "/".join((base.rstrip("/"), MODELS_THERE, run))
    line = (
        f"command -v tar >/dev/null || {{ echo tar >&2; exit {_NO_TOOL}; }}; "
        f"test -d {shlex.quote(_safe(base))} || echo {_MADE}; "
        f"mkdir -p {shlex.quote(_safe(place))} && cd {shlex.quote(_safe(place))} && "
        f"tar -xof - && exec sh ./{_SCRIPT} {task} {shlex.quote(symbol.lower())}"
    )
    # The script comes last: where it is, everything is.
    archive = _archive({**inside, _SCRIPT: script})
    command = ["sh", "-c", line]
    if target.host is not None:
        quiet = () if sys.stdin is not None and sys.stdin.isatty() else ("-o", "BatchMode=yes")
        command = [*target.ssh, *_LIVELY, *quiet, "-T", "--", target.host,
                   f"exec sh -c {shlex.quote(line)}"]  # fmt: skip
    try:
        done = subprocess.run(command, input=archive, capture_output=True, check=False)
    except OSError as error:
        raise ConfigError(
            f"{command[0]} cannot be started: {error.strerror}",
            where="--ssh" if target.host is not None else None,
            todo="install an ssh client, or name one with --ssh",
        ) from None
    out, err = (part.decode(errors="replace").strip() for part in (done.stdout, done.stderr))
    told = [text.split() for text in out.splitlines() if text.startswith("cointrader ")]
    for words in told:
        if done.returncode == 0 and len(words) == 5 and words[1] in ("installed", "same"):
            _, result, backend, sha256, before = words
            return Deployed(
                symbol, backend, sha256, result, None if before == "none" else before,
                _MADE in out.splitlines(),
            )  # fmt: skip
    raise _failed(symbol, target, done.returncode, err)


def _failed(symbol: str, target: Target, code: int, err: str) -> CointraderError:
    where = f"{target.words}, {symbol}"
    if code == _NO_PREVIOUS:
        return ModelMissing("there is no previous model to go back to", where=where)
    if code == _NO_TOOL:
        return ConfigError(
            "a program is missing there", where=where, found=f"no {_last(err)}",
            todo="install it there",
        )  # fmt: skip
    if code == _DAMAGED:
        return ModelError(
            "the model did not arrive as it was sent; what was active there is still",
            where=where, found=_last(err), todo="deploy again; if it happens again, check the disk",
        )  # fmt: skip
    if code == _BUSY:
        return CointraderError(_last(err), where=where, todo="deploy again later")
    if code == _SSH_FAILED and target.host is not None:
        return CointraderError(
            "the host does not answer, or does not let you in; or the line was lost",
            where=where, found=_last(err),
            todo=f"try: ssh {target.host}; then deploy again, whatever was interrupted",
        )  # fmt: skip
    return CointraderError(
        "the model could not be deployed; what was active there is still, or the new one is",
        where=where,
        found=_last(err) or f"exit code {code}",
        todo="check free space and permissions there, then deploy again",
    )


def _last(text: str) -> str:
    return text.splitlines()[-1][:300] if text else ""


def _safe(path: str) -> str:
    """A path that no program takes for an option."""
    return f"./{path}" if path.startswith("-") else path


def _archive(inside: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in inside.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(data), 0o644, int(time.time())
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()
