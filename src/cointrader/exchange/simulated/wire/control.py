"""What the owner of the simulated market can do that no client of Binance can. Loopback only."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

import msgspec
from aiohttp import web

from cointrader.domain.errors import Rejected, UsageError
from cointrader.exchange.simulated.wire import calls_algo, calls_orders
from cointrader.exchange.simulated.wire.faults import Faults, described
from cointrader.exchange.simulated.wire.faults.grammar import read_rule, read_spec
from cointrader.exchange.simulated.wire.params import Params
from cointrader.exchange.simulated.wire.player import Player, Stepper
from cointrader.exchange.simulated.wire.refusals import Answer, answer_to, refused
from cointrader.exchange.simulated.wire.rest import as_response
from cointrader.exchange.simulated.wire.texts import money
from cointrader.exchange.simulated.wire.venue import Venue

PREFIX = "/control"
_FILTERS = (
    "tick_size",
    "step_size",
    "min_quantity",
    "max_quantity",
    "min_notional",
    "max_limit_quantity",
    "min_price",
    "max_price",
)


class ControlFront:
    """Answers ``/control/…``: GET state, POST step, join, leave, deposit, withdraw, filters,
    settle, leverage, order, stop; GET, POST and DELETE faults."""

    def __init__(
        self,
        venue: Venue,
        player: Player,
        stepper: Stepper | None,
        faults: Faults,
        stop: Callable[[], None],
    ) -> None:
        self._venue = venue
        self._faults = faults
        self._player = player
        self._stepper = stepper
        self._stop = stop

    async def handle(self, request: web.Request) -> web.Response:
        if not _is_local(request):
            return as_response(Answer(403, {"error": "control answers to this machine only"}))
        name = request.path.removeprefix(PREFIX).strip("/")
        try:
            if name == "faults":
                return as_response(Answer(200, await self._on_faults(request)))
            if request.method == "GET" and name == "state":
                return as_response(Answer(200, self.state()))
            if request.method != "POST":
                return as_response(Answer(404, {"error": "there is no such control"}))
            params = await _read(request)
            return as_response(await self._do(name, params))
        except Rejected as error:
            return as_response(answer_to(error))
        except UsageError as error:
            return as_response(Answer(400, {"error": str(error)}))

    async def _on_faults(self, request: web.Request) -> dict[str, Any]:
        """GET them all, POST one or a ``spec`` of several, DELETE by ``id``, by ``name`` or all."""
        faults = self._faults
        if request.method == "GET":
            entries = [asdict(entry) for entry in faults.log.entries]
            return {"known": described(), "in_force": faults.in_force(), "log": entries}
        given = await _body(request)
        if request.method == "POST":
            spec = given.get("spec")
            rules = (
                [read_rule(given, "POST /control/faults")] if spec is None else read_spec(str(spec))
            )
            return {"ids": [faults.add(rule) for rule in rules]}
        if request.method == "DELETE":
            params = Params([*request.query.items(), *_pairs(given)])
            lifted = faults.lift(number=params.whole("id"), name=params.given("name"))
            return {"lifted": lifted}
        raise refused(-1020, "Faults are read with GET, added with POST and lifted with DELETE.")

    def state(self) -> dict[str, Any]:
        """Where the market and the account stand."""
        progress, ledger = self._venue.exchange.progress, self._venue.exchange.book.ledger
        stepper, speed = self._stepper, self._venue.clock.speed
        return {
            "now_ms": self._venue.now_ms(),
            "bar_open_ms": progress.at_ms,
            "bars_done": progress.done,
            "bars": progress.total,
            "is_over": self._player.is_over,
            "speed": "stepped" if speed is None else speed,
            "market": self._venue.exchange.label,
            "symbols": list(self._venue.symbols),
            "wallet": money(ledger.wallet),
            "positions": {
                symbol: str(held.quantity * held.side.sign)
                for symbol, held in ledger.positions.items()
            },
            "clients": [] if stepper is None else sorted(stepper.members),
            "ready": [] if stepper is None else sorted(stepper.ready),
        }

    async def _do(self, name: str, params: Params) -> Answer:
        venue = self._venue
        match name:
            case "step" | "join" | "leave":
                await self._move(name, params.given("client"))
            case "deposit":
                venue.deposit(params.needed_decimal("amount"))
            case "withdraw":
                venue.withdraw(params.needed_decimal("amount"))
            case "filters":
                self._change_filters(params)
            case "settle":
                venue.exchange.close_symbol(venue.symbol(params))
            case "leverage":
                venue.set_leverage(venue.symbol(params), params.needed_whole("leverage"))
            case "order":
                place = calls_algo.place if "algoType" in params else calls_orders.place
                return Answer(200, await place(venue, params))
            case "stop":
                self._stop()
            case _:
                return Answer(404, {"error": f"there is no control named {name!r}"})
        return Answer(200, self.state())

    async def _move(self, name: str, client: str | None) -> None:
        stepper = self._stepper
        if stepper is None:
            raise refused(-1020, "This market moves by itself: serve it with --pace stepped.")
        if name == "step":
            await stepper.step(client)
            await self._venue.tick()
        elif client is None:
            raise refused(-1102, f"control/{name} needs the client's name: client=…")
        elif name == "join":
            stepper.join(client)
        else:
            stepper.leave(client)

    def _change_filters(self, params: Params) -> None:
        venue = self._venue
        symbol = venue.symbol(params)
        changes: dict[str, Decimal] = {
            name: params.needed_decimal(name) for name in _FILTERS if name in params
        }
        if not changes:
            raise refused(-1102, f"name at least one of {', '.join(_FILTERS)}")
        for name, value in changes.items():
            if value <= 0:
                raise refused(-1130, f"{name} must be above zero")
        before: Any = venue.market.instrument(symbol)
        venue.exchange.change_instrument(replace(before, **changes))


def _is_local(request: web.Request) -> bool:
    """Whether the caller is a program on this machine: no other host, no page in a browser."""
    if "Origin" in request.headers or request.remote is None:
        return False
    return ipaddress.ip_address(request.remote).is_loopback


async def _read(request: web.Request) -> Params:
    """Parameters of the query string, and of a JSON object in the body."""
    return Params([*request.query.items(), *_pairs(await _body(request))])


async def _body(request: web.Request) -> dict[str, Any]:
    body = await request.read()
    try:
        return msgspec.json.decode(body, type=dict[str, Any]) if body.strip() else {}
    except msgspec.DecodeError:
        raise refused(-1130, "the body is no JSON object") from None


def _pairs(values: dict[str, Any]) -> list[tuple[str, str]]:
    params = Params.of_json(values)
    return [(name, params.text(name)) for name in params.names()]
