"""Files of the pages: read once, and served from memory. What is not in the list is not there."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

STATIC = Path(__file__).with_name("static")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".license": "text/plain; charset=utf-8",
    ".notice": "text/plain; charset=utf-8",
}
_PACKED = (".html", ".js", ".css", ".json", ".svg")
VENDOR_PREFIX = "lightweight-charts."


@dataclass(frozen=True, slots=True)
class File:
    """One file: what it holds, plain and packed, and what it is."""

    content: bytes
    packed: bytes | None
    type: str
    etag: str


def static_files(folder: Path = STATIC, vendor: Path | None = None) -> Mapping[str, File]:
    """Every file there is, by its address. `vendor` is the folder with the chart library."""
    found: dict[str, File] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and path.suffix.lower() in _TYPES and not name.startswith("."):
            found[f"/static/{name}"] = _file(path)
    for path in sorted(vendor.iterdir()) if vendor is not None and vendor.is_dir() else ():
        if path.name.startswith(VENDOR_PREFIX) and path.is_file():
            found[f"/static/vendor/{path.name}"] = _file(path)
    for address, name in (("/", "index.html"), ("/favicon.ico", "icon.svg")):
        if f"/static/{name}" in found:
            found[address] = found[f"/static/{name}"]
    return found


def _file(path: Path) -> File:
    content = path.read_bytes()
    ending = path.suffix.lower()
    packed = gzip.compress(content, mtime=0) if ending in _PACKED and len(content) > 512 else None
    digest = hashlib.sha256(content).hexdigest()[:32]
    return File(content, packed, _TYPES.get(ending, "application/octet-stream"), f'"{digest}"')
