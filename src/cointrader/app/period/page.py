"""A period's report as one HTML file, in the looks of the backtest's: nothing is asked of outside.

Every number stands in the page itself; the equity curve alone needs its script.
"""

from __future__ import annotations

import numpy as np

from cointrader.app.period import sections
from cointrader.app.period.report import PeriodReport, equity_without_transfers
from cointrader.app.period.words import head_lines, title
from cointrader.app.words import moment
from cointrader.backtest.report.frame import page
from cointrader.backtest.report.markup import Html, element
from cointrader.backtest.report.thin import thinned


def render(report: PeriodReport) -> str:
    """The whole page."""
    return page(
        f"Report: {title(report)}",
        [_header(report), element("main", *_sections(report))],
        _charts(report),
        version=report.version,
        made=moment(report.now_ms),
        without_script="The equity curve needs",
    )


def _header(report: PeriodReport) -> Html:
    facts = report.facts
    told = title(report)
    span = f"{moment(facts.span.from_ms)} to {moment(facts.span.to_ms)} UTC"
    return element(
        "header",
        element("p", "Live against expectation", class_="kicker"),
        element("h1", told[:1].upper() + told[1:]),
        element("p", ", ".join(facts.run.symbols), class_="symbols"),
        element("p", span, class_="facts"),
        *(
            element("p", text, class_="warn" if text.startswith("made-up") else "facts")
            for text in head_lines(report)
        ),
    )


def _sections(report: PeriodReport) -> list[Html]:
    return [
        sections.expectation_section(report),
        sections.equity_section(report),
        sections.results_section(report),
        sections.costs_section(report),
        sections.refusals_section(report),
        sections.safety_section(report),
        sections.models_section(report),
    ]


def _charts(report: PeriodReport) -> dict[str, object]:
    value = equity_without_transfers(report.facts)
    if len(value) < 2:
        return {"account": None, "candles": [], "trades": {}, "reasons": []}
    high = np.maximum.accumulate(value)
    fall = np.where(high > 0.0, value / np.where(high > 0.0, high, 1.0) - 1.0, 0.0)
    rows = thinned(value, keep=[int(fall.argmin())])
    times = np.array([mark.at_ms // 1_000 for mark in report.facts.marks], np.int64)[rows]
    return {
        "account": {
            "time": times.tolist(),
            "value": [float(f"{each:.9g}") for each in value[rows].tolist()],
            "fall": [float(f"{each:.5g}") for each in fall[rows].tolist()],
            "start": float(value[0]),
        },
        "halt": None,
        "candles": [],
        "trades": {},
        "reasons": [],
    }
