"""Pictures that need no script: the histogram of R as SVG, coloured by the page's style."""

from __future__ import annotations

import math
from collections.abc import Callable

from cointrader.backtest.report.figures import Histogram
from cointrader.backtest.report.markup import Html, element, joined
from cointrader.backtest.report.words import told

_WIDTH, _HEIGHT, _BASE, _LEFT, _TOP = 640.0, 270.0, 234.0, 62.0, 30.0


def histogram_svg(histogram: Histogram, label: str) -> Html:
    """Bars of winners and losers, with marks at 0 and at the mean."""
    edges, counts = histogram.edges, histogram.counts
    most = _round_up(max(counts))
    wide = (_WIDTH - _LEFT) / len(counts)
    per_r = wide / (edges[1] - edges[0])

    def across(r: float) -> float:
        return _LEFT + (r - edges[0]) * per_r

    bars = joined(
        element(
            "rect",
            element("title", f"{edges[i]:g} to {edges[i + 1]:g} R: {count:,}"),
            x=f"{_LEFT + i * wide + 0.5:.1f}",
            y=f"{_BASE - count / most * (_BASE - _TOP):.1f}",
            width=f"{max(1.0, wide - 1):.1f}",
            height=f"{count / most * (_BASE - _TOP):.1f}",
            class_="gain" if edges[i] >= 0 else "loss",
        )
        for i, count in enumerate(counts)
        if count
    )
    inside = min(max(histogram.mean, edges[0]), edges[-1])
    mean = joined(
        [
            _line(across(inside), _TOP, across(inside), _BASE, "mean"),
            _text(
                min(max(across(inside), _LEFT + 70), _WIDTH - 110),
                _TOP - 9,
                f"mean {told(histogram.mean, 'R')}",
                "middle",
            ),
        ]
    )
    return element(
        "svg",
        element("title", label),
        _grid(most),
        bars,
        _axis(edges, across),
        mean,
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        role="img",
        class_="histogram",
        aria_label=label,
    )


def _grid(most: int) -> Html:
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = _BASE - share * (_BASE - _TOP)
        parts += [
            _line(_LEFT, y, _WIDTH, y, "grid"),
            _text(_LEFT - 6, y + 4, f"{most * share:,.0f}", "end"),
        ]
    return joined(parts)


def _axis(edges: tuple[float, ...], across: Callable[[float], float]) -> Html:
    reach = edges[-1] - edges[0]
    step = next(each for each in (0.5, 1.0, 2.0, 5.0) if reach / each <= 7 or each == 5.0)
    first = math.ceil(edges[0] / step)
    marks = [step * i for i in range(first, math.floor(edges[-1] / step) + 1)]
    return joined(
        _text(across(mark), _BASE + 24, f"{mark:g} R".replace("-", "−"), "middle")
        for mark in marks
        if _LEFT + 12 < across(mark) < _WIDTH - 24
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Html:
    return element(
        "line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", class_=kind
    )


def _text(x: float, y: float, text: str, anchor: str) -> Html:
    return element("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)


def _round_up(count: int) -> int:
    """The next number that halves well."""
    size: int = 2 * 10 ** max(0, len(str(count)) - 2)
    return max(2, -(-count // size) * size)
