"""The candles it was played on, and everything it was played with."""

from __future__ import annotations

from cointrader.backtest.report.data import ReportData
from cointrader.backtest.report.markup import Html, element, joined, section, table
from cointrader.backtest.report.words import UNKNOWN, minute, percent

_NOTES_SHOWN = 60


def quality_section(data: ReportData) -> Html:
    """What is odd about the candles, and what is known of them."""
    candles = data.inputs.stretch.candles
    rows = []
    for place, symbol in enumerate(data.inputs.account.symbols):
        first, last = int(candles.first[place]), int(candles.last[place])
        if last < first:
            rows.append([symbol, UNKNOWN, UNKNOWN, "0", UNKNOWN])
            continue
        count = last - first + 1
        rows.append(
            [
                symbol,
                minute(int(candles.time_ms[first])),
                minute(int(candles.time_ms[last])),
                f"{count:,}",
                percent(count / len(candles.time_ms)),
            ]
        )
    parts = [
        table(
            "Candles played",
            ("symbol", "first, UTC", "last, UTC", "candles", "of the time"),
            rows,
            words=3,
            class_="compact",
        ),
        joined(element("p", remark) for remark in data.inputs.remarks),
    ]
    notes = [
        [
            note.symbol,
            element("td", f"{note.kind} ({note.severity})"),
            element("td", f"{minute(note.time_ms)}: {note.detail}"),
            f"{note.count:,}",
        ]
        for note in data.notes[:_NOTES_SHOWN]
    ]
    if notes:
        parts.append(element("h3", "What is odd about them"))
        parts.append(
            table(
                "What is odd about the candles",
                ("symbol", "what", "the first one", "how often"),
                notes,
                words=3,
                class_="wordy",
            )
        )
        if len(data.notes) > _NOTES_SHOWN:
            more = len(data.notes) - _NOTES_SHOWN
            parts.append(
                element("p", f"And {more:,} more kinds: cointrader data check.", class_="hint")
            )
    else:
        parts.append(element("p", "Nothing odd was found about these candles.", class_="hint"))
    return section("Data quality", "quality", *parts)


def settings_section(data: ReportData) -> Html:
    """Everything it was played with, and the hashes it is known by."""
    inputs = data.inputs
    parts: list[str] = []
    if inputs.deviations:
        parts.append(
            table(
                f"What differs from the profile {inputs.profile}",
                ("setting", "played with", "the profile has"),
                [[name, *pair] for name, pair in inputs.deviations.items()],
                words=3,
            )
        )
    else:
        parts.append(element("p", f"The profile {inputs.profile} as it is.", class_="hint"))
    if inputs.settings:
        parts.append(
            element(
                "details",
                element("summary", f"All {len(inputs.settings)} settings"),
                table(
                    "All settings",
                    ("setting", "value"),
                    [[*pair] for pair in inputs.settings.items()],
                    words=2,
                ),
            )
        )
    if inputs.judged is not None:
        verdict = inputs.judged.verdict
        hashes = [
            [
                "configuration",
                element("td", element("code", verdict.subject.configuration or UNKNOWN)),
            ],
            ["candles", element("td", element("code", verdict.subject.data or UNKNOWN))],
            [
                "model",
                element(
                    "td",
                    element("code", verdict.subject.model) if verdict.subject.model else "none",
                ),
            ],
            ["criteria", element("td", element("code", verdict.criteria_hash))],
        ]
        parts.append(element("h3", "What was judged, by hash"))
        parts.append(
            table("What was judged, by hash", ("", "sha256"), hashes, words=2, class_="hashes")
        )
    return section("How it was made", "made", *parts)
