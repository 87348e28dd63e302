"""Whatever is ordered on several symbols, paid in, taken out or changed: the books are right.

After every step the sums agree with each other and with the fills and payments told, positions are
what their fills add up to, and nobody is left below the maintenance margin. Equal stories give
equal accounts, also when they are interrupted and resumed.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal, localcontext
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from cointrader.domain.errors import Rejected
from cointrader.domain.events import AccountEvent, FundingSettled, OrderFilled
from cointrader.domain.instrument import Instrument, brackets_of
from cointrader.domain.order import (
    LIQUIDATION_PREFIXES,
    DetailedFill,
    DetailedReport,
    OrderKind,
    OrderRequest,
    OrderStatus,
    PriceSource,
    Side,
    TimeInForce,
)
from cointrader.domain.ports import Settlement
from cointrader.exchange.simulated import Costs, SimulatedExchange, at_most
from tests.unit.exchange.simulated_fakes import (
    BUY,
    SELL,
    Bench,
    FakeClock,
    Row,
    TableSource,
    opens,
    unread,
)

D = Decimal
ZERO = D(0)
SYMBOLS = ("AAAUSDT", "BBBUSDT")
COSTS = Costs(D("0.0005"), D("0.0002"), D("0.0002"))
TICKS = D("0.1"), D("0.5")
STEP = D("0.1")
BRACKETS = brackets_of(
    [(D(2_000), 50, D("0.01")), (D(10_000), 20, D("0.025")), (D(50_000), 10, D("0.05"))]
)


def instrument(symbol: str, tick: Decimal = TICKS[0]) -> Instrument:
    return Instrument(
        symbol,
        tick_size=tick,
        step_size=STEP,
        min_quantity=STEP,
        min_notional=D(5),
        brackets=BRACKETS,
        price_multiplier_up=D("1.3"),
        price_multiplier_down=D("0.7"),
    )


# -- stories --------------------------------------------------------------------------------------

levels = st.integers(700, 1400).map(lambda tenths: tenths / 10)
prices = levels.map(lambda level: D(str(level)))
quantities = st.integers(1, 300).map(lambda steps: steps * STEP)
sides = st.sampled_from([BUY, SELL])
Action = tuple[str, Any]


@st.composite
def bars(draw: st.DrawFn) -> Row:
    low, first, second, high = sorted(draw(st.tuples(levels, levels, levels, levels)))
    opened, closed = draw(st.sampled_from([(first, second), (second, first)]))
    return (opened, high, low, closed)


@st.composite
def orders(draw: st.DrawFn) -> OrderRequest:
    kind = draw(st.sampled_from(OrderKind))
    has_level = kind in (OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET)
    is_trailing = kind is OrderKind.TRAILING_STOP_MARKET
    closes = has_level and draw(st.booleans())
    return OrderRequest(
        f"o{draw(st.integers(0, 20))}",
        draw(st.sampled_from(SYMBOLS)),
        draw(sides),
        kind,
        quantity=None if closes else draw(quantities),
        trigger_price=draw(prices) if has_level else None,
        reduce_only=not closes and draw(st.booleans()),
        close_position=closes,
        price=draw(prices) if kind is OrderKind.LIMIT else None,
        time_in_force=draw(st.sampled_from(TimeInForce)),
        activation_price=draw(st.none() | prices) if is_trailing else None,
        callback_ratio=draw(st.sampled_from([D("0.01"), D("0.1")])) if is_trailing else None,
        triggered_by=draw(st.sampled_from(PriceSource)),
    )


amounts = st.integers(1, 2_000).map(D)
actions: st.SearchStrategy[Action] = st.one_of(
    st.tuples(st.just("order"), orders()),
    st.tuples(st.just("order"), orders()),
    st.tuples(st.just("order"), orders()),
    st.tuples(st.just("cancel"), st.integers(0, 20)),
    st.tuples(st.just("deposit"), amounts),
    st.tuples(st.just("withdraw"), amounts),
    st.tuples(st.just("leverage"), st.integers(5, 60)),
    st.tuples(st.just("tick"), st.sampled_from(TICKS)),
    st.tuples(st.just("settling"), st.none()),
)


@dataclass(frozen=True)
class Story:
    """Bars of both symbols, what is done at the open of each, and the exchange's settings."""

    bars: list[tuple[Row, Row, list[Action]]]
    marks: list[tuple[int, float]]
    check_margin: bool
    siblings: str
    most: int

    def exchange(self, start_bar: int = 0) -> SimulatedExchange:
        rows = {
            SYMBOLS[0]: [first for first, _, _ in self.bars],
            SYMBOLS[1]: [second for _, second, _ in self.bars],
        }
        paid = [Settlement(opens(i), (-1) ** i * 0.00123) for i in range(len(self.bars))]
        return SimulatedExchange(
            TableSource(rows, settlements={SYMBOLS[0]: paid}),
            FakeClock(),
            symbols=SYMBOLS,
            balance=D(1_000),
            costs=COSTS,
            leverage=10,
            instruments={symbol: instrument(symbol) for symbol in SYMBOLS},
            start_ms=opens(start_bar),
            check_margin=self.check_margin,
            mark_prices={SYMBOLS[1]: [(opens(bar), price) for bar, price in self.marks]},
            liquidity=at_most(D(self.most)),
            siblings=self.siblings,  # type: ignore[arg-type]
        )


stories = st.builds(
    Story,
    st.lists(st.tuples(bars(), bars(), st.lists(actions, max_size=7)), min_size=2, max_size=6),
    st.lists(st.tuples(st.integers(0, 5), levels), max_size=3, unique_by=lambda row: row[0]).map(
        sorted
    ),
    st.booleans(),
    st.sampled_from(["stay", "expire"]),
    st.sampled_from([300, 1_000_000]),
)


# -- playing --------------------------------------------------------------------------------------


@dataclass
class Fold:
    """One symbol's position and profit as its fills say."""

    signed: Decimal = ZERO
    entry: Decimal = ZERO
    gross: Decimal = ZERO

    def add(self, fill: DetailedFill) -> None:
        change = fill.side.sign * fill.quantity
        if self.signed * change >= 0:
            total = abs(self.signed) + fill.quantity
            self.entry = (abs(self.signed) * self.entry + fill.quantity * fill.price) / total
        else:
            closed = min(abs(self.signed), fill.quantity)
            sign = 1 if self.signed > 0 else -1
            self.gross += (fill.price - self.entry) * closed * sign
            if fill.quantity > closed:
                self.entry = fill.price
        self.signed += change


@dataclass
class Player:
    """Plays a story, keeps its own books from what it is told, and compares after every step."""

    story: Story
    exchange: SimulatedExchange
    log: list[AccountEvent] = field(default_factory=list)
    folds: dict[str, Fold] = field(default_factory=lambda: {s: Fold() for s in SYMBOLS})
    told: Counter[str] = field(default_factory=Counter)
    ticks: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(SYMBOLS, TICKS[0]))

    def __post_init__(self) -> None:
        self.events = [self.exchange.account_events(symbol) for symbol in SYMBOLS]

    async def play(self, *numbers: int) -> None:
        for number in numbers:
            self.exchange.open_bar(opens(number))
            for action in self.story.bars[number][2]:
                await self.act(*action)
                await self.check()
            self.exchange.close_bar(opens(number))
            await self.check()
            await self.check_nobody_is_below_maintenance()

    async def act(self, name: str, value: Any) -> None:
        with suppress(Rejected):
            if name == "order":
                await self.exchange.place(value)
            elif name == "cancel":
                await self.exchange.cancel(SYMBOLS[value % 2], f"o{value}")
            elif name == "deposit":
                self.exchange.deposit(value)
            elif name == "withdraw":
                self.exchange.withdraw(value)
            elif name == "leverage":
                self.exchange.set_leverage(SYMBOLS[value % 2], value)
            elif name == "tick":
                self.exchange.change_instrument(instrument(SYMBOLS[0], value))
                self.ticks[SYMBOLS[0]] = value
            else:
                self.exchange.close_symbol(SYMBOLS[0])

    async def check(self) -> None:
        for events in self.events:
            for event in await unread(events):
                self.listen(event)
        sums = {name: D(text) for name, text in self.exchange.snapshot()["sums"].items()}
        with localcontext(Context(prec=60)):
            flows = sums["deposits"] - sums["withdrawals"]
            assert sums["wallet"] == flows + sums["gross"] - sums["fees"] + sums["funding"]
        account = await self.exchange.account()
        assert account.transfers == flows - 1_000
        for name in ("gross", "fees", "funding"):
            assert abs(self.told[name] - sums[name]) < D("1e-12")
        profit = ZERO
        for symbol, fold in self.folds.items():
            held = await self.exchange.position(symbol)
            assert fold.signed == (0 if held is None else held.side.sign * held.quantity)
            if held is not None:
                assert abs(held.entry_price - fold.entry) < D("1e-15")
                mark = (await self.exchange.quote(symbol)).mark
                profit += (mark - fold.entry) * fold.signed
        assert abs(account.wallet + profit - account.equity) < D("1e-12")
        assert abs(sum(fold.gross for fold in self.folds.values()) - sums["gross"]) < D("1e-12")

    def listen(self, event: AccountEvent) -> None:
        self.log.append(event)
        if isinstance(event, OrderFilled):
            fill = event.fill
            assert isinstance(fill, DetailedFill)
            assert fill.quantity > 0
            assert fill.quantity % STEP == 0
            self.folds[fill.symbol].add(fill)
            self.told["gross"] += fill.gross  # type: ignore[assignment]
            self.told["fees"] += fill.fee  # type: ignore[assignment]
        elif isinstance(event, FundingSettled):
            self.told["funding"] += event.amount  # type: ignore[assignment]
        elif event.report.status is OrderStatus.NEW:
            report = event.report
            assert isinstance(report, DetailedReport)
            for price in (report.price, report.trigger_price, report.activation_price):
                assert not (price or 0) % self.ticks[report.symbol]
            assert not (report.quantity or 0) % STEP

    async def check_nobody_is_below_maintenance(self) -> None:
        for symbol in SYMBOLS:
            held = await self.exchange.position(symbol)
            if held is None:
                continue
            mark = (await self.exchange.quote(symbol)).mark
            worth = held.margin + held.side.sign * (mark - held.entry_price) * held.quantity
            needed = (await self.exchange.instrument(symbol)).maintenance_margin(
                mark * held.quantity
            )
            assert worth > needed - D("1e-9")


async def played(story: Story) -> Player:
    player = Player(story, story.exchange())
    await player.play(*range(len(story.bars)))
    return player


@settings(max_examples=45, deadline=None)
@given(stories)
def test_books_agree_with_what_was_told_after_every_step(story: Story):
    player = asyncio.run(played(story))

    assert all(fold.signed == 0 for fold in player.folds.values())  # the market is over


@settings(max_examples=15, deadline=None)
@given(stories)
def test_equal_stories_give_equal_events_and_snapshots(story: Story):
    first, second = asyncio.run(played(story)), asyncio.run(played(story))

    assert repr(first.log) == repr(second.log)
    assert msgspec.json.encode(first.exchange.snapshot()) == (
        msgspec.json.encode(second.exchange.snapshot())
    )


@settings(max_examples=25, deadline=None)
@given(stories, st.integers(1, 5))
def test_restart_in_the_middle_changes_nothing(story: Story, where: int):
    where = min(where, len(story.bars) - 1)

    async def interrupted() -> tuple[Player, SimulatedExchange]:
        player = Player(story, story.exchange())
        await player.play(*range(where))
        stored = msgspec.json.decode(msgspec.json.encode(player.exchange.snapshot()))
        resumed = story.exchange(where)
        resumed.restore(stored)
        assert resumed.snapshot() == stored
        after = replace(player, exchange=resumed)
        await after.play(*range(where, len(story.bars)))
        return after, resumed

    whole, (after, resumed) = asyncio.run(played(story)), asyncio.run(interrupted())
    assert repr(whole.log) == repr(after.log)
    assert whole.exchange.snapshot() == resumed.snapshot()


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(Side),
    quantities,
    st.integers(2, 20),
    st.floats(-0.05, 0.05),
    st.booleans(),
    st.integers(10, 900_000),
)
def test_liquidation_takes_the_isolated_wallet_and_nothing_else(
    side, quantity, leverage, rate, gaps, most
):
    ruin = 1.0 if side is Side.LONG else 10_000.0
    low, high = min(ruin, 100.0), max(ruin, 100.0)
    flat = (100.0, 100.0, 100.0, 100.0)
    bench = Bench(
        flat,
        flat,
        (ruin if gaps else 100.0, high, low, ruin),
        costs=COSTS,
        balance="1000000",
        leverage=leverage,
        instrument=instrument("XRPUSDT"),
        settlements=[Settlement(opens(1), rate)],
        liquidity=at_most(D(most)),
    )

    async def ruined() -> None:
        bench.open(0)
        await bench.market(side.entry, str(quantity))
        bench.close(0)
        bench.play(1)
        held = await bench.exchange.position("XRPUSDT")
        if held is None:
            return  # funding was enough
        before = await bench.exchange.account()
        bench.play(2)
        after = await bench.exchange.account()
        assert bench.exchange.fill_log[-1].client_order_id.startswith(LIQUIDATION_PREFIXES)
        assert after.wallet == before.wallet - held.margin
        assert after.available == before.available

    asyncio.run(ruined())
