"""Binance's calls, typed: one short method each, with what it costs.

The shapes are the wire's (`schemas`); what they mean to us is `translate`'s affair. Amounts that
are sent are text, written out by the caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Protocol, Self, TypeVar

from cointrader.domain.clock import DAY_MS, Clock, interval_ms
from cointrader.domain.errors import DataError, Rejected
from cointrader.exchange.binance.codes import ALREADY_SO
from cointrader.exchange.binance.credentials import Credentials
from cointrader.exchange.binance.endpoints import Endpoints
from cointrader.exchange.binance.rate_limit import ONE_ORDER, Pool, weight
from cointrader.exchange.binance.rest import Parameters, RestClient
from cointrader.exchange.binance.schemas import (
    AccountConfig,
    AccountInformation,
    AlgoCancelled,
    AlgoOrder,
    AssetMode,
    Balance,
    BookTicker,
    CommissionRate,
    Empty,
    ExchangeInfo,
    ExchangeInfoRows,
    FundingRate,
    Income,
    KeyRestrictions,
    Kline,
    LeverageSet,
    ListenKey,
    OpenInterest,
    OpenInterestRow,
    PlainOrder,
    PositionMode,
    PositionRisk,
    PremiumIndex,
    ServerTime,
    SymbolBrackets,
    SymbolConfig,
    UserTrade,
)

_WEEK_MS = 7 * DAY_MS
_OPEN_OF_ALL = weight(40)  # open orders of all symbols; of one symbol it is 1
_PAGE = 1_000
_STATISTICS_KEPT_MS = 31 * DAY_MS
_STATISTICS_PAGE = 500
_ONE_OR_MANY_BRACKETS: Any = list[SymbolBrackets] | SymbolBrackets
_MARGIN_TYPES = {True: "ISOLATED", False: "CROSSED"}


class _OfSymbol(Protocol):
    @property
    def symbol(self) -> str: ...


Row = TypeVar("Row", bound=_OfSymbol)
Answer = TypeVar("Answer")


class BinanceApi:
    """All calls of one account.

    Parameters
    ----------
    futures : the futures host
    spot : the spot host, which alone knows what a key may do; None where there is none
    """

    def __init__(self, futures: RestClient, spot: RestClient | None = None) -> None:
        self._futures = futures
        self._spot = spot
        self._beside: set[asyncio.Task[Any]] = set()

    @classmethod
    def at(cls, endpoints: Endpoints, clock: Clock, credentials: Credentials | None = None) -> Self:
        """The calls of the account behind `credentials` at these hosts; without, public ones."""
        spot = None
        if endpoints.spot is not None:
            spot = RestClient(
                endpoints.spot, clock, credentials=credentials, time_path="/api/v3/time"
            )
        return cls(RestClient(endpoints.rest, clock, credentials=credentials), spot)

    def begin(self, asking: Coroutine[Any, Any, Answer], *, name: str) -> asyncio.Task[Answer]:
        """Ask for something beside the caller; what is not answered by `close` is dropped.

        Whoever waits for the task may be gone: a failure that nobody takes note of is none.
        """
        task = asyncio.create_task(asking, name=name)
        self._beside.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._beside.discard(task)
        if not task.cancelled():
            task.exception()

    async def close(self) -> None:
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        await self._futures.close()
        if self._spot is not None:
            await self._spot.close()

    @property
    def futures(self) -> RestClient:
        return self._futures

    # -- market -----------------------------------------------------------------------------------

    async def server_time(self) -> int:
        """The exchange's time, in ms."""
        return (await self._futures.call("GET", "/fapi/v1/time", ServerTime)).server_time

    async def exchange_info(self) -> ExchangeInfo:
        """Raises `DataError` where no symbol can be read."""
        rows = await self._futures.call("GET", "/fapi/v1/exchangeInfo", ExchangeInfoRows)
        info = rows.read()
        if info.unreadable and not info.symbols:
            raise DataError(
                "no symbol of the exchange can be read",
                found=next(iter(info.unreadable.values())),
                todo="update cointrader",
            )
        return info

    async def klines(
        self, symbol: str, interval: str, *, start_ms: int, end_ms: int
    ) -> list[Kline]:
        """All klines that opened in [start_ms, end_ms), ascending; the last may still be open."""
        rows: list[Kline] = []
        bar_ms = interval_ms(interval)
        while start_ms < end_ms:
            limit = min(_PAGE, -(-(end_ms - start_ms) // bar_ms))
            page = await self._futures.call(
                "GET",
                "/fapi/v1/klines",
                list[Kline],
                {
                    "symbol": symbol,
                    "interval": interval,
                    "startTime": start_ms,
                    "endTime": end_ms - 1,
                    "limit": limit,
                },
                cost=weight(1 if limit < 100 else 2 if limit < 500 else 5),
            )
            rows += page
            if len(page) < _PAGE:
                break
            start_ms = page[-1].open_time + 1
        return rows

    async def funding_rates(self, symbol: str, *, start_ms: int, end_ms: int) -> list[FundingRate]:
        """Settlements of [start_ms, end_ms), ascending."""
        rows: list[FundingRate] = []
        while start_ms < end_ms:
            page = await self._futures.call(
                "GET",
                "/fapi/v1/fundingRate",
                list[FundingRate],
                {
                    "symbol": symbol,
                    "startTime": start_ms,
                    "endTime": end_ms - 1,
                    "limit": _PAGE,
                },
                cost={Pool.FUNDING: 1},
            )
            rows += page
            if len(page) < _PAGE:
                break
            start_ms = page[-1].funding_time + 1
        return rows

    async def open_interest(self, symbol: str) -> OpenInterest:
        return await self._futures.call(
            "GET", "/fapi/v1/openInterest", OpenInterest, {"symbol": symbol}
        )

    async def open_interest_history(
        self, symbol: str, period: str, *, start_ms: int, end_ms: int
    ) -> list[OpenInterestRow]:
        """Rows of [start_ms, end_ms), ascending. Binance keeps them for a month only.

        Asked for in windows that hold no more than fits one answer: of a fuller one some servers
        give the newest rows, others the oldest.
        """
        rows: list[OpenInterestRow] = []
        window_ms = (_STATISTICS_PAGE - 1) * interval_ms(period)
        for from_ms in range(max(start_ms, end_ms - _STATISTICS_KEPT_MS), end_ms, window_ms):
            to_ms = min(from_ms + window_ms, end_ms)
            page = await self._futures.call(
                "GET",
                "/futures/data/openInterestHist",
                list[OpenInterestRow],
                {
                    "symbol": symbol,
                    "period": period,
                    "startTime": from_ms,
                    "endTime": to_ms - 1,
                    "limit": _STATISTICS_PAGE,
                },
                cost={Pool.STATISTICS: 1},
            )
            rows += [row for row in page if from_ms <= row.timestamp < to_ms]
        return rows

    async def premium_index(self, symbol: str) -> PremiumIndex:
        return await self._futures.call(
            "GET", "/fapi/v1/premiumIndex", PremiumIndex, {"symbol": symbol}, is_vital=True
        )

    async def book_ticker(self, symbol: str) -> BookTicker:
        return await self._futures.call(
            "GET",
            "/fapi/v1/ticker/bookTicker",
            BookTicker,
            {"symbol": symbol},
            cost=weight(2),
            is_vital=True,
        )

    # -- account ----------------------------------------------------------------------------------

    async def leverage_brackets(self, symbol: str) -> SymbolBrackets:
        """Brackets of one symbol, which come bare or in a list of one."""
        answer: list[SymbolBrackets] | SymbolBrackets = await self._futures.call(
            "GET",
            "/fapi/v1/leverageBracket",
            _ONE_OR_MANY_BRACKETS,
            {"symbol": symbol},
            access="signed",
        )
        rows = answer if isinstance(answer, list) else [answer]
        return _row_of(symbol, rows)

    async def account(self) -> AccountInformation:
        return await self._futures.call(
            "GET",
            "/fapi/v3/account",
            AccountInformation,
            access="signed",
            cost=weight(5),
            is_vital=True,
        )

    async def balances(self) -> list[Balance]:
        return await self._futures.call(
            "GET", "/fapi/v3/balance", list[Balance], access="signed", cost=weight(5)
        )

    async def position_risk(self, symbol: str | None = None) -> list[PositionRisk]:
        """Symbols with a position or orders, without leverage and margin type."""
        return await self._position_risk("/fapi/v3/positionRisk", symbol)

    async def position_risk_v2(self, symbol: str | None = None) -> list[PositionRisk]:
        """All symbols, with leverage and margin type."""
        return await self._position_risk("/fapi/v2/positionRisk", symbol)

    async def _position_risk(self, path: str, symbol: str | None) -> list[PositionRisk]:
        return await self._futures.call(
            "GET",
            path,
            list[PositionRisk],
            _of_symbol(symbol),
            access="signed",
            cost=weight(5),
            is_vital=True,
        )

    async def account_config(self) -> AccountConfig:
        return await self._futures.call(
            "GET", "/fapi/v1/accountConfig", AccountConfig, access="signed", cost=weight(5)
        )

    async def symbol_config(self, symbol: str) -> SymbolConfig:
        rows = await self._futures.call(
            "GET",
            "/fapi/v1/symbolConfig",
            list[SymbolConfig],
            {"symbol": symbol},
            access="signed",
            cost=weight(5),
        )
        return _row_of(symbol, rows)

    async def set_leverage(self, symbol: str, leverage: int) -> int:
        """The leverage that holds from now on."""
        answer = await self._futures.call(
            "POST",
            "/fapi/v1/leverage",
            LeverageSet,
            {"symbol": symbol, "leverage": leverage},
            access="signed",
        )
        return answer.leverage

    async def set_isolated(self, symbol: str, *, isolated: bool = True) -> None:
        """Margin type of one symbol. Already so is fine."""
        parameters = {"symbol": symbol, "marginType": _MARGIN_TYPES[isolated]}
        await self._set("/fapi/v1/marginType", parameters)

    async def is_hedge_mode(self) -> bool:
        """Whether a symbol can be held long and short at once."""
        answer = await self._futures.call(
            "GET",
            "/fapi/v1/positionSide/dual",
            PositionMode,
            access="signed",
            cost=weight(30),
        )
        return answer.dual_side_position

    async def set_hedge_mode(self, hedge: bool) -> None:
        """Position mode of the whole account, coin-margined too. Already so is fine."""
        await self._set("/fapi/v1/positionSide/dual", {"dualSidePosition": _flag(hedge)})

    async def is_multi_assets(self) -> bool:
        """Whether other assets than the quote currency count as margin."""
        answer = await self._futures.call(
            "GET", "/fapi/v1/multiAssetsMargin", AssetMode, access="signed", cost=weight(30)
        )
        return answer.multi_assets_margin

    async def commission_rate(self, symbol: str) -> CommissionRate:
        return await self._futures.call(
            "GET",
            "/fapi/v1/commissionRate",
            CommissionRate,
            {"symbol": symbol},
            access="signed",
            cost=weight(20),
        )

    async def income(
        self, income_type: str, *, start_ms: int, end_ms: int, symbol: str | None = None
    ) -> list[Income]:
        """Rows of [start_ms, end_ms), ascending, each once. Binance keeps them for 3 months."""
        rows: dict[int | str, Income] = {}
        while start_ms < end_ms:
            page = await self._futures.call(
                "GET",
                "/fapi/v1/income",
                list[Income],
                {
                    **_of_symbol(symbol),
                    "incomeType": income_type,
                    "startTime": start_ms,
                    "endTime": end_ms - 1,
                    "limit": _PAGE,
                },
                access="signed",
                cost=weight(30),
            )
            known = len(rows)
            rows |= {row.tran_id: row for row in page}  # unique within a type of income
            if len(page) < _PAGE or len(rows) == known:
                break
            start_ms = max(row.time for row in page)  # again: a moment may have several rows
        return sorted(rows.values(), key=lambda row: row.time)

    async def user_trades(self, symbol: str, *, start_ms: int, end_ms: int) -> list[UserTrade]:
        """Executions of [start_ms, end_ms), ascending by id. Binance keeps them for 3 months."""
        trades: dict[int, UserTrade] = {}
        async for page in self._trade_pages(symbol, start_ms=start_ms, end_ms=end_ms):
            trades |= {trade.id: trade for trade in page}
        return sorted(trades.values(), key=lambda trade: trade.id)

    async def _trade_pages(
        self, symbol: str, *, start_ms: int, end_ms: int
    ) -> AsyncIterator[Sequence[UserTrade]]:
        """Weeks by time; a week too full for one page goes on by id, which excludes times."""
        for week_ms in range(start_ms, end_ms, _WEEK_MS):
            until_ms = min(week_ms + _WEEK_MS, end_ms)
            page = await self._trades(symbol, {"startTime": week_ms, "endTime": until_ms - 1})
            yield page
            while len(page) == _PAGE:
                page = await self._trades(symbol, {"fromId": page[-1].id + 1})
                yield [trade for trade in page if trade.time < until_ms]
                if page and page[-1].time >= until_ms:
                    break

    async def _trades(self, symbol: str, range_: Mapping[str, int]) -> list[UserTrade]:
        return await self._futures.call(
            "GET",
            "/fapi/v1/userTrades",
            list[UserTrade],
            {"symbol": symbol, **range_, "limit": _PAGE},
            access="signed",
            cost=weight(5),
            is_vital=True,
        )

    async def key_restrictions(self) -> KeyRestrictions | None:
        """What the key may do; None where no spot host can say."""
        if self._spot is None:
            return None
        return await self._spot.call(
            "GET", "/sapi/v1/account/apiRestrictions", KeyRestrictions, access="signed"
        )

    async def start_listen_key(self) -> str:
        """A key for the user stream, good for an hour: the present one, where there is one."""
        answer = await self._futures.call(
            "POST", "/fapi/v1/listenKey", ListenKey, access="key", is_vital=True
        )
        return answer.listen_key

    async def keep_listen_key(self) -> None:
        """Another hour. `Rejected` with code -1125 where there is none any more."""
        await self._futures.call(
            "PUT", "/fapi/v1/listenKey", ListenKey, access="key", is_vital=True
        )

    async def close_listen_key(self) -> None:
        await self._futures.call("DELETE", "/fapi/v1/listenKey", Empty, access="key")

    # -- plain orders -----------------------------------------------------------------------------

    async def place_order(self, parameters: Parameters) -> PlainOrder:
        return await self._futures.call(
            "POST",
            "/fapi/v1/order",
            PlainOrder,
            {**parameters, "newOrderRespType": "RESULT"},
            access="signed",
            cost=ONE_ORDER,
            is_vital=True,
        )

    async def order(
        self, symbol: str, *, client_order_id: str | None = None, order_id: int | None = None
    ) -> PlainOrder:
        """By one of its ids. `Rejected` with code -2013 where there is none (yet)."""
        named: Parameters = (
            {"orderId": order_id}
            if client_order_id is None and order_id is not None
            else {"origClientOrderId": client_order_id or ""}
        )
        return await self._futures.call(
            "GET",
            "/fapi/v1/order",
            PlainOrder,
            {"symbol": symbol, **named},
            access="signed",
            is_vital=True,
        )

    async def cancel_order(self, symbol: str, client_order_id: str) -> PlainOrder:
        return await self._futures.call(
            "DELETE",
            "/fapi/v1/order",
            PlainOrder,
            {"symbol": symbol, "origClientOrderId": client_order_id},
            access="signed",
            is_vital=True,
        )

    async def open_orders(self, symbol: str | None = None) -> list[PlainOrder]:
        """Plain orders only."""
        return await self._futures.call(
            "GET",
            "/fapi/v1/openOrders",
            list[PlainOrder],
            _of_symbol(symbol),
            access="signed",
            cost=_OPEN_OF_ALL if symbol is None else None,
            is_vital=True,
        )

    async def all_orders(self, symbol: str, *, start_ms: int, end_ms: int) -> list[PlainOrder]:
        """Plain orders made in [start_ms, end_ms), at most a week, ascending by id."""
        return await self._futures.call(
            "GET",
            "/fapi/v1/allOrders",
            list[PlainOrder],
            {"symbol": symbol, "startTime": start_ms, "endTime": end_ms - 1, "limit": _PAGE},
            access="signed",
            cost=weight(5),
        )

    # -- conditional orders -----------------------------------------------------------------------

    async def place_algo_order(self, parameters: Parameters) -> AlgoOrder:
        return await self._futures.call(
            "POST",
            "/fapi/v1/algoOrder",
            AlgoOrder,
            {"algoType": "CONDITIONAL", **parameters},
            access="signed",
            cost=ONE_ORDER,
            is_vital=True,
        )

    async def algo_order(self, client_algo_id: str) -> AlgoOrder:
        return await self._futures.call(
            "GET",
            "/fapi/v1/algoOrder",
            AlgoOrder,
            {"clientAlgoId": client_algo_id},
            access="signed",
            is_vital=True,
        )

    async def cancel_algo_order(self, client_algo_id: str) -> AlgoCancelled:
        return await self._futures.call(
            "DELETE",
            "/fapi/v1/algoOrder",
            AlgoCancelled,
            {"clientAlgoId": client_algo_id},
            access="signed",
            is_vital=True,
        )

    async def open_algo_orders(self, symbol: str | None = None) -> list[AlgoOrder]:
        return await self._futures.call(
            "GET",
            "/fapi/v1/openAlgoOrders",
            list[AlgoOrder],
            _of_symbol(symbol),
            access="signed",
            cost=_OPEN_OF_ALL if symbol is None else None,
            is_vital=True,
        )

    async def all_algo_orders(self, symbol: str, *, start_ms: int, end_ms: int) -> list[AlgoOrder]:
        """Conditional orders made in [start_ms, end_ms), at most a week."""
        return await self._futures.call(
            "GET",
            "/fapi/v1/allAlgoOrders",
            list[AlgoOrder],
            {"symbol": symbol, "startTime": start_ms, "endTime": end_ms - 1, "limit": _PAGE},
            access="signed",
            cost=weight(5),
            is_vital=True,
        )

    async def cancel_all_algo_orders(self, symbol: str) -> None:
        """All conditional orders of a symbol, whoever sent them."""
        await self._futures.call(
            "DELETE",
            "/fapi/v1/algoOpenOrders",
            Empty,
            {"symbol": symbol},
            access="signed",
            is_vital=True,
        )

    async def _set(self, path: str, parameters: Parameters) -> None:
        try:
            await self._futures.call("POST", path, Empty, parameters, access="signed")
        except Rejected as refused:
            if refused.code not in ALREADY_SO:
                raise


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _of_symbol(symbol: str | None) -> dict[str, str]:
    return {} if symbol is None else {"symbol": symbol}


def _row_of(symbol: str, rows: Iterable[Row]) -> Row:
    for row in rows:
        if row.symbol == symbol:
            return row
    raise DataError("the exchange left out a symbol that it was asked for", where=symbol)
