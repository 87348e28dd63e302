"""The `Exchange` port, spoken in Binance: one account in one-way mode.

Conditional orders live in a service of their own, with ids of their own. An id is only looked for
in the second place when the first has answered that it is not there; silence is no answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from cointrader.domain.candle import Candle
from cointrader.domain.clock import MINUTE_MS, Clock, interval_ms
from cointrader.domain.errors import ConfigError, Rejected
from cointrader.domain.events import AccountEvent, FundingSettled
from cointrader.domain.instrument import Instrument
from cointrader.domain.order import OWN_PREFIX, Fill, OrderReport, OrderRequest, OrderStatus
from cointrader.domain.ports import Account, BestPrices, Holdings, Quote, Settlement
from cointrader.domain.position import Position
from cointrader.exchange.binance import translate
from cointrader.exchange.binance.api import BinanceApi
from cointrader.exchange.binance.codes import NO_SUCH_ORDER, RULES_CHANGED
from cointrader.exchange.binance.executions import Executions
from cointrader.exchange.binance.order_ids import OrderIds
from cointrader.exchange.binance.rules import Rules
from cointrader.exchange.binance.schemas import AlgoOrder, PlainOrder
from cointrader.exchange.binance.together import Together
from cointrader.exchange.binance.transfers import Transfers

AccountEvents = Callable[[str], AsyncIterator[AccountEvent]]

_IS_GONE = NO_SUCH_ORDER | {"-4117"}  # or is being triggered at this moment
_AHEAD_MS = 1_000  # bots that close one bar within it share one look ahead
_READINGS = 3  # of a wallet that goes on moving


class BinanceExchange:
    """One account.

    Parameters
    ----------
    interval : of the candles that `history` gives, e.g. "15m"
    account_events : the user stream's subscription to one symbol; without it nobody can listen
    transfers : what came from outside; without it the account does not tell
    """

    def __init__(
        self,
        api: BinanceApi,
        clock: Clock,
        *,
        interval: str,
        account_events: AccountEvents | None = None,
        transfers: Transfers | None = None,
        quote_asset: str = "USDT",
    ) -> None:
        self._api = api
        self._interval = interval
        self._interval_ms = interval_ms(interval)
        self._account_events = account_events
        self._transfers = transfers
        self._quote_asset = quote_asset
        self.rules = Rules(api, clock)
        self._ids = OrderIds()
        self._executions = Executions(api, self._ids)
        self._open_orders = Together(self._all_open_orders, clock, begin=api.begin)
        self._position_risk = Together(api.position_risk, clock, begin=api.begin)

    @property
    def is_remote(self) -> bool:
        return True

    # -- orders -----------------------------------------------------------------------------------

    async def place(self, request: OrderRequest) -> OrderReport:
        is_conditional = request.kind.is_conditional
        self._ids.saw(request.client_order_id, is_conditional=is_conditional)
        try:
            if is_conditional:
                parameters = translate.algo_parameters(request)
                return self._algo(await self._api.place_algo_order(parameters))
            parameters = translate.plain_parameters(request)
            return self._plain(await self._api.place_order(parameters))
        except Rejected as refused:
            if refused.code in RULES_CHANGED:
                self.rules.doubt(request.symbol)
            raise

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """None where it is not open any more; `order` knows what became of it."""
        is_conditional = self._ids.is_conditional(client_order_id)
        if is_conditional is not True:
            report = await self._cancel_plain(symbol, client_order_id)
            if report is not None or is_conditional is False:
                return report
        return await self._cancel_algo(client_order_id)

    async def order(self, symbol: str, client_order_id: str) -> OrderReport | None:
        """An order takes a second or two to become visible: None is not certain at once."""
        is_conditional = self._ids.is_conditional(client_order_id)
        if is_conditional is not True:
            report = await self._find_plain(symbol, client_order_id)
            if report is not None or is_conditional is False:
                return report
        return await self._find_algo(client_order_id)

    async def parent_of(self, symbol: str, order_id: int) -> OrderReport | None:
        """The conditional order that became the plain order `order_id`; None for no child.

        Costly where the answer is None: all that the exchange remembers is looked through.
        """
        known = self._ids.client_id(symbol, order_id)
        if known is not None and self._ids.is_conditional(known):
            return await self._find_algo(known)
        order = await self._executions.parent(symbol, order_id)
        return None if order is None else self._algo(order)

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        return await self._open_orders.of(symbol)

    async def _all_open_orders(self, symbol: str | None) -> Sequence[OrderReport]:
        """Plain and conditional ones, of `symbol` or of all.

        Conditional ones first: one that triggers meanwhile is then seen in both, not in neither.
        """
        algos = await self._api.open_algo_orders(symbol)
        plains = await self._api.open_orders(symbol)
        reports = {(order.symbol, order.client_algo_id): self._algo(order) for order in algos}
        known = {(order.symbol, translate.became(order)) for order in algos}
        for order in plains:
            name = order.symbol, order.client_order_id
            if (order.symbol, order.order_id) not in known and name not in reports:
                reports[name] = self._plain(order)
        return list(reports.values())

    async def _cancel_plain(self, symbol: str, client_order_id: str) -> OrderReport | None:
        try:
            return self._plain(await self._api.cancel_order(symbol, client_order_id))
        except Rejected as refused:
            _raise_unless_gone(refused)
            return None

    async def _cancel_algo(self, client_order_id: str) -> OrderReport | None:
        """The answer names the order and no more, so it is read afterwards."""
        try:
            await self._api.cancel_algo_order(client_order_id)
        except Rejected as refused:
            _raise_unless_gone(refused)
            return None
        report = await self._find_algo(client_order_id)
        if report is None or report.status.is_final:
            return report
        return replace(report, status=OrderStatus.CANCELED)  # the reading is behind

    async def _find_plain(self, symbol: str, client_order_id: str) -> OrderReport | None:
        try:
            return self._plain(await self._api.order(symbol, client_order_id=client_order_id))
        except Rejected as refused:
            _raise_unless_gone(refused)
            return None

    async def _find_algo(self, client_order_id: str) -> OrderReport | None:
        try:
            return self._algo(await self._api.algo_order(client_order_id))
        except Rejected as refused:
            _raise_unless_gone(refused)
            return None

    def _plain(self, order: PlainOrder) -> OrderReport:
        if self._ids.is_conditional(order.client_order_id) is None:
            self._ids.saw(order.client_order_id, is_conditional=False)
        is_ours = order.client_order_id.startswith(OWN_PREFIX)  # others may be a stop's child
        if is_ours and self._ids.client_id(order.symbol, order.order_id) is None:
            self._ids.names(order.symbol, order.order_id, order.client_order_id)
        return translate.plain_report(order)

    def _algo(self, order: AlgoOrder) -> OrderReport:
        self._ids.saw(order.client_algo_id, is_conditional=True)
        order_id = translate.became(order)
        if order_id is not None:
            self._ids.names(order.symbol, order_id, order.client_algo_id)
        return translate.algo_report(order)

    # -- the account ------------------------------------------------------------------------------

    async def position(self, symbol: str) -> Position | None:
        return translate.position(await self._position_risk.of(symbol), symbol)

    async def holdings(self, symbol: str, *, since_ms: int | None = None) -> Holdings:
        risks, orders = await asyncio.gather(
            self._position_risk.of(symbol, since_ms=since_ms),
            self._open_orders.of(symbol, since_ms=since_ms),
        )
        return Holdings(translate.position(risks, symbol), orders)

    def look_ahead(self) -> None:
        self._position_risk.look_ahead(_AHEAD_MS)
        self._open_orders.look_ahead(_AHEAD_MS)

    async def account(self) -> Account:
        """Wallet and transfers of one moment: read again where money moved in between.

        What was known of transfers before is enough to begin with: where that is still all of it
        afterwards, nothing moved while the wallet was read.
        """
        if self._transfers is None:
            return translate.account(await self._api.account(), self._quote_asset, None)
        transferred = self._transfers.known
        information = await self._api.account()
        for _ in range(_READINGS):
            before, transferred = transferred, await self._transfers.total()
            if transferred == before:
                break
            information = await self._api.account()
        return translate.account(information, self._quote_asset, transferred)

    async def fills(self, symbol: str, *, since_ms: int) -> Sequence[Fill]:
        return await self._executions.since(symbol, since_ms)

    async def funding(self, symbol: str, *, since_ms: int) -> Sequence[FundingSettled]:
        end_ms = await self._api.futures.now_ms() + MINUTE_MS
        paid = await self._api.income(
            "FUNDING_FEE", start_ms=since_ms, end_ms=end_ms, symbol=symbol
        )
        if not paid:
            return []
        rates = await self._api.funding_rates(
            symbol, start_ms=translate.settlement_ms(paid[0].time) - MINUTE_MS, end_ms=end_ms
        )
        return translate.funding(paid, rates, symbol)

    async def now_ms(self) -> int:
        """The exchange's time, measured first where it is not known."""
        return await self._api.futures.now_ms(or_nearly=True)

    def account_events(self, symbol: str) -> AsyncIterator[AccountEvent]:
        if self._account_events is None:
            raise ConfigError(
                "this adapter has no account stream", where=symbol, todo="pass account_events="
            )
        return self._account_events(symbol)

    # -- the market -------------------------------------------------------------------------------

    async def best_prices(self, symbol: str) -> BestPrices:
        book = await self._api.book_ticker(symbol)
        return BestPrices(bid=book.bid_price, ask=book.ask_price)

    async def quote(self, symbol: str) -> Quote:
        book, index = await asyncio.gather(
            self._api.book_ticker(symbol), self._api.premium_index(symbol)
        )
        return Quote(bid=book.bid_price, ask=book.ask_price, mark=index.mark_price)

    async def instrument(self, symbol: str) -> Instrument:
        return await self.rules.instrument(symbol)

    async def is_trading(self, symbol: str) -> bool:
        """Whether the symbol is open for trading; not while it is new, paused or being delisted."""
        return await self.rules.is_trading(symbol)

    async def history(self, symbol: str, *, before_ms: int, limit: int) -> Sequence[Candle]:
        """The last `limit` closed candles that opened before `before_ms`, oldest first."""
        bar_ms = self._interval_ms
        now_ms = await self._api.futures.now_ms()
        newest_ms = min(before_ms - 1, now_ms - bar_ms) // bar_ms * bar_ms
        rows = await self._api.klines(
            symbol,
            self._interval,
            start_ms=newest_ms - (limit - 1) * bar_ms,
            end_ms=newest_ms + 1,
        )
        return [translate.candle(row, symbol, bar_ms) for row in rows]

    async def funding_rates(self, symbol: str, from_ms: int, to_ms: int) -> Sequence[Settlement]:
        """Settlements of [from_ms, to_ms) that have happened by now."""
        rows = await self._api.funding_rates(symbol, start_ms=from_ms, end_ms=to_ms)
        return [translate.settlement(row) for row in rows]

    async def open_interest(
        self, symbol: str, from_ms: int, to_ms: int
    ) -> Sequence[tuple[int, float]]:
        """(time known, contracts) of [from_ms, to_ms), every 5 min; of the last month only."""
        rows = await self._api.open_interest_history(symbol, "5m", start_ms=from_ms, end_ms=to_ms)
        return [(row.timestamp, float(row.sum_open_interest)) for row in rows]

    # -- settings of the account ------------------------------------------------------------------

    async def key_rights(self) -> translate.KeyRights | None:
        """What the API key may do; None where no host can say, as on the testnet."""
        restrictions = await self._api.key_restrictions()
        return None if restrictions is None else translate.key_rights(restrictions)

    async def is_hedge_mode(self) -> bool:
        """Whether a symbol can be held long and short at once; we trade in one-way mode only."""
        return await self._api.is_hedge_mode()

    async def set_one_way_mode(self) -> None:
        """For the whole account. Refused while it has positions or open orders."""
        await self._api.set_hedge_mode(False)

    async def is_multi_assets(self) -> bool:
        """Whether other assets than the quote currency count as margin."""
        return await self._api.is_multi_assets()

    async def symbol_settings(self, symbol: str) -> translate.SymbolSettings:
        return translate.symbol_settings(await self._api.symbol_config(symbol))

    async def set_leverage(self, symbol: str, leverage: int) -> int:
        """The leverage that holds from now on."""
        return await self._api.set_leverage(symbol, leverage)

    async def set_isolated(self, symbol: str) -> None:
        """Margin of this symbol's position is its own. Refused while it has one, or orders."""
        await self._api.set_isolated(symbol)

    async def taker_fee_ratio(self, symbol: str) -> Decimal:
        """The account's own taker fee, as a fraction of the notional."""
        return (await self._api.commission_rate(symbol)).taker_commission_rate


def _raise_unless_gone(refused: Rejected) -> None:
    if refused.code not in _IS_GONE:
        raise refused
