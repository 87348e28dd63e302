"""A parity report as lines for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cointrader.app.words import moment
from cointrader.backtest.parity.causes import sentence

if TYPE_CHECKING:
    from cointrader.backtest.parity.difference import Difference
    from cointrader.backtest.parity.report import ParityReport

_SHOWN = 20  # of a list; the certificate has them all
_VERDICTS = {
    "equal": "equal: every decision is the replay's",
    "explained": "explained: every difference has a cause that the journal shows",
    "unexplained": "unexplained: something differs that nothing in the journal explains",
}


def report_lines(report: ParityReport) -> Iterator[str]:
    """The whole answer, the verdict last."""
    yield f"{report.journal}: {report.mode}, {report.market}, profile {report.profile}"
    span = f"{moment(report.from_ms)} to {moment(report.to_ms)} UTC"
    yield f"{', '.join(report.symbols)}, {report.interval}, {span}, started {report.starts}x"
    yield ""
    yield f"decisions   {report.compared:,} compared, {report.differing:,} with a difference"
    yield f"trades      {report.trades:,}"
    yield from _whole(report)
    if report.by_cause:
        yield ""
        yield "explained"
        for cause, count in report.by_cause.items():
            yield f"  {count:>6,}  {cause:<20} {sentence(cause)}"
    yield from _list("explained, each", [d for d in report.differences if d.is_explained])
    yield from _list("unexplained", report.unexplained)
    yield from report.notes
    yield ""
    yield _VERDICTS[report.verdict]


def _whole(report: ParityReport) -> Iterator[str]:
    whole = report.whole
    if whole is None:
        yield f"whole run   not played in one piece: {report.why_no_whole}"
        return
    yield (
        f"whole run   {whole.equal_trades:,} of {whole.trades:,} trades equal; "
        f"net {whole.net:+,.2f}, replayed {whole.replayed_net:+,.2f}"
    )
    if whole.followed and whole.first_ms is not None:
        yield (
            f"            {whole.followed:,} differences follow from the first one, "
            f"{moment(whole.first_ms)} UTC"
        )


def _list(title: str, found: Sequence[Difference]) -> Iterator[str]:
    if not found:
        return
    yield ""
    yield title
    for each in found[:_SHOWN]:
        who = each.symbol or "account"
        yield f"  {moment(each.bar_ms)} {who} {each.aspect}: {each.journal} | {each.replay}"
        if each.is_explained:
            yield f"      {each.cause}: {each.evidence}"
    if len(found) > _SHOWN:
        yield f"  and {len(found) - _SHOWN:,} more: see --json or --certificate"
