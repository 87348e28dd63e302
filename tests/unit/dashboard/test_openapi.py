"""The description and the server say the same, and the file in the package is today's."""

from __future__ import annotations

import json
import re

from cointrader.dashboard import answers, openapi
from cointrader.dashboard.routes import ACTIONS, ROUTES


def test_the_file_is_what_the_types_say():
    assert openapi.FILE.read_text(encoding="utf-8") == openapi.as_text(), (
        "make it anew: python -c 'from cointrader.dashboard import openapi; "
        "openapi.FILE.write_text(openapi.as_text())'"
    )


def test_every_route_is_described_with_what_it_asks():
    told = json.loads(openapi.as_text())

    assert told["openapi"].startswith("3.1")
    for route in ROUTES:
        operation = told["paths"][route.path][route.method.lower()]
        named = {each["name"] for each in operation.get("parameters", ())}
        assert named == {p.name for p in route.params} | set(re.findall(r"{(\w+)}", route.path))
        assert ("requestBody" in operation) == (route.body is not None)
        assert operation["summary"].endswith(".")


def test_names_of_operations_are_never_the_same():
    names = [route.name for route in ROUTES]

    assert len(set(names)) == len(names)


def test_every_command_has_an_address():
    posts = {route.path.rpartition("/")[2] for route in ROUTES if "/control/" in route.path}

    assert posts == set(ACTIONS)


def test_every_reference_leads_somewhere():
    told = json.loads(openapi.as_text())
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(told)))

    assert named == set(told["components"]["schemas"])
    assert {"Overview", "Refused", "TradeRow"} <= named


def test_no_answer_allows_fields_that_are_not_declared():
    told = json.loads(openapi.as_text())["components"]["schemas"]
    objects = [name for name, schema in told.items() if schema.get("type") == "object"]

    assert objects
    assert [name for name in objects if told[name].get("additionalProperties") is not False] == []
    assert issubclass(answers.Overview, answers.Answer)
