"""The report: its sections in their order."""

from __future__ import annotations

from cointrader.backtest.report import (
    data_sections,
    money_sections,
    search_sections,
    trade_sections,
    verdict_section,
)
from cointrader.backtest.report.data import ReportData
from cointrader.backtest.report.frame import page
from cointrader.backtest.report.markup import Html, element
from cointrader.backtest.report.words import headline, minute


def render(data: ReportData) -> str:
    """The report as one HTML file: nothing in it asks for anything outside of it."""
    inputs = data.inputs
    verdict = None if inputs.judged is None else inputs.judged.verdict
    return page(
        f"{search_sections.kind(data) or headline(verdict)}: {inputs.title}",
        [verdict_section.header(data), element("main", *_sections(data))],
        data.charts,
        version=inputs.version,
        made=minute(inputs.made_ms),
        without_script="The three charts need",
    )


def _sections(data: ReportData) -> list[Html]:
    made = (
        search_sections.sweep_section(data),  # where there was one, the page is about it
        search_sections.folds_section(data),
        verdict_section.verdict_section(data),
        trade_sections.curves_section(data),
        trade_sections.candles_section(data),
        trade_sections.results_section(data),
        trade_sections.months_section(data),
        money_sections.costs_section(data),
        money_sections.reasons_section(data),
        data_sections.quality_section(data),
        data_sections.settings_section(data),
    )
    return [section for section in made if section]
