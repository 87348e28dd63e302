"""What every page has: the style, the chart library, its notice, and a policy that allows no more.

One file of HTML that asks for nothing outside of it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from cointrader.backtest.report.markup import Html, element, joined, json_block

LIBRARY = "lightweight-charts.standalone.production.js"
NOTICE = "lightweight-charts.NOTICE"
LICENCE = "lightweight-charts.LICENSE"


def page(
    title: str,
    content: Sequence[Html],
    charts: Mapping[str, Any],
    *,
    version: str,
    made: str,
    without_script: str,
) -> str:
    """One HTML file.

    Parameters
    ----------
    content : the header and the main part
    charts : what `report.js` draws
    made : when, in words, UTC
    without_script : what a browser without scripts does not show, with its verb
    """
    library, script = asset(LIBRARY), asset("report.js")
    slots = {
        "policy": _policy(library, script),
        "version": joined([version]),
        "title": joined([title]),
        "style": asset("report.css"),
        "content": joined([*content, _footer(version, made)]),
        "data": json_block("data", charts),
        "library": library,
        "script": script,
        "without_script": joined([without_script]),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda slot: str(slots[slot[1]]), asset("page.html"))


@cache
def asset(name: str) -> str:
    """A file that is shipped beside this module."""
    return files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def _footer(version: str, made: str) -> Html:
    link = element(
        "a", "TradingView", href="https://www.tradingview.com/", rel="noopener noreferrer"
    )
    return element(
        "footer",
        element("p", f"Made by cointrader {version} on {made} UTC."),
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
