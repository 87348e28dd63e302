"""Whatever is ordered: no amount is lost, nothing opens by itself, equal runs are equal."""

import asyncio
from decimal import Context, Decimal, localcontext

from hypothesis import given, settings
from hypothesis import strategies as st

from cointrader.domain.candle import NO_TOUCH, TARGET, first_touch, touch_price
from cointrader.domain.errors import Rejected
from cointrader.domain.order import OrderKind, OrderRequest, OrderSide, Side
from cointrader.domain.ports import Settlement
from cointrader.exchange.simulated import Costs
from tests.unit.exchange.simulated_fakes import BUY, SELL, Bench, Row, opens

COSTS = Costs(Decimal("0.0005"), Decimal("0.0002"))

prices = st.floats(min_value=0.0001, max_value=90_000.0)
quantities = st.floats(min_value=0.001, max_value=1e9).map(lambda value: Decimal(repr(value)))
sides = st.sampled_from([BUY, SELL])


@st.composite
def bars(draw: st.DrawFn) -> Row:
    corners = sorted(draw(st.lists(prices, min_size=4, max_size=4)))
    opened, closed = draw(st.permutations(corners[1:3]))
    return (opened, corners[3], corners[0], closed)


KINDS = OrderKind.MARKET, OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET


@st.composite
def orders(draw: st.DrawFn) -> OrderRequest:
    kind = draw(st.sampled_from(KINDS))
    by_quantity = draw(st.booleans()) or not kind.is_conditional
    return OrderRequest(
        f"o{draw(st.integers(0, 9))}",
        "XRPUSDT",
        draw(sides),
        kind,
        quantity=draw(quantities) if by_quantity else None,
        trigger_price=Decimal(repr(draw(prices))) if kind.is_conditional else None,
        reduce_only=by_quantity and (kind.is_conditional or draw(st.booleans())),
        close_position=not by_quantity,
    )


stories = st.lists(st.tuples(bars(), st.lists(orders(), max_size=4)), min_size=1, max_size=6)


def check(bench: Bench) -> None:
    sums = {name: Decimal(text) for name, text in bench.exchange.snapshot()["sums"].items()}
    with localcontext(Context(prec=80)):  # the sums of a huge account have more than 28 digits
        expected = sums["deposits"] + sums["gross"] - sums["fees"] + sums["funding"]
    assert sums["wallet"] == expected


async def play(story: list[tuple[Row, list[OrderRequest]]], check_margin: bool) -> Bench:
    """Play a story, checking the books after every step."""
    settlements = [Settlement(opens(bar), rate=(-1) ** bar * 0.00123) for bar in range(len(story))]
    bench = Bench(
        *(bar for bar, _ in story),
        costs=COSTS,
        settlements=settlements,
        check_margin=check_margin,
    )
    for number, (_, requests) in enumerate(story):
        bench.open(number)
        for request in requests:
            try:
                await bench.exchange.place(request)
            except Rejected:
                continue
            finally:
                check(bench)
        before = await bench.exchange.position("XRPUSDT")
        bench.close(number)
        check(bench)
        after = await bench.exchange.position("XRPUSDT")
        if before is None:
            assert after is None  # exits never open anything
        elif after is not None:
            assert after.side is before.side
            assert after.quantity <= before.quantity
    return bench


@settings(max_examples=80, deadline=None)
@given(stories, st.booleans())
def test_wallet_is_deposits_plus_gross_less_fees_plus_funding_to_the_last_digit(
    story, check_margin
):
    bench = asyncio.run(play(story, check_margin))

    fees = sum((fill.fee for fill in bench.exchange.fill_log), Decimal(0))
    assert abs(fees - Decimal(bench.exchange.snapshot()["sums"]["fees"])) < Decimal("1e-6")


@settings(max_examples=25, deadline=None)
@given(stories)
def test_equal_stories_give_equal_accounts(story):
    first, second = asyncio.run(play(story, False)), asyncio.run(play(story, False))

    assert first.exchange.snapshot() == second.exchange.snapshot()
    assert list(first.exchange.fill_log) == list(second.exchange.fill_log)


levels = st.integers(900, 1100).map(lambda tenths: tenths / 10)
distances = st.integers(0, 100)  # in tenths


@st.composite
def bars_near_100(draw: st.DrawFn) -> Row:
    low, first, second, high = sorted(draw(st.tuples(levels, levels, levels, levels)))
    opened, closed = draw(st.sampled_from([(first, second), (second, first)]))
    return (opened, high, low, closed)


@settings(max_examples=100, deadline=None)
@given(bars_near_100(), st.sampled_from(Side), distances, distances, st.booleans())
def test_exits_of_a_bar_are_those_of_first_touch(bar, side, to_stop, to_target, is_entry_bar):
    opened = bar[0] if is_entry_bar else 100.0
    bars = [bar] if is_entry_bar else [(100.0, 100.0, 100.0, 100.0), bar]
    stop = (round(opened * 10) - side.sign * to_stop) / 10
    target = (round(opened * 10) + side.sign * to_target) / 10
    bench = Bench(*bars, costs=Costs(Decimal(0), Decimal(0)))

    async def enter() -> None:
        bench.open(0)
        await bench.enter(side, stop=str(stop), target=str(target))
        bench.close(0)

    asyncio.run(enter())
    bench.play(*range(1, len(bars)))
    expected: list[tuple[str, float]] = []
    for number, (bar_open, high, low, _) in enumerate(bars):
        touch = first_touch(side.sign, bar_open, high, low, stop, target, number == 0)
        if touch != NO_TOUCH and not expected:
            price = touch_price(touch, bar_open, stop, target)
            expected.append(("tp" if touch == TARGET else "sl", price))
    fills = bench.exchange.fill_log
    assert [(fill.client_order_id, float(fill.price)) for fill in fills][1:] == expected


@settings(max_examples=60, deadline=None)
@given(bars(), sides, quantities)
def test_fill_is_never_better_than_the_open(bar: Row, side: OrderSide, quantity: Decimal):
    bench = Bench(bar, costs=COSTS)
    bench.open(0)
    report = asyncio.run(bench.market(side, str(quantity)))

    assert report.average_price is not None
    assert (report.average_price - Decimal(repr(bar[0]))) * side.sign > 0
