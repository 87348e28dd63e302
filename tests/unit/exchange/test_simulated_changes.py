"""What changes while positions are open: money, filters, brackets, status; and a restart."""

# mypy: disable-error-code="comparison-overlap"
# Decimals are compared with whole numbers here.

from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from cointrader.domain.errors import Rejected
from cointrader.domain.instrument import Instrument, brackets_of
from cointrader.domain.order import OrderKind, OrderStatus, Side
from cointrader.domain.ports import Settlement
from cointrader.exchange.simulated import at_most
from tests.unit.exchange.simulated_fakes import (
    BUY,
    FLAT,
    SELL,
    STOP,
    TRAILING,
    Bench,
    Row,
    opens,
)

D = Decimal
GRIDDED = Instrument(
    "XRPUSDT",
    tick_size=D("0.1"),
    step_size=D("0.1"),
    maintenance_margin_ratio=D("0.005"),
)


def opened(*bars: Row, **settings) -> Bench:
    bench = Bench(*(bars or (FLAT, FLAT)), **{"instrument": GRIDDED, **settings})
    bench.open(0)
    return bench


# -- money ----------------------------------------------------------------------------------------


async def test_deposits_and_withdrawals_move_the_wallet_and_are_told_as_transfers():
    bench = opened()
    assert (await bench.exchange.account()).transfers == 0
    await bench.market(BUY, "20")
    bench.exchange.deposit(D("50.5"))
    bench.exchange.withdraw(D(100))

    account = await bench.exchange.account()
    assert (account.wallet, account.available, account.transfers) == (
        D("950.5"),
        D("750.5"),
        D("-49.5"),
    )


async def test_what_positions_and_limit_orders_hold_cannot_be_withdrawn():
    bench = opened()
    await bench.market(BUY, "20")
    await bench.limit(BUY, "90", "10")

    with pytest.raises(Rejected) as caught:
        bench.exchange.withdraw(D("710.01"))
    assert caught.value.code == "-2018"
    bench.exchange.withdraw(D(710))
    assert (await bench.exchange.account()).available == 0


@pytest.mark.parametrize("amount", ["0", "-1", "NaN"])
def test_transfer_of_no_amount_is_refused(amount):
    bench = opened()

    with pytest.raises(Rejected):
        bench.exchange.deposit(D(amount))
    with pytest.raises(Rejected):
        bench.exchange.withdraw(D(amount))


# -- filters, brackets, status --------------------------------------------------------------------


async def test_new_filters_hold_for_new_orders_and_leave_resting_ones():
    bench = opened((100, 100, 98, 99))
    await bench.limit(BUY, "98.3", order_id="old")
    bench.exchange.change_instrument(replace(GRIDDED, tick_size=D("1.0")))

    with pytest.raises(Rejected) as caught:
        await bench.limit(BUY, "98.3", order_id="new")
    assert caught.value.code == "-4014"
    bench.close(0)
    assert bench.exchange.fill_log[0].price == D("98.3")
    assert (await bench.exchange.instrument("XRPUSDT")).tick_size == 1


async def test_new_brackets_change_the_liquidation_of_an_open_position():
    bench = opened((100, 100, 94, 99))
    await bench.market(BUY)
    brackets = brackets_of([(D(10_000), 10, D("0.05"))])
    bench.exchange.change_instrument(replace(GRIDDED, brackets=brackets))

    assert round((await bench.held()).liquidation_price or 0, 4) == D("94.7368")
    assert (await bench.held()).entry_price == 100
    bench.close(0)
    assert await bench.exchange.position("XRPUSDT") is None


async def test_symbol_being_settled_takes_exits_only():
    bench = opened((100, 101, 97, 99))
    await bench.market(BUY, "2")
    await bench.limit(BUY, "95", order_id="entry")
    await bench.limit(SELL, "105", order_id="exit", reduce_only=True)
    bench.exchange.close_symbol("XRPUSDT")

    assert await bench.status("entry") is OrderStatus.EXPIRED
    assert await bench.status("exit") is OrderStatus.NEW
    for kind, terms in (
        (OrderKind.MARKET, {}),
        (OrderKind.LIMIT, {"price": "95"}),
        (STOP, {"trigger_price": "105"}),
    ):
        with pytest.raises(Rejected) as caught:
            await bench.place(BUY, kind, quantity="1", **terms)
        assert caught.value.code == "-4140"
    assert (await bench.market(SELL, "1")).status is OrderStatus.FILLED
    await bench.conditional(SELL, STOP, "98")
    bench.close(0)
    assert await bench.exchange.position("XRPUSDT") is None


# -- restart --------------------------------------------------------------------------------------


async def test_account_with_every_kind_of_state_goes_on_exactly_after_a_restart():
    bars: list[Row] = [FLAT, (100, 108, 99, 107), (107, 107, 90, 101), (101, 103, 93, 95)]
    settings: dict[str, Any] = {
        "settlements": [Settlement(opens(bar), 0.0013) for bar in range(4)],
        "liquidity": at_most(D(120)),
        "balance": "5000",
    }
    whole, half = opened(*bars, **settings), opened(*bars, **settings)
    for bench in (whole, half):
        bench.exchange.set_leverage("XRPUSDT", 5)
        await bench.market(BUY, "3")
        await bench.place(SELL, TRAILING, "trail", quantity="1", callback_ratio="0.05")
        await bench.limit(SELL, "106", "1", "limit")
        await bench.limit(BUY, "94", "2", "low")
        bench.exchange.deposit(D(7))
        bench.exchange.withdraw(D("0.5"))
        bench.close(0)
        bench.play(1)
        bench.exchange.change_instrument(replace(GRIDDED, tick_size=D("0.01")))
    stored = msgspec.json.decode(msgspec.json.encode(half.exchange.snapshot()))
    resumed = Bench(*bars, instrument=GRIDDED, start_bar=2, **settings)
    resumed.exchange.restore(stored)

    assert resumed.exchange.snapshot() == stored
    assert (await resumed.exchange.instrument("XRPUSDT")).tick_size == D("0.01")
    for bench in (whole, resumed):
        bench.play(2, 3)
    assert whole.exchange.snapshot() == resumed.exchange.snapshot()
    assert await whole.exchange.account() == await resumed.exchange.account()
    order_ids = [fill.client_order_id for fill in whole.exchange.fill_log]
    assert {"trail", "limit", "low"} <= set(order_ids)


async def test_restored_symbol_that_was_being_settled_still_takes_no_entries():
    bench = opened()
    bench.exchange.close_symbol("XRPUSDT")
    resumed = opened()
    resumed.exchange.restore(bench.exchange.snapshot())

    with pytest.raises(Rejected):
        await resumed.market(BUY)


async def test_restored_position_is_still_liquidated():
    bench = opened()
    await bench.market(BUY)
    resumed = opened((100, 100, 90, 90))
    resumed.exchange.restore(bench.exchange.snapshot())
    assert (await resumed.held()).side is Side.LONG
    resumed.close(0)

    assert await resumed.wallet() == 990
