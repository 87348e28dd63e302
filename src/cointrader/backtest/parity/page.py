"""The certificate as a page: one HTML file, no script, no network, light and dark. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from cointrader.backtest.parity.causes import sentence
from cointrader.backtest.parity.difference import Difference
from cointrader.backtest.parity.report import ParityReport

MOST_ROWS = 2_000  # of the table; the certificate has them all

_VERDICTS = {
    "equal": "Every decision is the replay's.",
    "explained": "Every difference has a cause that the journal shows.",
    "unexplained": "There are differences that nothing in the journal explains.",
}
_STYLE = """
:root { color-scheme: light dark; --text: #1c1c1e; --back: #fff; --faint: #6b6b70;
  --line: #d8d8dc; --good: #1a7f37; --bad: #b42318; --some: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --text: #e8e8ea; --back: #17171a; --faint: #9a9aa0;
  --line: #3a3a40; --good: #4ac26b; --bad: #ff7b72; --some: #e3b341; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back);
  max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.equal { color: var(--good); } .explained { color: var(--some); }
.unexplained { color: var(--bad); } .faint { color: var(--faint); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
td.number, th.number { text-align: right; }
code { font-size: .85em; overflow-wrap: anywhere; }
"""


def render(report: ParityReport, seal: str) -> str:
    """The page; `seal` is the certificate's."""
    verdict = report.verdict
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Parity of {escape(report.journal)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>Parity: <span class={verdict}>{verdict}</span></h1>",
        f"<p>{_VERDICTS[verdict]}</p>",
        *_facts(report),
        *_causes(report),
        *_whole(report),
        *_found("Unexplained", report.unexplained),
        *_found("Explained", [each for each in report.differences if each.is_explained]),
        *(f'<p class="faint">{escape(note)}</p>' for note in report.notes),
        f'<p class="faint">cointrader {escape(report.version)}. Seal of the certificate: '
        f"<code>{escape(seal)}</code><br>Digest of the journal: "
        f"<code>{escape(report.digest)}</code></p>",
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _facts(report: ParityReport) -> Iterable[str]:
    rows = [
        ("Journal", report.journal),
        ("Run", f"{report.mode}, {report.market}, profile {report.profile}"),
        ("Symbols", f"{', '.join(report.symbols)}, {report.interval}"),
        ("Bars decided", f"{_moment(report.from_ms)} to {_moment(report.to_ms)} UTC"),
        ("Starts", str(report.starts)),
        ("Decisions compared", f"{report.compared:,}"),
        ("Equal", f"{report.compared - report.differing:,}"),
        ("Differing", f"{report.differing:,}"),
        ("Trades", f"{report.trades:,}"),
        ("Differences", f"{len(report.differences):,}, {len(report.unexplained):,} unexplained"),
    ]
    yield '<div class="wide"><table>'
    for name, value in rows:
        yield f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
    yield "</table></div>"


def _causes(report: ParityReport) -> Iterable[str]:
    if not report.by_cause:
        return
    yield '<h2>Causes</h2><div class="wide"><table><tr><th>cause</th>'
    yield '<th class="number">differences</th><th>what it is</th></tr>'
    for cause, count in report.by_cause.items():
        yield (
            f'<tr><td>{escape(cause)}</td><td class="number">{count:,}</td>'
            f"<td>{escape(sentence(cause))}</td></tr>"
        )
    yield "</table></div>"


def _whole(report: ParityReport) -> Iterable[str]:
    yield "<h2>The whole run</h2>"
    whole = report.whole
    if whole is None:
        yield f"<p>Not played in one piece: {escape(report.why_no_whole)}.</p>"
        return
    yield (
        f"<p>Left alone, the kernel makes {whole.replayed_trades:,} trades with a net of "
        f"{whole.replayed_net:,.2f}; the journal has {whole.trades:,} with {whole.net:,.2f}. "
        f"{whole.equal_trades:,} are the same, digit for digit to 1e-9.</p>"
    )
    if whole.followed and whole.first_ms is not None:
        yield (
            f"<p>{whole.followed:,} differences of the whole run follow from the first one, "
            f"at {_moment(whole.first_ms)} UTC.</p>"
        )


def _found(title: str, found: Sequence[Difference]) -> Iterable[str]:
    if not found:
        return
    yield f'<h2>{title}</h2><div class="wide"><table><tr><th>bar (UTC)</th><th>symbol</th>'
    yield "<th>what</th><th>journal</th><th>replay</th><th>cause</th></tr>"
    for each in found[:MOST_ROWS]:
        why = each.cause + (f": {each.evidence}" if each.evidence else "")
        cells = [
            _moment(each.bar_ms),
            each.symbol or "account",
            each.aspect,
            each.journal,
            each.replay,
            why,
        ]
        yield f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
    yield "</table></div>"
    if len(found) > MOST_ROWS:
        yield f'<p class="faint">and {len(found) - MOST_ROWS:,} more, in the certificate</p>'


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M")
