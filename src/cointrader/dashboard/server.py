"""The server: routes, who may ask, and answers that tell no more than they must.

Every request passes the same gate, in this order: the Host header, where a browser says it comes
from, the size of its body, the token or session, the CSRF value, how often. What fails is answered
as `answers.Refused`, and nothing has happened.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from aiohttp import web

from cointrader.dashboard import answers, openapi
from cointrader.dashboard.connections import Connections
from cointrader.dashboard.events import Changes, TooMany, event
from cointrader.dashboard.query import Query
from cointrader.dashboard.replies import (
    BODY_S,
    MOST_BODY,
    Refusal,
    as_json,
    body_of,
    dress,
    later,
    of_aiohttp,
    of_ours,
    refused,
    unknown,
    until,
)
from cointrader.dashboard.routes import API, ROUTES, WITH_SYMBOL, Route
from cointrader.dashboard.security import (
    SESSION_S,
    Access,
    Hosts,
    Limiter,
    Session,
    comes_from_here,
    is_same,
)
from cointrader.dashboard.site import NotThere, Site
from cointrader.dashboard.static_files import File
from cointrader.domain.errors import CointraderError, UsageError

log = structlog.get_logger()

_WRITE_S = 10.0
_PAGE_THREADS = 4
_MOST_WAITING = 40  # pages asked for and not yet answered
_FAILURES = (10, 60.0)  # wrong tokens in so many seconds, from one address
_COMMANDS = (20, 60.0)  # commands in so many seconds

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Answers requests about one journal.

    Parameters
    ----------
    site : the answers
    token : what a person or a script must know
    hosts : the names it answers to
    files : of the pages, by address
    cookie : the name of the session's cookie; two servers of one machine share their cookies
    body_s : how long a body is waited for
    """

    def __init__(
        self,
        site: Site,
        token: str,
        *,
        hosts: Hosts,
        files: Mapping[str, File],
        cookie: str = "cointrader_session",
        connections: Connections | None = None,
        body_s: float = BODY_S,
    ) -> None:
        self._body_s = body_s
        self._site = site
        self._access = Access(token)
        self._hosts = hosts
        self._files = files
        self._cookie = cookie
        self.connections = connections or Connections()
        self._failures = Limiter(*_FAILURES)
        self._commands = Limiter(*_COMMANDS)
        self._pages = ThreadPoolExecutor(_PAGE_THREADS, "page")
        self._others = ThreadPoolExecutor(3, "ask")  # commands may take a minute: pages go on
        self._waiting = 0
        self._changes: Changes | None = None
        self._is_ending = asyncio.Event()

    def application(self) -> web.Application:
        """The routes behind the gate."""
        app = web.Application(middlewares=[self._gate], client_max_size=MOST_BODY)
        for route in ROUTES:
            app.router.add_route(route.method, route.path, self._handler(route))
        app.router.add_get("/{path:.*}", self._file)
        app.on_response_prepare.append(dress)
        app.cleanup_ctx.append(self._beside)
        app.on_shutdown.append(self._end)
        return app

    async def _end(self, app: web.Application) -> None:
        del app
        self._is_ending.set()

    async def _beside(self, app: web.Application) -> AsyncIterator[None]:
        """What runs as long as the server: the look at the journal, the limits of connections."""
        del app
        watching = ThreadPoolExecutor(1, "watch")
        self._changes = Changes(self._site.watch(), watching)
        tasks = [
            asyncio.create_task(self._changes.run(), name="changes"),
            asyncio.create_task(self.connections.watch(), name="connections"),
        ]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for pool in (watching, self._pages, self._others):
            pool.shutdown(wait=False, cancel_futures=True)
        self._site.close()

    # -- the gate ---------------------------------------------------------------------------------

    @web.middleware
    async def _gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.connections.begin(request.transport)
        try:
            self._require_here(request)
            return await handler(request)
        except Refusal as refusal:
            return refused(refusal)
        except web.HTTPException as error:
            return refused(of_aiohttp(error))
        except CointraderError as error:
            return refused(of_ours(error))
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception as error:  # what went wrong inside is no business of a page
            log.error("dashboard.failed", path=request.path[:80], error=type(error).__name__)
            return refused(Refusal(500, "inside", "something went wrong inside the dashboard"))
        finally:
            self.connections.end(request.transport)

    def _require_here(self, request: web.Request) -> None:
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or not self._hosts.allows(hosts[0]):
            raise Refusal(
                421, "host", "this server does not answer to that name",
                "use its number or localhost, or start it with --allow-host NAME",
            )  # fmt: skip
        if not request.path.startswith("/api/") and request.method == "GET":
            return  # a link from elsewhere may lead to the page itself, which holds nothing
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
        if not comes_from_here(hosts[0], origin, site):
            raise Refusal(403, "cross-site", "this came from another site")
        if (request.content_length or 0) > MOST_BODY:
            raise Refusal(413, "too-large", f"a body has at most {MOST_BODY} bytes")

    def _require_access(self, request: web.Request) -> Session | None:
        """The session of a browser, None for a script with the token."""
        given = request.headers.get("Authorization")
        if given is not None:
            self._require_patience(request)
            kind, _, token = given.partition(" ")
            if kind.lower() == "bearer" and self._access.is_token(token.strip()):
                return None
            self._failures.count(_address(request))
            raise unknown("this token is not the right one")
        session = self._access.session(request.cookies.get(self._cookie))
        if session is None:
            raise unknown("log in first")
        if request.method != "GET" and not is_same(
            request.headers.get("X-CSRF-Token", ""), session.csrf
        ):
            raise Refusal(403, "csrf", "the X-CSRF-Token header is missing or wrong")
        return session

    def _require_patience(self, request: web.Request) -> None:
        wait_s = self._failures.wait_s(_address(request))
        if wait_s > 0:
            raise later(wait_s, "too many wrong tokens came from this address")

    # -- routes -----------------------------------------------------------------------------------

    def _handler(self, route: Route) -> Handler:
        special: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {
            "healthz": self._healthz,
            "session": self._session,
            "login": self._login,
            "logout": self._logout,
            "openapi": self._openapi,
            "metrics": self._metrics,
            "events": self._events,
            "trades_csv": self._csv,
        }
        own = special.get(route.name)
        if route.path.startswith(f"{API}/control/"):
            own = self._control

        async def handle(request: web.Request) -> web.StreamResponse:
            if not route.is_open:
                self._require_access(request)
            if own is not None:
                return await own(request)
            query = Query(route.params, request.query)
            page = getattr(self._site, route.name)
            path = [request.match_info["symbol"]] if "{symbol}" in route.path else []
            return as_json(await self._in_thread(page, *path, query), is_packed=True)

        return handle

    async def _healthz(self, request: web.Request) -> web.StreamResponse:
        del request
        return as_json(answers.Alive(status="ok"))

    async def _openapi(self, request: web.Request) -> web.StreamResponse:
        del request
        return web.Response(text=openapi.as_text(), content_type="application/json")

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        del request
        text = await asyncio.get_running_loop().run_in_executor(self._others, self._site.metrics)
        return web.Response(
            body=text.encode(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    async def _csv(self, request: web.Request) -> web.StreamResponse:
        params = next(route.params for route in ROUTES if route.name == "trades_csv")
        query = Query(params, request.query)
        text = await self._in_thread(self._site.trades_csv, query)
        return web.Response(
            body=text.encode(),
            headers={
                "Content-Type": "text/csv; charset=utf-8",
                "Content-Disposition": 'attachment; filename="trades.csv"',
            },
        )

    # -- sessions

    async def _session(self, request: web.Request) -> web.StreamResponse:
        return as_json(_told(self._access.session(request.cookies.get(self._cookie))))

    async def _login(self, request: web.Request) -> web.StreamResponse:
        self._require_patience(request)
        asked = await body_of(request, answers.Login, within_s=self._body_s)
        if not self._access.is_token(asked.token):
            self._failures.count(_address(request))
            raise unknown("this token is not the right one")
        self._access.end(request.cookies.get(self._cookie))
        cookie, session = self._access.begin()
        response = as_json(_told(session))
        response.set_cookie(
            self._cookie, cookie, max_age=round(SESSION_S), path="/", httponly=True,
            samesite="Strict", secure=request.headers.get("Origin", "").startswith("https:"),
        )  # fmt: skip
        return response

    async def _logout(self, request: web.Request) -> web.StreamResponse:
        self._access.end(request.cookies.get(self._cookie))
        response = as_json(_told(None))
        response.del_cookie(self._cookie, path="/")
        return response

    # -- commands

    async def _control(self, request: web.Request) -> web.StreamResponse:
        action = request.path.rpartition("/")[2]
        wait_s = self._commands.wait_s("all")
        if wait_s > 0:
            raise later(wait_s, "too many commands")
        asked = await body_of(request, answers.Asked, within_s=self._body_s)
        symbol = None if asked.symbol is None else asked.symbol.strip().upper()
        if symbol is not None and action not in WITH_SYMBOL:
            raise UsageError(f"{action} is for all symbols", where="symbol")
        wanted = action if symbol is None else f"{action} {symbol}"
        if asked.confirm != wanted:
            raise Refusal(
                400, "not-confirmed", "this is not confirmed", f'give "confirm": "{action}'
                + ("" if symbol is None else " SYMBOL") + '"',
            )  # fmt: skip
        self._commands.count("all")
        done = await asyncio.get_running_loop().run_in_executor(
            self._others, self._site.control, action, symbol
        )
        return as_json(done)

    # -- events

    async def _events(self, request: web.Request) -> web.StreamResponse:
        assert self._changes is not None
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
        )
        stream = self._changes.stream()
        try:
            first = await anext(stream)
        except TooMany:
            raise Refusal(
                503, "streams", "too many pages listen already", "close some", {"Retry-After": "30"}
            ) from None
        cookie = request.cookies.get(self._cookie)
        is_script = "Authorization" in request.headers
        async with contextlib.aclosing(stream), until(self._is_ending) as is_over:
            with contextlib.suppress(ConnectionError, TimeoutError):  # closed, or too slow
                await response.prepare(request)
                part = first
                while not is_over():
                    async with asyncio.timeout(_WRITE_S):
                        await response.write(part)
                    part = await anext(stream)
                    if not is_script and self._access.session(cookie) is None:
                        part = event("end", {"why": "the session is over"})
                        await response.write(part)
                        break
        return response

    # -- files

    async def _file(self, request: web.Request) -> web.StreamResponse:
        file = self._files.get(request.path)
        if file is None:
            raise NotThere("there is nothing at this address")
        headers = {"ETag": file.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if file.etag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        body = file.content
        if file.packed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
            body = file.packed
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, headers={**headers, "Content-Type": file.type})

    # -- how

    async def _in_thread(self, page: Callable[..., Any], *args: Any) -> Any:
        if self._waiting >= _MOST_WAITING:
            raise Refusal(503, "busy", "too much is asked at once", "", {"Retry-After": "2"})
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pages, page, *args)
        finally:
            self._waiting -= 1


def _told(session: Session | None) -> answers.Session:
    if session is None:
        return answers.Session(is_logged_in=False, csrf="", expires_ms=None)
    return answers.Session(is_logged_in=True, csrf=session.csrf, expires_ms=session.expires_ms)


def _address(request: web.Request) -> str:
    return request.remote or "?"
