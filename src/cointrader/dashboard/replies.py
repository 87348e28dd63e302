"""How requests fail: one shape for all of them, and no more in it than a stranger may know."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from cointrader.dashboard import answers
from cointrader.dashboard.site import NobodyRuns, NoRun, NotThere
from cointrader.domain.errors import CointraderError, JournalError, UsageError

_Response = TypeVar("_Response", bound=web.StreamResponse)

MOST_BODY = 4_096
BODY_S = 5.0  # until a body is there
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Server": "cointrader",
}


class Refusal(Exception):
    """A request that is not carried out, and how that is answered."""

    def __init__(
        self,
        status: int,
        code: str,
        text: str,
        todo: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(text)
        self.status, self.code, self.text, self.todo = status, code, text, todo
        self.headers = headers or {}


@contextlib.asynccontextmanager
async def until(over: asyncio.Event) -> AsyncIterator[Callable[[], bool]]:
    """Ends the block, politely, when `over` is set."""
    task = asyncio.current_task()
    assert task is not None
    was_us = False

    async def wait() -> None:
        nonlocal was_us
        await over.wait()
        was_us = True
        task.cancel()

    waiter = asyncio.create_task(wait(), name="until")
    try:
        yield over.is_set
    except asyncio.CancelledError:
        if not was_us:
            raise
        task.uncancel()
    finally:
        waiter.cancel()


async def dress(request: web.Request, response: web.StreamResponse) -> None:
    """Headers that every answer has."""
    dressed(response)
    if request.path.startswith("/api/"):
        response.headers["Cache-Control"] = "no-store"


def dressed(response: _Response) -> _Response:
    """An answer with the headers that do not depend on what was asked."""
    response.headers.update(_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def as_json(answer: object, *, is_packed: bool = False, status: int = 200) -> web.Response:
    response = web.Response(
        body=msgspec.json.encode(answer), status=status, content_type="application/json"
    )
    if is_packed:
        response.enable_compression()
    return response


def refused(refusal: Refusal) -> web.Response:
    problem = answers.Problem(code=refusal.code, text=refusal.text, todo=refusal.todo)
    response = as_json(answers.Refused(error=problem), status=refusal.status)
    response.headers.update(refusal.headers)
    if refusal.status in (413, 421):
        response.force_close()
    return response


async def body_of(request: web.Request, kind: type[Any], *, within_s: float = BODY_S) -> Any:
    """The body as JSON of this kind. A page of another site cannot send that content type."""
    if request.content_type != "application/json":
        raise Refusal(415, "content-type", "the body must be application/json")
    try:
        async with asyncio.timeout(within_s):
            return msgspec.json.decode(await request.read(), type=kind)
    except TimeoutError:
        raise Refusal(408, "slow", "the body did not come in time") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, web.RequestPayloadError):
        raise Refusal(400, "body", "the body is not what this needs", "see openapi.json") from None


def unknown(text: str) -> Refusal:
    return Refusal(401, "token", text, "the token stands beside the journal, in FILE.token")


def later(wait_s: float, text: str) -> Refusal:
    seconds = str(max(math.ceil(wait_s), 1))
    return Refusal(429, "too-many", text, f"wait {seconds} s", {"Retry-After": seconds})


def of_aiohttp(error: web.HTTPException) -> Refusal:
    codes = {404: "not-there", 405: "method", 413: "too-large"}
    allowed = error.headers.get("Allow")
    headers = {} if allowed is None else {"Allow": allowed}
    return Refusal(error.status, codes.get(error.status, "http"), error.reason, "", headers)


def of_ours(error: CointraderError) -> Refusal:
    """What a page is told: the words of the error, without where on this machine it was."""
    status, code = next(found for kind, found in _KINDS if isinstance(error, kind))
    beside = [str(part) for part in (error.found, error.allowed) if part is not None]
    text = f"{error.what} ({'; allowed: '.join(beside)})" if beside and status < 500 else error.what
    return Refusal(
        status, code, text, error.todo or "", {"Retry-After": "2"} if code == "no-run" else {}
    )


_KINDS: tuple[tuple[type[CointraderError], tuple[int, str]], ...] = (
    (NobodyRuns, (409, "not-running")),
    (NoRun, (503, "no-run")),
    (NotThere, (404, "not-there")),
    (UsageError, (400, "usage")),
    (JournalError, (503, "journal")),
    (CointraderError, (502, "process")),
)
