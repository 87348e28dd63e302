"""Isolated margin, liquidation, leverage and its brackets. Positions are opened at 100."""

# mypy: disable-error-code="comparison-overlap"
# Decimals are compared with whole numbers here.

from decimal import Decimal

import pytest

from cointrader.domain.errors import Rejected
from cointrader.domain.events import OrderFilled
from cointrader.domain.instrument import Instrument, brackets_of
from cointrader.domain.order import OrderKind, OrderStatus, PriceSource, Side
from cointrader.domain.ports import Settlement
from cointrader.exchange.simulated import Costs
from tests.unit.exchange.simulated_fakes import (
    BUY,
    FLAT,
    SELL,
    STOP,
    TARGET,
    Bench,
    Row,
    opens,
    statuses,
    unread,
)

D = Decimal
LONG, SHORT = Side.LONG, Side.SHORT
TAKER = Costs(taker_fee=D("0.0005"), slippage=D(0))
ONE_BRACKET = Instrument("XRPUSDT", maintenance_margin_ratio=D("0.005"))
TIERED = Instrument(
    "XRPUSDT",
    brackets=brackets_of(
        [(D(1_000), 75, D("0.005")), (D(5_000), 20, D("0.02")), (D(20_000), 10, D("0.05"))]
    ),
)


def opened(*bars: Row, **settings) -> Bench:
    bench = Bench(*(bars or (FLAT, FLAT)), **{"instrument": ONE_BRACKET, **settings})
    bench.open(0)
    return bench


async def refusal(bench: Bench, side=BUY, quantity="1", **terms) -> str:
    with pytest.raises(Rejected) as caught:
        await bench.place(side, OrderKind.MARKET, quantity=quantity, **terms)
    return caught.value.code


# -- isolated wallets -----------------------------------------------------------------------------


async def test_margin_of_a_position_is_its_entry_notional_over_the_leverage():
    bench = opened(costs=TAKER)
    await bench.market(BUY, "20")

    account = await bench.exchange.account()
    assert (await bench.held()).margin == 200
    assert (account.wallet, account.available) == (999, 799)  # the fee is not the position's


async def test_margin_grows_with_what_is_added_and_shrinks_pro_rata():
    bench = opened(FLAT, (110, 110, 110, 110))
    await bench.market(BUY, "20")
    bench.close(0)
    bench.open(1)
    await bench.market(BUY, "20")
    assert (await bench.held()).margin == 420
    await bench.market(SELL, "10")

    assert (await bench.held()).margin == 315
    account = await bench.exchange.account()
    assert (account.wallet, account.available) == (1050, 735)  # 10 x 5 realised


async def test_funding_moves_the_isolated_wallet_and_not_what_is_available():
    bench = opened(FLAT, FLAT, settlements=[Settlement(opens(1), 0.01)])
    await bench.market(BUY, "20")
    bench.close(0)
    bench.play(1)

    account = await bench.exchange.account()
    assert (await bench.held()).margin == 180
    assert (account.wallet, account.available) == (980, 800)


async def test_loss_of_a_position_does_not_touch_what_others_may_use():
    bench = opened((100, 100, 91, 91))
    await bench.market(BUY, "20")
    bench.close(0)

    account = await bench.exchange.account()
    assert (account.wallet, account.equity, account.available) == (1000, 820, 800)


# -- liquidation ----------------------------------------------------------------------------------

# The liquidation price of a long is 100 x 0.9 / 0.995 = 90.4523, that of a short 109.4527.


@pytest.mark.parametrize(
    ("side", "bar", "price"),
    [(LONG, (100, 101, 90.45, 95), "90.0450"), (SHORT, (100, 109.46, 99, 99), "109.9450")],
)
async def test_position_is_liquidated_at_its_bankruptcy_price_for_its_whole_margin(
    side, bar, price
):
    bench = opened(FLAT, bar, costs=TAKER)
    await bench.market(side.entry)
    bench.close(0)
    await unread(bench.events)
    bench.play(1)

    told, done = await unread(bench.events)
    assert isinstance(told, OrderFilled)
    assert told.fill.client_order_id == "autoclose-2"
    assert round(told.fill.price, 4) == D(price)
    assert statuses([done]) == [OrderStatus.FILLED]
    assert await bench.exchange.position("XRPUSDT") is None
    assert await bench.wallet() == D("989.95")  # 1000 less the entry fee of 0.05, less 10


@pytest.mark.parametrize(
    ("side", "bar"), [(LONG, (100, 101, 90.46, 95)), (SHORT, (100, 109.45, 99, 99))]
)
async def test_position_survives_a_bar_that_stays_short_of_its_liquidation_price(side, bar):
    bench = opened(bar)
    await bench.market(side.entry)
    bench.close(0)

    assert await bench.exchange.position("XRPUSDT") is not None


async def test_position_can_be_liquidated_in_the_bar_it_was_opened_in():
    bench = opened((100, 101, 90, 95))
    await bench.market(BUY)
    bench.close(0)

    assert bench.exchange.fill_log[-1].client_order_id == "autoclose-2"


@pytest.mark.parametrize(("stop", "order_id"), [("91", "sl"), ("90", "autoclose-2")])
async def test_of_stop_and_liquidation_the_nearer_comes_first(stop, order_id):
    bench = opened((100, 101, 89, 95))
    await bench.enter(LONG, stop=stop)
    bench.close(0)

    assert bench.exchange.fill_log[-1].client_order_id == order_id


async def test_of_target_and_liquidation_in_one_bar_the_worse_is_assumed():
    bench = opened((100, 106, 90, 95))
    await bench.enter(LONG, target="105")
    bench.close(0)

    assert bench.exchange.fill_log[-1].client_order_id == "autoclose-2"


async def test_stop_nearer_than_liquidation_fills_at_the_open_of_a_bar_beyond_both():
    bench = opened(FLAT, (85, 86, 84, 85))
    await bench.enter(LONG, stop="95")
    bench.close(0)
    bench.play(1)

    assert bench.exchange.fill_log[-1].price == 85
    assert await bench.wallet() == 985  # five more than its margin: paid by the account


async def test_gap_beyond_bankruptcy_costs_no_more_than_the_margin():
    bench = opened(FLAT, (50, 51, 49, 50), costs=TAKER)
    await bench.market(BUY, "20")
    bench.close(0)
    bench.play(1)

    assert await bench.wallet() == 799  # 1000 less 1 of fee, less 200


async def test_liquidation_ends_the_other_orders_of_its_symbol():
    bench = opened((100, 101, 90, 95))
    await bench.enter(LONG, stop="80", target="120")
    await bench.limit(BUY, "50")
    await unread(bench.events)
    bench.close(0)

    assert await bench.exchange.open_orders("XRPUSDT") == []
    assert await bench.status("sl") is OrderStatus.EXPIRED
    kinds = [type(event).__name__ for event in await unread(bench.events)]
    assert kinds == ["OrderUpdated"] * 3 + ["OrderFilled", "OrderUpdated"]


async def test_funding_can_bring_a_position_to_its_liquidation():
    bench = opened(FLAT, (91, 91, 91, 91), settlements=[Settlement(opens(1), 0.06)])
    await bench.market(BUY)  # liquidated at 90.45, after funding of 5.46 at 95.9
    bench.close(0)
    bench.play(1)

    assert bench.exchange.fill_log[-1].client_order_id == "autoclose-2"
    assert await bench.wallet() == 990


async def test_larger_position_is_liquidated_by_the_bracket_it_is_in():
    small, large = opened(instrument=TIERED), opened(instrument=TIERED, balance="10000")
    await small.market(BUY, "9")
    await large.market(BUY, "45")

    # 0.5 % of the notional; 2 % less 15: (450 + 15 - 4500) / (45 x -0.98)
    assert round((await small.held()).liquidation_price or 0, 4) == D("90.4523")
    assert round((await large.held()).liquidation_price or 0, 4) == D("91.4966")


async def test_instrument_without_brackets_is_never_liquidated():
    bench = opened((100, 100, 1, 1), instrument=Instrument("XRPUSDT"))
    await bench.market(BUY)
    bench.close(0)

    assert (await bench.held()).liquidation_price is None


async def test_liquidation_follows_the_recorded_mark_price_and_not_the_last():
    bars: list[Row] = [FLAT, (100, 101, 85, 99), FLAT]
    marks = {"XRPUSDT": [(opens(0), 100.0), (opens(2) + 60_000, 90.0), (opens(2) + 70_000, 99.0)]}
    bench = opened(*bars, mark_prices=marks)
    await bench.market(BUY)
    bench.close(0)
    bench.play(1)
    assert await bench.exchange.position("XRPUSDT") is not None
    bench.play(2)

    assert await bench.exchange.position("XRPUSDT") is None


# -- leverage and brackets ------------------------------------------------------------------------


async def test_position_larger_than_its_leverage_allows_is_refused():
    bench = opened(instrument=TIERED, leverage=20, balance="100000")

    assert await refusal(bench, quantity="50.1") == "-2027"
    await bench.market(BUY, "30")
    assert await refusal(bench, quantity="20.1") == "-2027"
    await bench.limit(BUY, "99", "15")
    assert await refusal(bench, quantity="5.1") == "-2027"
    assert (await bench.market(SELL, "80")).status is OrderStatus.FILLED  # a short of 50


async def test_leverage_of_one_symbol_counts_for_what_is_opened_from_then_on():
    bench = opened()
    bench.exchange.set_leverage("XRPUSDT", 20)
    await bench.market(BUY)
    assert (await bench.held()).margin == 5
    bench.exchange.set_leverage("XRPUSDT", 50)
    await bench.market(BUY)

    assert (await bench.held()).margin == 7


@pytest.mark.parametrize(("leverage", "code"), [(0, "-4028"), (76, "-4028"), (9, "-4161"),
                                                (75, "-2027")])  # fmt: skip
async def test_leverage_that_cannot_be_set_is_refused(leverage, code):
    bench = opened(instrument=TIERED)
    await bench.market(BUY, "20")

    with pytest.raises(Rejected) as caught:
        bench.exchange.set_leverage("XRPUSDT", leverage)
    assert caught.value.code == code


async def test_leverage_may_be_lowered_while_flat():
    bench = opened()
    bench.exchange.set_leverage("XRPUSDT", 2)
    await bench.market(BUY)

    assert (await bench.held()).margin == 50


# -- mark prices ----------------------------------------------------------------------------------

MARKED = {"XRPUSDT": [(opens(0), 101.0), (opens(1) - 1, 102.0), (opens(1) + 5, 104.0)]}


async def test_recorded_mark_price_marks_equity_and_holds_until_the_next_one():
    bench = opened(mark_prices=MARKED)
    await bench.market(BUY, "2")

    assert (await bench.exchange.quote("XRPUSDT")).mark == 101
    assert (await bench.exchange.account()).equity == 1002
    bench.close(0)
    assert (await bench.exchange.account()).equity == 1004


async def test_funding_without_its_own_mark_is_paid_on_the_recorded_one():
    settlements = [Settlement(opens(1) + 5, 0.01), Settlement(opens(1) + 9, 0.01, 200.0)]
    bench = opened(mark_prices=MARKED, settlements=settlements)
    await bench.market(BUY)
    bench.close(0)
    bench.play(1)

    paid = await bench.exchange.funding("XRPUSDT", since_ms=0)
    assert [payment.amount for payment in paid] == [D("-1.04"), -2]


async def test_stop_on_the_mark_price_does_not_see_the_last_one():
    bars: list[Row] = [FLAT, (100, 101, 90, 99), (100, 101, 99.5, 100), FLAT]
    marks = {"XRPUSDT": [(opens(0), 100.0), (opens(2) + 1, 97.0)]}
    bench = opened(*bars, mark_prices=marks, instrument=Instrument("XRPUSDT"))
    await bench.market(BUY)
    await bench.place(
        SELL, STOP, "sl", trigger_price="98", close_position=True, triggered_by=PriceSource.MARK
    )
    bench.close(0)
    bench.play(1)
    assert await bench.exchange.position("XRPUSDT") is not None
    bench.play(2)

    fill = bench.exchange.fill_log[-1]
    assert (fill.client_order_id, fill.price) == ("sl", D("99.5"))  # no trade was nearer to 98


async def test_target_on_the_mark_price_is_refused_where_the_mark_is_past_it():
    bench = opened(mark_prices=MARKED)
    await bench.market(BUY)

    with pytest.raises(Rejected) as caught:
        await bench.place(
            SELL, TARGET, trigger_price="100.5", close_position=True, triggered_by=PriceSource.MARK
        )
    assert caught.value.code == "-2021"
    assert (await bench.conditional(SELL, TARGET, "100.5")).status is OrderStatus.NEW
