"""The top of the page: the answer, what it rests on, and the few numbers that matter."""

from __future__ import annotations

from collections.abc import Mapping

from cointrader.backtest.criteria import About
from cointrader.backtest.report.data import ReportData
from cointrader.backtest.report.inputs import Judged
from cointrader.backtest.report.markup import Html, element, joined, table
from cointrader.backtest.report.search_sections import kind
from cointrader.backtest.report.words import (
    bound,
    day,
    headline,
    interval_name,
    money,
    number_of,
    percent,
    sentences,
    signed_percent,
    summary,
    told,
)
from cointrader.backtest.statistics.evidence import MEASURES
from cointrader.backtest.verdict import Answer, Finding

_LOOKS = {Answer.EDGE: "good", Answer.NO_EDGE: "bad", Answer.TOO_LITTLE_DATA: "unsure"}
_ABOUT = {About.DATA: "enough data?", About.EDGE: "an edge?"}


def header(data: ReportData) -> Html:
    """What was played, on which candles, and when."""
    inputs = data.inputs
    facts = [
        f"{day(data.from_ms)} to {day(data.to_ms - 1)}, UTC",
        f"{interval_name(inputs.account.interval_ms)} candles",
        f"{inputs.account.bars:,} decisions",
        f"profile {inputs.profile}",
    ]
    parts = [
        element("p", kind(data) or "Backtest", class_="kicker"),
        element("h1", inputs.title),
        element("p", ", ".join(inputs.account.symbols), class_="symbols"),
        element("p", " · ".join(facts), class_="facts"),
        element("p", inputs.market, class_="facts"),
    ]
    if inputs.is_made_up:
        parts.append(
            element(
                "p", "Made-up candles: they show how it works, not what it earns.", class_="warn"
            )
        )
    return element("header", *parts)


def verdict_section(data: ReportData) -> Html:
    """The answer in plain language, then each criterion with its number and its bound."""
    judged = data.inputs.judged
    verdict = None if judged is None else judged.verdict
    look = "unsure" if verdict is None else _LOOKS[verdict.answer]
    why = [] if verdict is None else [element("p", summary(verdict), class_="why")]
    is_beside = verdict is None and bool(kind(data))
    said = "One account beside it" if is_beside else headline(verdict)
    banner = element(
        "div",
        element("h2", said, id="verdict"),
        *why,
        joined(element("p", sentence) for sentence in sentences(data)),
        class_=f"verdict {look}",
    )
    parts = [banner, _tiles(data)]
    if judged is not None:
        parts += [_criteria(judged), _figures(judged)]
    return element("section", *parts, aria_labelledby="verdict")


def _tiles(data: ReportData) -> Html:
    """The account in four numbers, beside the own trades in four."""
    account, own = data.account, data.own
    change = account.final_wallet / account.start_wallet - 1.0
    tiles = [
        (
            "Wallet",
            money(account.final_wallet),
            f"{signed_percent(change)} of {money(account.start_wallet)}",
        ),
        ("Largest fall", percent(account.max_drawdown_ratio), "of marked equity"),
        ("Trades", f"{account.trades.trades:,}", _won(account.trades.wins, account.trades.trades)),
        ("Halted", _halted(data), _halted_more(data)),
    ]
    about = "With its own sizing, limits and halts."
    if own is not None:
        about += " It decides nothing about the strategy."
    parts = [
        element("h3", "The account"),
        element("p", about, class_="hint"),
        _row_of_tiles(tiles),
    ]
    if own is not None:
        ratio = own.trades.profit_factor
        tiles = [
            (
                "A trade",
                told(own.trades.mean_r, "R"),
                f"{told(own.trades.low, 'R')} to {told(own.trades.high, 'R')}",
            ),
            ("Profit factor", told(ratio, "times"), "winnings over losses"),
            ("Trades", f"{own.trades.trades:,}", _won(own.trades.wins, own.trades.trades)),
            (
                "Without costs",
                told(own.scenarios["none"].mean_r, "R"),
                "a trade, fees and slippage given back",
            ),
        ]
        parts = [
            element("h3", "The strategy’s own trades"),
            element(
                "p",
                "Each of a fixed size, no limits, no halts. These are judged. R is what a trade "
                "risked up to its first stop.",
                class_="hint",
            ),
            _row_of_tiles(tiles),
            *parts,
        ]
    return element("div", *parts)


def _row_of_tiles(tiles: list[tuple[str, str, str]]) -> Html:
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


def _won(wins: int, trades: int) -> str:
    return f"{wins / trades:.0%} won".replace("%", " %") if trades else "none"


def _halted(data: ReportData) -> str:
    halt = data.account.drawdown_halt_ms
    return "never" if halt is None else day(halt)


def _halted_more(data: ReportData) -> str:
    account = data.account
    often = f"reached on {number_of(account.halted_days, 'day')}"
    by_day = f"daily loss limit {often if account.halted_days else 'never reached'}"
    return by_day if account.drawdown_halt_ms is None else f"by the drawdown limit; {by_day}"


def _criteria(judged: Judged) -> Html:
    verdict = judged.verdict
    rows = [_criterion(finding) for finding in verdict.findings]
    return element(
        "div",
        element("h3", "The criteria, fixed before the run"),
        table(
            "Criteria of the verdict",
            ("criterion", "outcome", "measured", "bound"),
            rows,
            words=2,
            class_="criteria",
        ),
        element(
            "p",
            f"From {verdict.criteria_source}, sha256 {verdict.criteria_hash[:16]}. All met: edge. "
            "One about the data not met: too little data. Otherwise: no edge.",
            class_="hint",
        ),
    )


def _criterion(finding: Finding) -> list[str]:
    measure = MEASURES[finding.measure]
    name = element(
        "span",
        measure.words,
        element("small", finding.why),
    )
    word = "passed" if finding.passed else "failed"
    mark = "✓ " if finding.passed else "✗ "
    return [
        name,
        element("td", element("span", mark + word, class_=word, title=_ABOUT[finding.about])),
        told(finding.value, measure.unit),
        f"{finding.direction} {bound(finding.bound, measure.unit)}",
    ]


def _figures(judged: Judged) -> Html:
    """Everything measured, folded away: names as criteria use them."""
    measures = judged.verdict.measures
    rows = [
        [
            MEASURES[name].words,
            element("td", element("code", name)),
            told(value, MEASURES[name].unit),
            _interval_of(measures, name),
        ]
        for name, value in measures.items()
        if name in MEASURES and not _is_end(measures, name)
    ]
    confidence = f"{100 * judged.method.confidence:g} %"
    return element(
        "details",
        element("summary", f"All {len(measures)} measures"),
        table(
            "All measures",
            ("measure", "name", "value", f"{confidence} interval"),
            rows,
            words=2,
        ),
        element(
            "p",
            f"Intervals by the stationary block bootstrap, {judged.method.draws:,} draws: trades "
            "that hang together in time are drawn together.",
            class_="hint",
        ),
    )


def _is_end(measures: Mapping[str, float], name: str) -> bool:
    """Whether it is an end of another measure's interval, and told beside that."""
    base, _, end = name.rpartition("_")
    return end in {"low", "high"} and bool(_interval_of(measures, base))


def _interval_of(measures: Mapping[str, float], name: str) -> str:
    if not {name, f"{name}_low", f"{name}_high"} <= measures.keys():
        return ""
    unit = MEASURES[name].unit
    return f"{told(measures[f'{name}_low'], unit)} to {told(measures[f'{name}_high'], unit)}"
