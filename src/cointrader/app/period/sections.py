"""The parts of a period's page, one function each; every number stands in the page itself."""

from __future__ import annotations

import math

import numpy as np

from cointrader.app.period.drawing import days_svg
from cointrader.app.period.report import Line, PeriodReport
from cointrader.app.period.words import (
    UNKNOWN,
    alerts_text,
    auc_text,
    cost_rows,
    expected_text,
    fast_text,
    figure,
    protection_text,
    refusal_words,
    slow_text,
)
from cointrader.app.words import moment, money
from cointrader.backtest.report.drawing import histogram_svg
from cointrader.backtest.report.figures import histogram
from cointrader.backtest.report.markup import Html, element, joined, section, table

_ALERTS_SHOWN = 50


def expectation_section(report: PeriodReport) -> Html:
    """Inside of what was expected, or outside, and each figure with its chance."""
    outside = any(c.chance is not None and not c.chance.is_inside for c in report.compared)
    known = any(c.chance is not None for c in report.compared)
    look = "bad" if outside else "good" if known else "unsure"
    headline = "Outside" if outside else "Inside" if known else "Cannot be told"
    why = [element("p", report.sentence, class_="why")]
    if report.expectation is not None:
        told = (
            f"Expected is what {report.expectation.source} came to ({report.expectation.answer})."
        )
        why.append(element("p", told))
    parts = [
        element("div", element("h2", headline, id="expectation"), *why, class_=f"verdict {look}"),
        _tiles(report),
    ]
    if report.compared:
        rows = [
            [
                element("span", each.name, element("small", each.text)),
                figure(each.seen, each.unit),
                f"expected {expected_text(each)}",
            ]
            for each in report.compared
        ]
        head = ("", "seen", "and its 95 % interval")
        parts += [
            element("h3", "What was expected"),
            table("What was seen and what was expected", head, rows, class_="criteria"),
        ]
    return element("section", *parts, aria_labelledby="expectation")


def _tiles(report: PeriodReport) -> Html:
    total = report.total
    won = f"{100 * total.wins / total.trades:.0f} % won" if total.trades else "none"
    tiles = [
        ("Net", money(total.net), "of closed trades, all costs paid"),
        ("A trade", figure(total.mean_r, "R"), "mean result, in units of its risk"),
        ("Profit factor", figure(total.profit_factor, "times"), "winnings over losses"),
        ("Trades", f"{total.trades:,}", won),
    ]
    return element(
        "dl",
        joined(
            element(
                "div", element("dt", name), element("dd", value), element("dd", more, class_="more")
            )
            for name, value, more in tiles
        ),
        class_="tiles",
    )


def equity_section(report: PeriodReport) -> Html:
    """The curve, and what each day earned."""
    parts: list[str] = []
    if len(report.facts.marks) > 1:
        label = "Marked equity and its fall below its highest value, transfers taken out"
        parts.append(
            element(
                "figure",
                element("figcaption", "Equity", class_="above"),
                element("div", id="chart-account", class_="chart", role="img", aria_label=label),
                element("p", f"{label}.", class_="hint"),
            )
        )
    else:
        parts.append(element("p", "Equity was not marked in this time.", class_="hint"))
    if report.days:
        label = "Net result of the trades that ended on each day, UTC"
        parts += [
            element("h3", "Day by day"),
            element("figure", days_svg(report.days, label), element("figcaption", f"{label}.")),
            element(
                "details",
                element("summary", "These days as a table"),
                table(
                    label,
                    ("day", "trades", "net", "equity"),
                    [
                        [
                            str(np.datetime64(day.day, "D")),
                            f"{day.trades:,}",
                            money(day.net) if day.trades else UNKNOWN,
                            UNKNOWN if math.isnan(day.change) else money(day.change),
                        ]
                        for day in report.days
                    ],
                    class_="compact",
                ),
            ),
        ]
    return section("Equity", "equity", *parts)


def results_section(report: PeriodReport) -> Html:
    """How often a trade came to how many R; by symbol."""
    parts: list[str] = []
    counted = histogram(report.r)
    if counted.counts:
        label = f"{len(report.r):,} results in R, mean {figure(counted.mean, 'R')}"
        parts.append(
            element(
                "figure",
                histogram_svg(counted, label),
                element("figcaption", f"{label}. Results beyond the ends are in the outer bars."),
            )
        )
    else:
        parts.append(element("p", "No trade ended in this time.", class_="hint"))
    parts += [
        element("h3", "By symbol"),
        table(
            "Results by symbol",
            ("symbol", "trades", "won", "R a trade", "profit factor", "fees", "funding", "net"),
            [_row(line) for line in report.symbols],
            foot=_row(report.total),
            class_="compact",
        ),
    ]
    return section("Results", "results", *parts)


def _row(line: Line) -> list[str]:
    return [
        line.name,
        f"{line.trades:,}",
        f"{100 * line.wins / line.trades:.0f} %" if line.trades else UNKNOWN,
        figure(line.mean_r, "R"),
        figure(line.profit_factor, "times"),
        money(-line.fees),
        money(line.funding),
        money(line.net),
    ]


def costs_section(report: PeriodReport) -> Html:
    """What was earned and paid."""
    rows = [[name, element("td", text)] for name, text in cost_rows(report)]
    return section(
        "Costs", "costs", table("What was earned and paid", ("", "quote currency"), rows, words=2)
    )


def refusals_section(report: PeriodReport) -> Html:
    """Why entries were refused."""
    facts = report.facts
    if not facts.refusals:
        return section("Refusals", "refusals", element("p", "No entry was refused.", class_="hint"))
    rows = [
        [
            element("span", element("code", key), element("small", refusal_words(key))),
            f"{count:,}",
        ]
        for key, count in facts.refusals.items()
    ]
    return section(
        "Refusals", "refusals", table("Why entries were refused", ("reason", "count"), rows)
    )


def safety_section(report: PeriodReport) -> Html:
    """Kill switches, halts, time without a stop, alerts."""
    facts = report.facts
    rows = [
        [each.symbol, element("td", fast_text(each)), element("td", slow_text(each))]
        for each in report.switches
    ]
    parts: list[str] = [
        element("h3", "How far the kill switches are"),
        table("Kill switches", ("symbol", "fast", "slow"), rows, words=3, class_="wordy"),
        element("p", "As of the journal’s last word, whatever the period.", class_="hint"),
        element("h3", "Halts"),
    ]
    if facts.halts:
        told = [
            [
                moment(e.at_ms),
                element("td", f"{e.kind} {e.symbol}".strip()),
                element("td", e.detail),
            ]
            for e in facts.halts
        ]
        parts.append(table("Halts", ("UTC", "what", "why"), told, words=3, class_="compact"))
    else:
        parts.append(element("p", "None.", class_="hint"))
    parts += [
        element("h3", "Time without a stop"),
        element("p", f"{protection_text(facts.protection)}."),
        element("h3", "Alerts"),
        element("p", f"{alerts_text(report).capitalize()}."),
    ]
    if facts.alerts:
        shown = [
            [moment(a.at_ms), element("td", a.level), element("td", f"{a.symbol} {a.text}".strip())]
            for a in facts.alerts[-_ALERTS_SHOWN:]
        ]
        parts.append(table("Alerts", ("UTC", "level", "what"), shown, words=3, class_="wordy"))
    if len(facts.alerts) > _ALERTS_SHOWN:
        parts.append(element("p", f"The last {_ALERTS_SHOWN} of them.", class_="hint"))
    return section("Safety", "safety", *parts)


def models_section(report: PeriodReport) -> Html:
    """Each model's age and ranking; what speaks for a new one."""
    parts: list[str] = []
    if report.models:
        rows = [
            [
                each.symbol,
                element("td", element("code", each.identity)),
                UNKNOWN if each.age_days is None else f"{each.age_days:,} days",
                UNKNOWN if each.signals_since is None else f"{each.signals_since:,}",
                element("td", auc_text(each) if each.is_model else UNKNOWN),
            ]
            for each in report.models
        ]
        head = ("symbol", "model", "age", "signals since", "how it ranks")
        parts.append(table("Models", head, rows, words=5, class_="wordy"))
    else:
        parts.append(element("p", "The run names no model.", class_="hint"))
    parts.append(element("h3", "When to retrain"))
    if report.retrain:
        parts += [element("p", f"{reason}.") for reason in report.retrain]
    else:
        parts.append(element("p", "Nothing speaks for it.", class_="hint"))
    parts.append(
        element(
            "p",
            "How far live features lie from those of the training is counted in the running "
            "process and stands in no journal.",
            class_="hint",
        )
    )
    return section("Models", "models", *parts)
