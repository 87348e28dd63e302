from __future__ import annotations

import json
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cointrader.domain.events import FundingSettled, OrderFilled, OrderUpdated
from cointrader.domain.order import Fill, OrderKind, OrderSide, OrderStatus
from cointrader.exchange.binance.account_notices import (
    AssetModeChanged,
    LeverageChanged,
    MarginCalled,
    PaidInOtherAsset,
    Transferred,
    TriggerRejected,
)
from cointrader.exchange.binance.account_story import AccountStory, Told
from cointrader.exchange.binance.recent import Recent
from cointrader.exchange.binance.stream_messages import (
    AccountUpdate,
    AlgoUpdate,
    ConfigUpdate,
    MarginCall,
    OrderTradeUpdate,
)
from tests.unit.exchange.binance_streams.fakes import (
    ENTRY_ID,
    STOP_ID,
    T0,
    a_child_fill,
    a_fill,
    a_stop,
    an_algo_update,
    an_order_update,
)

CHILD = ("XRPUSDT", 9002)


def a_story(**prices: str) -> AccountStory:
    return AccountStory(lambda asset: Decimal(prices[asset]) if asset in prices else None)


def hear(story: AccountStory, *messages: dict) -> list[Told]:
    told: list[Told] = []
    for message in messages:
        text = json.dumps(message)
        match message["e"]:
            case "ORDER_TRADE_UPDATE":
                told += story.on_order(msgspec.json.decode(text, type=OrderTradeUpdate))
            case "ALGO_UPDATE":
                told += story.on_algo(msgspec.json.decode(text, type=AlgoUpdate))
            case "ACCOUNT_UPDATE":
                told += story.on_account(msgspec.json.decode(text, type=AccountUpdate))
            case "ACCOUNT_CONFIG_UPDATE":
                told += story.on_config(msgspec.json.decode(text, type=ConfigUpdate))
            case "MARGIN_CALL":
                told += story.on_margin_call(msgspec.json.decode(text, type=MarginCall))
    return told


def statuses(told: list[Told]) -> list[tuple[str, OrderStatus]]:
    return [
        (one.report.client_order_id, one.report.status)
        for one in told
        if isinstance(one, OrderUpdated)
    ]


def fills(told: list[Told]) -> list[Fill]:
    return [one.fill for one in told if isinstance(one, OrderFilled)]


def test_market_order_is_told_as_new_then_its_fill_then_filled():
    told = hear(
        a_story(),
        an_order_update(happened="NEW", status="NEW"),
        an_order_update(),
    )

    assert [type(one) for one in told] == [OrderUpdated, OrderFilled, OrderUpdated]
    assert statuses(told) == [(ENTRY_ID, OrderStatus.NEW), (ENTRY_ID, OrderStatus.FILLED)]
    assert fills(told) == [
        Fill(
            "XRPUSDT",
            7001,
            ENTRY_ID,
            OrderSide.BUY,
            Decimal("2.1010"),
            Decimal("10.0"),
            Decimal("0.0105"),
            T0,
        )
    ]


def test_partial_fills_are_told_one_by_one():
    told = hear(
        a_story(),
        an_order_update(trade_id=1, quantity="4.0", status="PARTIALLY_FILLED"),
        an_order_update(trade_id=2, quantity="6.0", filled="10.0"),
    )

    assert [(fill.trade_id, fill.quantity) for fill in fills(told)] == [
        (1, Decimal("4.0")),
        (2, Decimal("6.0")),
    ]
    assert statuses(told) == [
        (ENTRY_ID, OrderStatus.PARTIALLY_FILLED),
        (ENTRY_ID, OrderStatus.FILLED),
    ]


def test_everything_heard_twice_is_told_once():
    messages = [an_order_update(happened="NEW", status="NEW"), an_order_update()]

    assert len(hear(a_story(), *messages, *messages)) == 3


def test_older_status_after_a_newer_one_is_not_told():
    told = hear(a_story(), an_order_update(), an_order_update(happened="NEW", status="NEW"))

    assert statuses(told) == [(ENTRY_ID, OrderStatus.FILLED)]


def test_fill_of_a_stop_s_child_carries_the_id_of_the_stop():
    told = hear(
        a_story(),
        an_algo_update("NEW"),
        an_algo_update("TRIGGERING", ai=""),
        an_algo_update("TRIGGERED", ai="9002", aq="0", ap="0"),
        an_order_update(
            order_id=9002, client_order_id="x-123", happened="NEW", status="NEW", S="SELL"
        ),
        a_child_fill(),
        an_algo_update("FINISHED", ai="9002", aq="10.0", ap="2.1010"),
    )

    assert [fill.client_order_id for fill in fills(told)] == [STOP_ID]
    assert statuses(told) == [
        (STOP_ID, OrderStatus.NEW),
        (STOP_ID, OrderStatus.TRIGGERED),
        (STOP_ID, OrderStatus.FILLED),
    ]
    last = told[-1]
    assert isinstance(last, OrderUpdated)
    assert last.report.kind is OrderKind.STOP_MARKET
    assert last.report.close_position
    assert last.report.filled_quantity == Decimal("10.0")
    assert last.report.average_price == Decimal("2.1010")
    assert last.report.trigger_price == Decimal("2.0500")


def test_fill_before_triggered_waits_and_then_carries_the_id_of_the_stop():
    story = a_story()
    assert hear(story, an_algo_update("NEW"), a_child_fill())[1:] == []
    assert story.holds(CHILD)
    told = hear(story, an_algo_update("TRIGGERED", ai="9002"))

    assert [fill.client_order_id for fill in fills(told)] == [STOP_ID]
    assert statuses(told) == [(STOP_ID, OrderStatus.TRIGGERED), (STOP_ID, OrderStatus.FILLED)]
    assert not story.holds(CHILD)


def test_fill_of_a_child_that_keeps_the_stop_s_id_needs_no_waiting():
    told = hear(
        a_story(),
        an_algo_update("NEW"),
        an_order_update(order_id=9002, client_order_id=STOP_ID, S="SELL"),
        an_algo_update("TRIGGERED", ai="9002"),
        an_algo_update("FINISHED", ai="9002", aq="10.0", ap="2.1010"),
    )

    assert [fill.client_order_id for fill in fills(told)] == [STOP_ID]
    assert statuses(told) == [(STOP_ID, OrderStatus.NEW), (STOP_ID, OrderStatus.FILLED)]


def test_held_fill_is_told_under_its_parent_once_somebody_looked_it_up():
    story = a_story()
    hear(story, a_child_fill())
    told = story.resolve(CHILD, a_stop(OrderStatus.TRIGGERED))

    assert [fill.client_order_id for fill in fills(told)] == [STOP_ID]
    assert hear(story, a_child_fill()) == []


def test_held_fill_of_no_child_is_told_under_its_own_id_and_later_ones_at_once():
    story = a_story()
    hear(story, a_child_fill())

    assert [fill.client_order_id for fill in fills(story.resolve(CHILD, None))] == ["x-123"]
    assert [fill.trade_id for fill in fills(hear(story, a_child_fill(trade_id=8)))] == [8]


def test_order_that_was_resolved_before_its_fill_can_still_turn_out_to_be_a_child():
    story = a_story()
    hear(
        story,
        an_algo_update("NEW"),
        an_order_update(order_id=9002, client_order_id="x-123", happened="NEW", status="NEW"),
    )
    story.resolve(CHILD, None)
    told = hear(story, a_child_fill(), an_algo_update("TRIGGERED", ai="9002"))

    assert [fill.client_order_id for fill in fills(told)] == [STOP_ID]


def test_held_orders_are_bounded():
    story = a_story()
    for order_id in range(1, 1_001):
        told = hear(
            story, an_order_update(order_id=order_id, client_order_id="web_1", trade_id=order_id)
        )
        assert told == []
    told = hear(story, an_order_update(order_id=5_000, client_order_id="web_1", trade_id=5_000))

    assert [fill.trade_id for fill in fills(told)] == [1]


def test_liquidation_is_told_at_once_under_the_exchange_s_id():
    told = hear(
        a_story(),
        an_order_update(
            client_order_id="autoclose-123", happened="CALCULATED", order_id=4, o="LIQUIDATION"
        ),
    )

    assert [fill.client_order_id for fill in fills(told)] == ["autoclose-123"]


def test_finished_without_a_quantity_is_cancelled():
    told = hear(a_story(), an_algo_update("FINISHED", aq="0", ai="9002"))

    assert statuses(told) == [(STOP_ID, OrderStatus.CANCELED)]


def test_cancelled_and_expired_stops_are_told():
    assert statuses(hear(a_story(), an_algo_update("CANCELED"))) == [
        (STOP_ID, OrderStatus.CANCELED)
    ]
    assert statuses(hear(a_story(), an_algo_update("EXPIRED"))) == [(STOP_ID, OrderStatus.EXPIRED)]


def test_order_that_expired_in_a_match_is_expired():
    told = hear(a_story(), an_order_update(happened="EXPIRED", status="EXPIRED_IN_MATCH"))

    assert statuses(told) == [(ENTRY_ID, OrderStatus.EXPIRED)]


def test_stop_refused_at_its_trigger_is_told_with_the_reason_once():
    message = an_algo_update("REJECTED", rm="margin is insufficient")
    story = a_story()
    told = hear(story, message)

    assert statuses(told) == [(STOP_ID, OrderStatus.REJECTED)]
    assert told[1] == TriggerRejected("XRPUSDT", STOP_ID, "margin is insufficient", T0)
    assert hear(story, message) == []


def test_fee_in_another_asset_is_kept_apart_from_the_fill():
    told = hear(a_story(), an_order_update(N="BNB", n="0.00002"))

    assert fills(told)[0].fee == 0
    assert PaidInOtherAsset("XRPUSDT", 7001, "BNB", Decimal("0.00002"), T0) in told


def test_fee_in_another_asset_counts_at_its_price_where_that_is_known():
    told = hear(a_story(BNB="600"), an_order_update(N="BNB", n="0.00002"))

    assert fills(told)[0].fee == Decimal("0.012")
    assert PaidInOtherAsset("XRPUSDT", 7001, "BNB", Decimal("0.00002"), T0) in told


def test_fill_without_a_fee_is_not_told_before_the_books_know_it():
    message = an_order_update()
    del message["o"]["n"], message["o"]["N"]
    told = hear(a_story(), message)

    assert not fills(told)
    assert len(told) == 1


def test_fee_in_the_quote_of_a_dated_contract_is_a_fee():
    told = hear(a_story(), an_order_update(s="BTCUSDT_260327"))

    assert fills(told)[0].fee == Decimal("0.0105")


def an_account_update(reason: str, *, change: str = "0", asset: str = "USDT") -> dict:
    balance = {"a": asset, "wb": "1000", "cw": "1000", "bc": change}
    return {
        "e": "ACCOUNT_UPDATE",
        "E": T0,
        "T": T0,
        "a": {"m": reason, "B": [balance], "P": [{"s": "XRPUSDT", "pa": "1"}]},
    }


def test_deposits_and_withdrawals_are_transfers_and_trading_is_none():
    story = a_story()
    told = hear(
        story,
        an_account_update("ORDER", change="5"),
        an_account_update("FUNDING_FEE", change="-1"),
        an_account_update("MARGIN_TRANSFER", change="-1"),
        an_account_update("DEPOSIT", change="100"),
        an_account_update("DEPOSIT", change="100"),
        an_account_update("WITHDRAW", change="-40"),
        an_account_update("ADJUSTMENT"),
    )

    assert told == [
        Transferred("USDT", Decimal(100), "DEPOSIT", T0),
        Transferred("USDT", Decimal(-40), "WITHDRAW", T0),
    ]


def test_changes_of_leverage_and_asset_mode_are_told_once():
    story = a_story()
    leverage = {"e": "ACCOUNT_CONFIG_UPDATE", "E": T0, "T": T0, "ac": {"s": "XRPUSDT", "l": 5}}
    mode = {"e": "ACCOUNT_CONFIG_UPDATE", "E": T0, "T": T0, "ai": {"j": True}}

    assert hear(story, leverage, leverage, mode) == [
        LeverageChanged("XRPUSDT", 5, T0),
        AssetModeChanged(True, T0),
    ]


def test_margin_call_is_told_once():
    call = {"e": "MARGIN_CALL", "E": T0, "cw": "3", "p": [{"s": "XRPUSDT", "pa": "1"}]}

    assert hear(a_story(), call, call) == [MarginCalled(("XRPUSDT",), T0)]


def test_what_a_look_at_the_exchange_finds_is_told_only_if_the_stream_did_not():
    story = a_story()
    hear(story, an_order_update())
    payment = FundingSettled("XRPUSDT", T0, Decimal("0.0001"), Decimal("-0.002"))

    assert story.on_fill(a_fill(7001, ENTRY_ID)) == []
    assert story.on_fill(a_fill(7002, ENTRY_ID)) == [OrderFilled(a_fill(7002, ENTRY_ID))]
    assert story.on_funding(payment) == [payment]
    assert story.on_funding(payment) == []


def test_orders_of_ours_are_living_until_their_end_is_told():
    story = a_story()
    hear(story, an_algo_update("NEW"), an_algo_update("NEW", client_order_id="somebody-s"))
    assert story.living("XRPUSDT") == [STOP_ID]
    assert story.living("BTCUSDT") == []
    hear(story, an_algo_update("CANCELED"))

    assert story.living("XRPUSDT") == []


def test_memory_forgets_the_oldest_first():
    memory: Recent[int, str] = Recent(2)
    memory.put(1, "a")
    memory.put(2, "b")
    memory.put(1, "c")
    memory.put(3, "d")

    assert 2 not in memory
    assert (memory.get(1), memory.get(3)) == ("c", "d")


@given(st.data())
def test_any_interleaving_of_two_connections_tells_each_fill_once_under_the_stop(data):
    algo = [
        an_algo_update("NEW"),
        an_algo_update("TRIGGERED", ai="9002"),
        an_algo_update("FINISHED", ai="9002", aq="10.0", ap="2.1010"),
    ]
    child = [
        a_child_fill(trade_id=1, quantity="4.0", status="PARTIALLY_FILLED"),
        a_child_fill(trade_id=2, quantity="6.0", filled="10.0"),
    ]
    queues = [list(algo), list(child), list(algo), list(child)]
    story = a_story()
    told: list[Told] = []
    while any(queues):
        number = data.draw(st.sampled_from([n for n, queue in enumerate(queues) if queue]))
        told += hear(story, queues[number].pop(0))

    assert sorted((f.trade_id, f.client_order_id) for f in fills(told)) == [
        (1, STOP_ID),
        (2, STOP_ID),
    ]
    reported = [status for _, status in statuses(told)]
    assert reported[-1] is OrderStatus.FILLED
    assert len(reported) == len(set(reported))
