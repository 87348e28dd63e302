"""A sweep's heat maps and the folds of a walk-forward: nothing where there was none."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cointrader.backtest.report.data import ReportData
from cointrader.backtest.report.inputs import HeatMap, Side, Sweep, WalkForward
from cointrader.backtest.report.markup import Html, element, joined, section, table
from cointrader.backtest.report.words import day, percent, told


def kind(data: ReportData) -> str:
    """Which search it was; empty for a plain backtest."""
    if data.inputs.sweep is not None:
        return "Sweep"
    return "Walk-forward" if data.inputs.walk_forward is not None else ""


def sweep_section(data: ReportData) -> Html:
    """The head of a sweep and its heat maps; nothing where there was none."""
    sweep: Sweep | None = data.inputs.sweep
    if sweep is None:
        return Html("")
    parts = [
        _answer(sweep.says),
        table(
            "The search as a whole",
            ("", "value"),
            [[figure.words, told(figure.value, figure.unit)] for figure in sweep.figures],
            class_="narrow",
        ),
    ]
    if sweep.chosen:
        parts.append(element("p", f"Chosen: {sweep.chosen}.", class_="hint"))
    shown, folded = sweep.maps[:1], sweep.maps[1:]
    parts += [_heat_map(each) for each in shown]
    if folded:
        more = element("summary", f"{len(folded)} more pairs of settings")
        parts.append(element("details", more, *(_heat_map(each) for each in folded)))
    return section("Sweep", "sweep", *parts)


def folds_section(data: ReportData) -> Html:
    """The folds of a walk-forward; nothing where there was none."""
    walk: WalkForward | None = data.inputs.walk_forward
    if walk is None:
        return Html("")
    rows = [
        [
            str(number),
            _dates(fold.train),
            _dates(fold.test),
            fold.chosen,
            *_judged(fold.train),
            *_judged(fold.test),
        ]
        for number, fold in enumerate(walk.folds, 1)
    ]
    parts = [
        _answer(walk.says),
        element(
            "p",
            f"{walk.kind.capitalize()} windows: settings are chosen on the training part and "
            f"judged on the test part that follows. {percent(walk.coverage_ratio)} of all bars "
            "were judged out of sample.",
        ),
        table(
            "Folds of the walk-forward",
            (
                "fold",
                "trained on",
                "tested on",
                "chosen",
                "train trades",
                "train R a trade",
                "train profit factor",
                "test trades",
                "test R a trade",
                "test profit factor",
            ),
            rows,
            words=4,
            class_="folds",
        ),
    ]
    if walk.equity is not None:
        change = walk.equity.value[-1] - walk.equity.value[0]
        label = f"Stitched out-of-sample equity, {told(float(change), 'money')} in all"
        parts.append(
            element(
                "figure",
                element("figcaption", "Out of sample, fold after fold", class_="above"),
                element("div", id="chart-stitched", class_="chart", role="img", aria_label=label),
            )
        )
    return section("Walk-forward", "folds", *parts)


def _answer(says: Sequence[str]) -> Html:
    """What came of it, before any table."""
    if not says:
        return Html("")
    first, *more = says
    return element(
        "div",
        element("p", first, class_="why"),
        joined(element("p", sentence) for sentence in more),
        class_="verdict unsure",
    )


def _heat_map(heat: HeatMap) -> Html:
    title = f"{heat.measure} by {heat.row_name} and {heat.column_name}"
    if heat.others:
        title += f", {heat.others}"
    known = heat.value[~(heat.value != heat.value)]
    most = float(abs(known).max()) if known.size else 0.0
    rows = [
        [row, *(_cell(heat, i, j, most) for j in range(len(heat.columns)))]
        for i, row in enumerate(heat.rows)
    ]
    corner = joined([f"{heat.row_name} ↓", element("br"), f"{heat.column_name} →"])
    head = (corner, *heat.columns)
    return element(
        "div",
        element("h3", title[:1].upper() + title[1:]),
        table(title, head, rows, class_="heat"),
        element(
            "p",
            "Below each value the number of trades, likewise. ◆ is the chosen cell.",
            class_="hint",
        ),
    )


def _cell(heat: HeatMap, i: int, j: int, most: float) -> Html:
    value = float(heat.value[i, j])
    text = [told(value, heat.unit), element("small", f"{int(heat.trades[i, j]):,}")]
    if heat.chosen == (i, j):
        text.insert(0, "◆ ")
    if math.isnan(value) or not most:
        return element("td", *text, class_="n")
    kind = "gain" if value > 0 else "loss"
    return element("td", *text, class_=f"n {kind}", style=f"--a:{6 + 38 * abs(value) / most:.0f}%")


def _dates(side: Side) -> Html:
    return element("td", f"{day(side.from_ms)} to", element("br"), day(side.to_ms - 1))


def _judged(side: Side) -> tuple[str, str, str]:
    return f"{side.trades:,}", told(side.mean_r, "R"), told(side.profit_factor, "times")
