"""The page: sections in their order, the style, the chart library and the data, in one file."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

from cointrader.backtest.report import (
    data_sections,
    money_sections,
    search_sections,
    trade_sections,
    verdict_section,
)
from cointrader.backtest.report.data import ReportData
from cointrader.backtest.report.markup import Html, element, joined, json_block
from cointrader.backtest.report.words import headline, minute

LIBRARY = "lightweight-charts.standalone.production.js"
NOTICE = "lightweight-charts.NOTICE"
LICENCE = "lightweight-charts.LICENSE"


def render(data: ReportData) -> str:
    """The report as one HTML file: nothing in it asks for anything outside of it."""
    inputs = data.inputs
    verdict = None if inputs.judged is None else inputs.judged.verdict
    content = joined(
        [
            verdict_section.header(data),
            element("main", *_sections(data)),
            _footer(data),
        ]
    )
    library, script = asset(LIBRARY), asset("report.js")
    slots = {
        "policy": _policy(library, script),
        "version": _escaped(inputs.version),
        "title": _escaped(f"{headline(verdict)}: {inputs.title}"),
        "style": asset("report.css"),
        "content": content,
        "data": json_block("data", data.charts),
        "library": library,
        "script": script,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda slot: slots[slot[1]], asset("page.html"))


@cache
def asset(name: str) -> str:
    """A file that is shipped beside this module."""
    return files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def _sections(data: ReportData) -> list[Html]:
    made = (
        verdict_section.verdict_section(data),
        trade_sections.curves_section(data),
        trade_sections.candles_section(data),
        trade_sections.results_section(data),
        trade_sections.months_section(data),
        money_sections.costs_section(data),
        money_sections.reasons_section(data),
        search_sections.sweep_section(data),
        search_sections.folds_section(data),
        data_sections.quality_section(data),
        data_sections.settings_section(data),
    )
    return [section for section in made if section]


def _footer(data: ReportData) -> Html:
    inputs = data.inputs
    link = element(
        "a", "TradingView", href="https://www.tradingview.com/", rel="noopener noreferrer"
    )
    return element(
        "footer",
        element("p", f"Made by cointrader {inputs.version} on {minute(inputs.made_ms)} UTC."),
        element("p", "Charts: Lightweight Charts™ by ", link, ". ", asset(NOTICE).split("http")[0]),
        element(
            "details",
            element("summary", "Licence of the chart library"),
            element("pre", asset(NOTICE) + "\n" + asset(LICENCE)),
        ),
    )


def _policy(*scripts: str) -> str:
    """What a browser may do with the page: run these scripts, use its style, and nothing else."""
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in scripts)
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src {hashes}; "
        "base-uri 'none'; form-action 'none'"
    )


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _escaped(text: str) -> str:
    return str(joined([text]))
