"""Every address of the API, once: who may ask, what is asked with, what is answered.

The server takes its routes from here and the OpenAPI file is made of it, so neither knows an
address that the other does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cointrader.dashboard import answers

API = "/api/v1"
ACTIONS = {
    "pause": "No more entries until resume; open positions are managed as ever.",
    "resume": "Allow entries again.",
    "flatten": "Pause entries and close at market: the symbol's position, or all of them.",
    "reset-kill": "Reset the kill switches of the symbol, or of all.",
    "reset-drawdown": "Lift the drawdown halt; the next one is measured from here.",
}
WITH_SYMBOL = ("flatten", "reset-kill")


@dataclass(frozen=True, slots=True)
class Param:
    """One query parameter. `kind`: text, whole or time (epoch ms, or a date such as 2026-01-31)."""

    name: str
    kind: str
    help: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """One address. `answer` is a type of `answers`, or a content type for what is not JSON."""

    method: str
    path: str
    name: str
    help: str
    answer: Any
    params: tuple[Param, ...] = ()
    body: Any = None
    is_open: bool = False  # without a token


_SYMBOL = Param("symbol", "text", "Only this symbol.")
_FROM = Param("from", "time", "From then on, included. Epoch ms, or a UTC date or time.")
_TO = Param("to", "time", "Up to then, excluded.")
_CURSOR = Param("cursor", "text", "`next` of the answer before.")
_LIMIT = Param("limit", "whole", "At most so many, 1 to 500.  [default: 100]")
_SIDE = Param("side", "text", "Only this side.", ("long", "short"))
_RESULT = Param("result", "text", "Only winning or losing trades.", ("win", "loss"))
_EXIT = Param("reason", "text", "How they ended, e.g. SL or TP.")
_ACTION = Param(
    "action", "text", "Only this answer.", ("HOLD", "ENTER", "REFUSED", "EXIT", "REVERSE")
)
_WHY = Param("reason", "text", "Only bars with this gate or refusal, e.g. volume or max-positions.")
_TRADE_FILTERS = (_SYMBOL, _SIDE, _EXIT, _RESULT, _FROM, _TO)

ROUTES: tuple[Route, ...] = (
    Route("GET", "/healthz", "healthz", "Whether the server is up.", answers.Alive, is_open=True),
    Route("GET", "/metrics", "metrics", "The running process's metrics for Prometheus.",
          "text/plain"),
    Route("GET", f"{API}/openapi.json", "openapi", "This description.", "application/json"),
    Route("GET", f"{API}/session", "session", "Whether this browser is logged in.",
          answers.Session, is_open=True),
    Route("POST", f"{API}/login", "login", "Give the token, get a session cookie.",
          answers.Session, body=answers.Login, is_open=True),
    Route("POST", f"{API}/logout", "logout", "End the session.", answers.Session),
    Route("GET", f"{API}/overview", "overview", "The account, its limits, positions and bots.",
          answers.Overview),
    Route("GET", f"{API}/symbols", "symbols", "Every symbol and its bot.", answers.Symbols),
    Route("GET", f"{API}/symbols/{{symbol}}", "symbol", "One symbol's chart and its decisions.",
          answers.SymbolPage,
          (Param("bars", "whole", "So many bars, 20 to 1000.  [default: 300]"),
           Param("to", "time", "Up to then, excluded.  [default: the newest]"))),
    Route("GET", f"{API}/decisions", "decisions", "Why each bar did or did not trade.",
          answers.Decisions, (_SYMBOL, _ACTION, _WHY, _SIDE, _FROM, _TO, _CURSOR, _LIMIT)),
    Route("GET", f"{API}/decisions/reasons", "reasons",
          "Answers, gates and refusals counted; of the last seven days, of many symbols fewer.",
          answers.Reasons, (_SYMBOL, _FROM, _TO)),
    Route("GET", f"{API}/trades", "trades", "Closed trades.", answers.Trades,
          (*_TRADE_FILTERS, _CURSOR, _LIMIT)),
    Route("GET", f"{API}/trades.csv", "trades_csv", "The same as a table.", "text/csv",
          _TRADE_FILTERS),
    Route("GET", f"{API}/trades/costs", "costs", "Fees, slippage and funding of these trades.",
          answers.CostPage, _TRADE_FILTERS),
    Route("GET", f"{API}/models", "models", "The entry filters: card, gate, drift.",
          answers.Models),
    Route("GET", f"{API}/health", "health", "The process, its streams, and the journal.",
          answers.Health),
    Route("GET", f"{API}/alerts", "alerts", "What a person should know.", answers.Alerts,
          (Param("level", "text", "Only this level.", ("info", "warning", "critical")),
           _SYMBOL, _CURSOR, _LIMIT)),
    Route("GET", f"{API}/events", "events",
          "Server-sent events: `changed` with the kinds of records that came.",
          "text/event-stream"),
    *(
        Route("POST", f"{API}/control/{action}", f"control_{action.replace('-', '_')}", text,
              answers.Done, body=answers.Asked)
        for action, text in ACTIONS.items()
    ),
)  # fmt: skip
