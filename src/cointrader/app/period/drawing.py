"""Pictures of a period that need no script: what each day earned, as SVG in the page's colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cointrader.app.period.report import Day
from cointrader.app.words import money
from cointrader.backtest.report.markup import Html, element, joined

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 640.0, 270.0, 74.0, 16.0, 234.0
_MOST_NAMED = 8  # days with a name below them
_HALF_A_NAME = 34.0  # as wide as it is on a phone


def days_svg(days: Sequence[Day], label: str) -> Html:
    """One bar for each day, up for a gain and down for a loss."""
    most = max((abs(day.net) for day in days), default=0.0) or 1.0
    low, high = min([0.0, *(day.net for day in days)]), max([0.0, *(day.net for day in days)])
    reach = (high - low) or most
    wide = (_WIDTH - _LEFT) / len(days)

    def up(value: float) -> float:
        return _TOP + (high - value) / reach * (_BOTTOM - _TOP)

    bars = joined(
        _bar(day, _LEFT + i * wide, wide, up(day.net), up(0.0)) for i, day in enumerate(days)
    )
    step = -(-len(days) // _MOST_NAMED)
    names = joined(
        _text(
            min(_LEFT + (i + 0.5) * wide, _WIDTH - _HALF_A_NAME), _HEIGHT - 12, _name(day), "middle"
        )
        for i, day in enumerate(days)
        if i % step == 0
    )
    marks = dict.fromkeys((low, 0.0, high))
    grid = joined(
        joined([_line(up(mark)), _text(_LEFT - 6, up(mark) + 4, money(mark), "end")])
        for mark in marks
    )
    return element(
        "svg",
        element("title", label),
        grid,
        bars,
        names,
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        role="img",
        class_="histogram",
        aria_label=label,
    )


def _bar(day: Day, left: float, wide: float, top: float, zero: float) -> Html:
    if not day.net:
        return joined([])
    return element(
        "rect",
        element("title", f"{np.datetime64(day.day, 'D')}: {money(day.net)} in {day.trades:,}"),
        x=f"{left + 0.1 * wide:.1f}",
        y=f"{min(top, zero):.1f}",
        width=f"{max(1.0, 0.8 * wide):.1f}",
        height=f"{max(1.0, abs(top - zero)):.1f}",
        class_="gain" if day.net > 0 else "loss",
    )


def _name(day: Day) -> str:
    return str(np.datetime64(day.day, "D"))[5:]


def _line(y: float) -> Html:
    return element(
        "line", x1=f"{_LEFT:g}", y1=f"{y:.1f}", x2=f"{_WIDTH:g}", y2=f"{y:.1f}", class_="grid"
    )


def _text(x: float, y: float, text: str, anchor: str) -> Html:
    return element("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)
