"""Whatever the market and whoever's candle comes first: the founding limits hold.

Everything is rebuilt from the journal alone, by other means than the bots have.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pytest

from cointrader.domain.order import Leg, OrderKind, OrderReport, OrderStatus, Side, leg_of
from cointrader.journal.reader import JournalReader
from tests.markets import BAR_MS, DAY_MS, START_MS, Scripted, TableSource, random_rows
from tests.parity.playing import founding, play, settlements

SYMBOLS = ["AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT", "EEEUSDT"]
WARM_UP = 300
PLAYED = 110  # bars: more than a day
BALANCE = 1000.0
MAX_DAILY_LOSS = 0.05


@dataclass
class Book:
    """What a run wrote down."""

    opens: list[int]  # of all bars played
    final_wallet: float
    fills: list
    funding: list
    intents: dict
    orders: list
    positions: list
    trades: list
    refusals: dict

    def by_trade(self):
        """(trade, its entry fill, the fill that closed it), by symbol in the order of time."""
        for trade in self.trades:
            entry = next(f for f in self.fills if f.client_order_id == trade.trade_id)
            after = (f for f in self.fills if f.symbol == entry.symbol and f.side != entry.side)
            yield trade, entry, next(f for f in after if f.trade_id > entry.trade_id)


@pytest.fixture(scope="module", params=(0, 1, 3, 4, 5, 6), ids=lambda seed: f"market {seed}")
def book(request, tmp_path_factory) -> Book:
    """One random market with random signals and every candle up to 2 s late; each has a bad day."""
    rng = np.random.default_rng(request.param)
    rows, starts, funding, rules = {}, {}, {}, {}
    for symbol in SYMBOLS:
        first = START_MS + int(rng.integers(0, 30)) * BAR_MS
        count = WARM_UP + PLAYED + int(rng.integers(-30, 1))
        rows[symbol] = random_rows(rng, count, move=float(rng.uniform(0.004, 0.02)))
        starts[symbol], funding[symbol] = first, settlements(rng, first, count)
        sides = rng.choice([0, 1, -1], count, p=[0.6, 0.2, 0.2]).tolist()
        times = itertools.count(first, BAR_MS)
        rules[symbol] = Scripted(dict(zip(times, sides, strict=False)), stop_distance(rng), 1.5)
    journal = tmp_path_factory.mktemp("founding") / "journal.db"
    source = TableSource(rows, starts, funding)
    outcome, _ = play(
        founding(SYMBOLS),
        source,
        journal,
        balance=BALANCE,
        start_ms=START_MS + WARM_UP * BAR_MS,
        rules=rules,
        lateness=lambda symbol, open_ms: int(rng.integers(0, 2_000)),
    )
    opens = {c.open_time_ms for s in SYMBOLS for c in source.candles(s)}
    with JournalReader(journal) as reader:
        return Book(
            opens=sorted(t for t in opens if t >= outcome.from_ms),
            final_wallet=float(outcome.final_wallet),
            fills=[seen.fill for seen in reader.fills()],
            funding=list(reader.funding()),
            intents={intent.client_order_id: intent for intent in reader.intents()},
            orders=[seen.report for seen in reader.orders()],
            positions=list(reader.positions()),
            trades=[closed.trade for closed in reader.trades()],
            refusals=reader.count_refusals(),
        )


def stop_distance(rng) -> float:
    return float(rng.uniform(0.2, 1.5))


def is_entry(fill) -> bool:
    return leg_of(fill.client_order_id) is Leg.ENTRY


def bar_of(at_ms: int) -> int:
    return at_ms // BAR_MS * BAR_MS


def test_never_more_than_three_positions_two_of_a_side_one_of_a_symbol(book):
    held: dict[str, Side] = {}
    most = 0
    for fill in book.fills:
        if not is_entry(fill):
            del held[fill.symbol]
            continue
        assert fill.symbol not in held
        held[fill.symbol] = Side.LONG if fill.side is Side.LONG.entry else Side.SHORT
        most = max(most, len(held))
        assert len(held) <= 3
        assert max(Counter(held.values()).values()) <= 2
    assert held == {}
    assert most == 3  # else this market would prove nothing


def wallet_at_the_snapshots(book) -> dict[int, tuple[float, float]]:
    """Bar -> (wallet at its day's start, wallet after its closes at the open), added up anew.

    An entry pays its fee at once, funding is paid inside the bar of its settlement, and a close
    pays its profit less its fee.
    """
    at_open: dict[int, float] = defaultdict(
        float
    )  # closes by opposite signal: in the snapshot of their bar
    inside: dict[int, float] = defaultdict(float)  # everything else: from the next bar on
    for trade, entry, left in book.by_trade():
        inside[bar_of(entry.at_ms)] -= float(entry.fee)
        gross = trade.side.sign * (left.price - entry.price) * entry.quantity
        closes = at_open if leg_of(left.client_order_id) is Leg.CLOSE else inside
        closes[bar_of(left.at_ms)] += float(gross - left.fee)
    for paid in book.funding:
        inside[bar_of(paid.at_ms)] += float(paid.amount)
    found, wallet, day, day_start = {}, BALANCE, -1, 0.0
    for bar in book.opens:
        if bar // DAY_MS != day:
            day, day_start = bar // DAY_MS, wallet
        wallet += at_open[bar]
        found[bar] = day_start, wallet
        wallet += inside[bar]
    assert wallet == pytest.approx(book.final_wallet, rel=1e-9)
    return found


def test_no_entry_in_a_bar_whose_snapshot_was_at_the_days_limit(book):
    wallets = wallet_at_the_snapshots(book)
    entered = {bar_of(fill.at_ms) for fill in book.fills if is_entry(fill)}

    halted = {bar for bar, (start, now) in wallets.items() if start - now >= MAX_DAILY_LOSS * start}

    assert entered
    assert entered & halted == set()
    assert halted
    assert book.refusals["daily-loss"] > 0


def test_every_position_has_its_stop_resting_from_the_bar_of_its_entry_to_its_end(book):
    accepted: dict[str, OrderReport] = {}
    ended: dict[str, OrderReport] = {}
    for report in book.orders:
        if report.status is OrderStatus.NEW and report.kind.is_conditional:
            accepted.setdefault(report.client_order_id, report)
        elif report.status.is_final:
            ended[report.client_order_id] = report
    for trade, entry, left in book.by_trade():
        signal_bar = book.intents[trade.trade_id].bar_open_ms
        [stop] = [
            intent
            for intent in book.intents.values()
            if intent.symbol == trade.symbol
            and intent.bar_open_ms == signal_bar
            and intent.leg is Leg.STOP
        ]
        rested = accepted[stop.client_order_id]
        assert rested.kind is OrderKind.STOP_MARKET
        assert rested.close_position
        assert rested.side is left.side
        assert (rested.trigger_price - entry.price) * trade.side.sign < 0
        assert bar_of(rested.updated_ms) == bar_of(entry.at_ms)
        assert ended[stop.client_order_id].updated_ms == left.at_ms
        filled = leg_of(left.client_order_id) is Leg.STOP
        wanted = OrderStatus.FILLED if filled else OrderStatus.EXPIRED
        assert ended[stop.client_order_id].status is wanted
    assert set(accepted) == {id_ for id_ in ended if leg_of(id_) in (Leg.STOP, Leg.TARGET)}


def test_every_fill_is_in_one_trade_and_every_unit_of_money_in_the_wallet(book):
    assert len(book.fills) == 2 * len(book.trades)
    assert len({trade.trade_id for trade in book.trades}) == len(book.trades)
    for trade, entry, left in book.by_trade():
        assert (trade.entry_price, trade.exit_price) == (entry.price, left.price)
        assert trade.quantity == entry.quantity == left.quantity
        assert trade.fee == entry.fee + left.fee
        assert (trade.entry_time_ms, trade.exit_time_ms) == (
            bar_of(entry.at_ms),
            bar_of(left.at_ms),
        )
    assert sum((t.funding for t in book.trades), Decimal(0)) == pytest.approx(
        sum((paid.amount for paid in book.funding), Decimal(0))
    )
    net = float(sum((trade.net for trade in book.trades), Decimal(0)))
    assert book.final_wallet == pytest.approx(BALANCE + net, rel=1e-9)
