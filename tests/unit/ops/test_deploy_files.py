"""The example dashboard and alert rules ask for what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.unit.ops.metered import everything, samples_of

DEPLOY = Path(__file__).parents[3] / "deploy"
LABEL_OF_PROMETHEUS = {"job", "instance"}
FUNCTIONS = {
    "absent", "histogram_quantile", "humanizePercentage", "increase", "label_values", "max",
    "rate", "sum",
}  # fmt: skip
WORDS = {"by", "on", "and", "or", "unless"}
TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<range>\[[^\]]+\])|(?P<number>\d+(?:\.\d+)?)"""
    r"""|(?P<name>[A-Za-z_:][\w:]*)|(?P<sign>=~|!~|!=|==|>=|<=|[-+*/(){},=<>]))"""
)


def tokens_of(expression: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(expression.rstrip()):
        match = TOKEN.match(expression, at)
        assert match is not None, f"unreadable at {expression[at:]!r}"
        found.append((str(match.lastgroup), match[match.lastgroup or 0]))
        at = match.end()
    return found


def checked(expression: str, known: dict[str, set[str]]) -> set[str]:
    """The metrics that `expression` names, each with labels that it has."""
    tokens = tokens_of(expression)
    named: set[str] = set()
    depth: list[str] = []
    labels: set[str] = set()
    closing = {")": "(", "}": "{"}
    for (kind, text), (_, after) in zip(tokens, [*tokens[1:], ("", "")], strict=True):
        if text in ("(", "{"):
            depth.append(text)
        elif text in closing:
            assert depth.pop() == closing[text], f"unbalanced: {expression}"
        elif kind == "range":
            assert re.fullmatch(r"\[(\d+[smhd]|\$__rate_interval)\]", text), text
        elif kind == "name" and text.startswith("cointrader_"):
            assert text in known, f"there is no {text}"
            named.add(text)
        elif kind == "name" and after in ("(", "by") and text not in WORDS:
            assert text in FUNCTIONS, text
        elif kind == "name" and text not in WORDS:
            labels.add(text)
    assert not depth, f"unbalanced: {expression}"
    allowed = set.union(LABEL_OF_PROMETHEUS, *(known[name] for name in named))
    assert labels <= allowed, f"{labels - allowed} of {named}"
    return named


@pytest.fixture(scope="module")
def known():
    """Every sample's name, and its labels."""
    found: dict[str, set[str]] = {}
    for name, labels in samples_of(everything()):
        found.setdefault(name, set()).update(key for key, _ in labels)
    return found


def expressions_of_the_dashboard():
    board = json.loads((DEPLOY / "grafana" / "cointrader.json").read_text(encoding="utf-8"))
    return [(p["title"], t["expr"]) for p in board["panels"] for t in p["targets"]], board


def rules():
    yaml = pytest.importorskip("yaml", reason="the rules are YAML, and PyYAML is not installed")
    text = (DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def test_every_panel_asks_for_metrics_and_labels_that_there_are(known):
    expressions, board = expressions_of_the_dashboard()

    assert all(checked(expression, known) for _, expression in expressions)
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
    assert "label_values(cointrader_info, job)" in json.dumps(board)


def test_the_panels_do_not_overlap():
    _, board = expressions_of_the_dashboard()
    cells = [
        (place["x"] + x, place["y"] + y)
        for place in (panel["gridPos"] for panel in board["panels"])
        for x in range(place["w"])
        for y in range(place["h"])
    ]

    assert len(cells) == len(set(cells))


def test_every_rule_asks_for_metrics_and_labels_that_there_are(known):
    found = rules()

    for rule in found:
        named = checked(rule["expr"], known)
        assert named, rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")
        words = rule["annotations"]["summary"]
        labels = set(re.findall(r"\$labels\.(\w+)", words))
        assert labels <= set.union(*(known[name] for name in named)), rule["alert"]
    assert len({rule["alert"] for rule in found}) == len(found)


def test_prometheus_is_told_where_to_look_and_which_rules():
    yaml = pytest.importorskip("yaml", reason="it is YAML, and PyYAML is not installed")
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    config = yaml.safe_load(text)

    assert config["rule_files"] == ["alerts.yml"]
    (job,) = config["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["127.0.0.1:8787"]}]
    assert job["authorization"] == {"credentials_file": "dashboard_token"}


@pytest.mark.parametrize(
    "wrong", ["sum(cointrader_equity", "cointrader_nothing", 'cointrader_equity{colour="red"}',
              "sum by (colour) (cointrader_equity)", "median(cointrader_equity)",
              "rate(cointrader_equity[5 minutes])", "cointrader_equity ? 1"],
)  # fmt: skip
def test_what_asks_for_nothing_that_is_there_is_found(wrong, known):
    with pytest.raises(AssertionError):
        checked(wrong, known)


def test_every_metric_is_on_the_page_about_them(known):
    page = (DEPLOY.parent / "docs" / "metrics.md").read_text(encoding="utf-8")
    families = {
        re.sub(r"_(bucket|sum|count)$", "", name) for name in known
    }  # counters keep their _total

    assert not [name for name in sorted(families) if f"`{name}`" not in page]
