"""What was paid, what was refused, and how trades ended."""

from __future__ import annotations

from cointrader.backtest.report.data import ReportData
from cointrader.backtest.report.figures import Count
from cointrader.backtest.report.markup import Html, element, section, table
from cointrader.backtest.report.words import percent, told
from cointrader.backtest.statistics.costs import SCENARIOS


def costs_section(data: ReportData) -> Html:
    """Where the account's money went, and the own trades at other costs."""
    costs = data.inputs.costs
    lines = [
        ("before all costs", costs.gross + costs.slippage),
        ("slippage", -costs.slippage),
        ("fees", -costs.fees),
        ("funding", costs.funding),
        ("net", costs.net),
    ]
    parts = [
        element("h3", "The account’s money"),
        table(
            "What the account earned and paid",
            ("", "quote currency"),
            [[name, told(value, "money")] for name, value in lines[:-1]],
            foot=[lines[-1][0], told(lines[-1][1], "money")],
            class_="narrow",
        ),
    ]
    if data.own is not None:
        rows = [
            [
                _scenario_words(scenario.name, scenario.fees),
                told(found.mean_r, "R"),
                told(found.net, "money"),
                told(found.profit_factor, "times"),
                percent(found.win_ratio),
            ]
            for scenario in SCENARIOS
            for found in [data.own.scenarios[scenario.name]]
        ]
        parts += [
            element("h3", "The strategy’s own trades at other costs"),
            table(
                "The strategy’s own trades at other costs",
                ("fees and slippage", "R a trade", "net", "profit factor", "won"),
                rows,
            ),
            element(
                "p",
                "Entries and exits stay as they were played; funding stays too.",
                class_="hint",
            ),
        ]
    return section("Costs", "costs", *parts)


def reasons_section(data: ReportData) -> Html:
    """Why entries were refused, and how trades ended."""
    refused = (
        _counts("Why the account refused entries", data.refusals)
        if data.refusals
        else element("p", "No entry was refused.", class_="hint")
    )
    ends = [("How the account’s trades ended", data.account_reasons)]
    if data.own is not None:
        ends.insert(0, ("How the strategy’s own trades ended", data.reasons))
    both = (element("div", element("h3", title), _counts(title, found)) for title, found in ends)
    return section(
        "Refusals and exits",
        "reasons",
        element("h3", "Entries the account refused"),
        refused,
        element("div", *both, class_="pair"),
    )


def _scenario_words(name: str, factor: float) -> str:
    told_as = {"none": "none", "own": "as paid"}.get(name, name)
    return told_as if factor in (0.0, 1.0) else f"{told_as}, {factor:g} times"


def _counts(caption: str, counts: list[Count]) -> Html:
    if not counts:
        return element("p", "None.", class_="hint")
    total = sum(each.count for each in counts)
    rows = [
        [
            element("span", element("code", each.key), element("small", each.words)),
            f"{each.count:,}",
            percent(each.count / total),
        ]
        for each in counts
    ]
    return table(caption, ("reason", "count", "share"), rows)
