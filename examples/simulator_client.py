"""A script that trades by itself on the simulated exchange: the same calls work on the testnet.

It starts `cointrader exchange`, buys, puts a stop and a target behind the position, and closes it.

python examples/simulator_client.py
"""

import asyncio
import json
import subprocess
import sys
from decimal import Decimal

from cointrader import BinanceFuturesClient, Config
from cointrader.app.live.wiring import Access
from cointrader.domain.order import OrderKind, OrderRequest, OrderSide
from cointrader.domain.position import Side
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.endpoints import endpoints_at

SYMBOL = "XRPUSDT"


async def trade(at: dict[str, str]) -> None:
    access = Access("simulator", endpoints_at(at["rest"]), Credentials(at["key"], at["secret"]))
    async with BinanceFuturesClient(Config(), symbol=SYMBOL, access=access) as client:
        await client.set_isolated()
        await client.set_leverage(5)
        rules, quote = await client.instrument(), await client.quote()
        before = (await client.account()).wallet
        print(f"wallet {before:.2f}, {SYMBOL} {quote.bid} / {quote.ask}")

        # A name of our own for each order: should an answer get lost, it can be asked for.
        quantity = rules.quantity(100 / float(quote.ask))
        await client.place_order(
            OrderRequest("by-hand-entry", SYMBOL, OrderSide.BUY, OrderKind.MARKET, quantity)
        )
        position = await client.position()
        if position is None:
            raise SystemExit("the order was not filled")
        print(f"long {position.quantity} at {position.entry_price}")

        entry = float(position.entry_price)
        exits = (
            ("by-hand-stop", OrderKind.STOP_MARKET, entry * 0.98, rules.stop_price),
            ("by-hand-target", OrderKind.TAKE_PROFIT_MARKET, entry * 1.04, rules.target_price),
        )
        for name, kind, level, rounded in exits:
            price = rounded(level, position=Side.LONG)
            await client.place_order(
                OrderRequest(name, SYMBOL, OrderSide.SELL, kind, trigger_price=price,
                             close_position=True)
            )  # fmt: skip
        for order in await client.open_orders():
            print(f"{order.client_order_id}: {order.kind} at {order.trigger_price}")

        await client.place_order(
            OrderRequest("by-hand-exit", SYMBOL, OrderSide.SELL, OrderKind.MARKET,
                         position.quantity, reduce_only=True)
        )  # fmt: skip
        for name, *_ in exits:  # what closed a position does not go by itself
            await client.cancel_order(name)
        after = (await client.account()).wallet
        left = await client.position(), await client.open_orders()
        print(f"flat: {left == (None, [])}; the round trip cost {Decimal(before - after):.4f}")


def main() -> None:
    command = [sys.executable, "-m", "cointrader", "exchange", "--symbols", SYMBOL]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as exchange:
        try:
            assert exchange.stdout is not None
            asyncio.run(trade(json.loads(exchange.stdout.readline())))
        finally:
            exchange.terminate()


if __name__ == "__main__":
    main()
