"""Hand-worked bar tables: a market written down as text, played by the real bots.

One block of text per symbol, one line per bar::

    03:00  100                  long    # open = high = low = close; a long signal at its close
    03:15  100  101  98  99             # open, high, low, close
    ...                                 # flat at the last close, up to the next line
    08:00  99

The first line is bar 300 of its symbol: 300 flat bars come before it, so it is the first that may
be decided. Times are UTC, those of the next day end in ``+1``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cointrader.app.config import Config
from cointrader.domain.ports import Settlement
from cointrader.domain.position import Trade
from cointrader.journal.reader import JournalReader
from tests.markets import BAR_MS, DAY_MS, START_MS, Row, Scripted, TableSource
from tests.parity.playing import play

WARM_UP = 300
TODAY_MS = START_MS + 10 * DAY_MS
SIGNS = {"long": 1, "short": -1}


@dataclass(frozen=True)
class Played:
    """What a table came to."""

    trades: Sequence[Trade]
    wallet: float
    refusals: Mapping[str, int]
    halted_days: int
    answers: Mapping[str, Mapping[str, tuple[str, str]]]  # symbol, bar: (action, refusal)


def play_table(
    *,
    profile: str = "founding",
    balance: float = 1000,
    stop: float = 2,
    target: float = 4,
    funding: Mapping[str, Sequence[tuple]] | None = None,
    warm_up: int = WARM_UP,
    since: str | None = None,
    until: str | None = None,
    lateness=None,
    settings: Mapping[str, object] | None = None,
    **markets: str,
) -> Played:
    """Play markets given as ``XRP="..."``, in this order, and hold the result to its own sums.

    `funding` has (time, rate) or (time, rate, mark price) per market. `since` and `until` are what
    ``--from`` and ``--to`` are on the command line; left out, the run begins with the first line
    written down, and the `warm_up` flat bars before it are history.
    """
    tables = {f"{name}USDT": _parse(text) for name, text in markets.items()}
    source = TableSource(
        rows={s: [t.rows[0][:1] * 4] * warm_up + t.rows for s, t in tables.items()},
        starts={s: t.first_ms - warm_up * BAR_MS for s, t in tables.items()},
        funding={
            f"{name}USDT": [Settlement(at_ms(at), *rest) for at, *rest in rows]
            for name, rows in (funding or {}).items()
        },
    )
    given = {"profile": profile, "symbols": list(tables), "correlation_symbols": []}
    config = Config(overrides={**given, **(settings or {})}, environ={}, folder="/nonexistent")
    first_ms = min(t.first_ms for t in tables.values())
    with TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.db"
        outcome, summary = play(
            config,
            source,
            journal,
            balance=float(balance),
            start_ms=first_ms if since is None else at_ms(since),
            end_ms=None if until is None else at_ms(until),
            lateness=lateness,
            rules={s: Scripted(t.signals, float(stop), float(target)) for s, t in tables.items()},
        )
        with JournalReader(journal) as reader:
            answers = {symbol: _answers(reader, symbol) for symbol in tables}
    assert outcome.finished
    net = sum(float(trade.net) for trade in summary.trades)
    assert float(outcome.final_wallet) == pytest.approx(balance + net, rel=1e-12)
    return Played(
        summary.trades, float(outcome.final_wallet), summary.refusals, outcome.halted_days, answers
    )


def assert_trades(played: Played, expected: str) -> None:
    """Compare with a table; its first line names the columns and is read by people only.

    symbol side in price out price reason quantity gross fee funding net
    """
    wanted = list(_lines(expected))[1:]
    found = [_as_line(trade) for trade in played.trades]
    assert [line[:7] for line in found] == [_words(line) for line in wanted], found
    for line, words in zip(found, wanted, strict=True):
        numbers = [float(word) for word in words[7:]]
        assert line[7:] == pytest.approx(numbers, rel=1e-9, abs=1e-9), (line[7:], numbers)


def at_ms(text: str) -> int:
    """``"08:15"`` of the first day, ``"00:00+1"`` of the second."""
    clock, days = text[:5], text[5:]
    hours, minutes = clock.split(":")
    return TODAY_MS + int(days or 0) * DAY_MS + (int(hours) * 60 + int(minutes)) * 60_000


def clock_of(time_ms: int) -> str:
    days, rest = divmod(time_ms - TODAY_MS, DAY_MS)
    minutes = rest // 60_000
    return f"{minutes // 60:02}:{minutes % 60:02}" + (f"+{days}" if days else "")


@dataclass(frozen=True)
class _Table:
    first_ms: int
    rows: list[Row]
    signals: dict[int, int]


def _parse(text: str) -> _Table:
    lines = list(_lines(text))
    first_ms = at_ms(lines[0][0])
    rows: list[Row] = []
    signals: dict[int, int] = {}
    for line, following in itertools.zip_longest(lines, lines[1:]):
        now_ms = first_ms + len(rows) * BAR_MS
        if line[0] == "...":
            gap = (at_ms(following[0]) - now_ms) // BAR_MS
            rows += [(rows[-1][3],) * 4] * gap
            continue
        assert line[0] == clock_of(now_ms), f"{line[0]} comes where {clock_of(now_ms)} should"
        if line[-1] in SIGNS:
            signals[now_ms] = SIGNS[line.pop()]
        prices = [float(price) for price in line[1:]]
        opened, high, low, close = prices * 4 if len(prices) == 1 else prices
        rows.append((opened, high, low, close))
    return _Table(first_ms, rows, signals)


def _answers(reader: JournalReader, symbol: str) -> dict[str, tuple[str, str]]:
    return {clock_of(d.bar_open_ms): (d.action, d.refusal) for d in reader.decisions(symbol)}


def _lines(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words:
            yield words


def _as_line(trade: Trade) -> list:
    return [
        trade.symbol.removesuffix("USDT"),
        trade.side.value,
        clock_of(trade.entry_time_ms),
        float(trade.entry_price),
        clock_of(trade.exit_time_ms),
        float(trade.exit_price),
        trade.reason.value,
        float(trade.quantity),
        float(trade.gross),
        float(trade.fee),
        float(trade.funding),
        float(trade.net),
    ]


def _words(line: list[str]) -> list:
    symbol, side, entered, entry, left, out, reason = line[:7]
    prices = [pytest.approx(float(price), rel=1e-9) for price in (entry, out)]
    return [symbol, side, entered, prices[0], left, prices[1], reason]
