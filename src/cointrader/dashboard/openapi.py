"""The API's description, made from the routes and the types of their answers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec

from cointrader.dashboard import answers
from cointrader.dashboard.routes import ROUTES, Param, Route

FILE = Path(__file__).with_name("openapi.json")
VERSION = "1"
_REF = "#/components/schemas/{name}"
_STATUS_TEXTS = {
    400: "The request cannot be understood.",
    401: "No valid token or session.",
    403: "From another site, or without the CSRF token.",
    404: "There is no such thing.",
    409: "No process takes commands for this journal.",
    413: "The body is too large.",
    429: "Too many requests; see Retry-After.",
}


def document() -> dict[str, Any]:
    """The whole description as OpenAPI 3.1."""
    types = [route.answer for route in ROUTES if not isinstance(route.answer, str)]
    types += [route.body for route in ROUTES if route.body is not None]
    schemas, components = msgspec.json.schema_components(
        [*dict.fromkeys(types), answers.Refused], ref_template=_REF
    )
    by_type = dict(zip([*dict.fromkeys(types), answers.Refused], schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "cointrader dashboard",
            "version": VERSION,
            "description": (
                "What a journal tells, and commands to the process that writes it. Send the token "
                "as `Authorization: Bearer TOKEN`; browsers log in and get a cookie. Fields are "
                "only ever added within a version."
            ),
        },
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "cointrader_session"},
            },
        },
    }


def as_text() -> str:
    """The file's content."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def _operation(route: Route, by_type: dict[Any, Any]) -> dict[str, Any]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    found: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.help,
        "responses": {
            "200": {"description": "Done.", "content": _content(route.answer, by_type)},
            "default": {
                "description": " ".join(f"{k}: {text}" for k, text in _STATUS_TEXTS.items()),
                "content": {"application/json": {"schema": by_type[answers.Refused]}},
            },
        },
    }
    if in_path or route.params:
        found["parameters"] = [*in_path, *map(_parameter, route.params)]
    if route.body is not None:
        found["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": by_type[route.body]}},
        }
    if route.is_open:
        found["security"] = []
    return found


def _content(answer: Any, by_type: dict[Any, Any]) -> dict[str, Any]:
    if isinstance(answer, str):
        kind = "object" if answer == "application/json" else "string"
        return {answer: {"schema": {"type": kind}}}
    return {"application/json": {"schema": by_type[answer]}}


def _parameter(param: Param) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer" if param.kind == "whole" else "string"}
    if param.options:
        schema["enum"] = list(param.options)
    return {"name": param.name, "in": "query", "description": param.help, "schema": schema}
