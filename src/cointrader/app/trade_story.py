"""One trade from its signal to its result.

Everything is read from the journal; nothing is computed anew that was written down.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from cointrader.app.bar_story import BarStory, SymbolSettings, bar_story, run_at
from cointrader.app.status import first_stop, numbered_trades, required_run
from cointrader.app.summary import slippage_cost, unslipped
from cointrader.app.words import moment, r_multiple
from cointrader.bot.holding import Holding
from cointrader.domain.clock import interval_ms
from cointrader.domain.errors import UsageError
from cointrader.domain.instrument import to_decimal
from cointrader.domain.order import Fill, Leg, OrderKind, Side
from cointrader.domain.position import CloseReason, Trade
from cointrader.domain.records import FundingPaid, Intent, PositionOpened
from cointrader.journal.reader import JournalReader
from cointrader.strategy.plan import Exits

_OPENING = (Leg.ENTRY, Leg.ADOPTED)
_LISTED = "`cointrader status` lists the last ones; trade 12 is the 12th row of a --trades file"


@dataclass(frozen=True, slots=True)
class Size:
    """What an entry asked for and how large that is, in quote currency."""

    quantity: Decimal
    notional: Decimal
    margin: Decimal
    leverage: int
    beside: tuple[tuple[str, Side], ...]  # positions that were open already
    max_positions: int


@dataclass(frozen=True, slots=True)
class Order:
    """An order of a trade."""

    client_order_id: str
    leg: Leg
    kind: OrderKind
    at_ms: int
    trigger_price: Decimal | None


@dataclass(frozen=True, slots=True)
class StopMove:
    at_ms: int | None
    stop: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """Stop and target as they were planned at the fill, and how they follow from it."""

    stop: Decimal
    stop_text: str
    target: Decimal
    target_text: str


@dataclass(frozen=True, slots=True)
class Exit:
    """How a trade ended. `order` is None where nobody of ours sent it."""

    at_ms: int
    price: Decimal
    reason: CloseReason
    client_order_id: str
    order: Order | None


@dataclass(frozen=True, slots=True)
class Result:
    """What a trade came to, in quote currency. ``net = gross - fees + funding``.

    `slippage` is inside gross already, and None where it is not known; `r` is net in units of
    what was at risk at first.
    """

    gross: Decimal
    entry_fee: Decimal
    exit_fee: Decimal
    funding: Decimal
    slippage: Decimal | None
    net: Decimal
    r: float | None


@dataclass(frozen=True, slots=True)
class TradeStory:
    """One trade from its signal to its result; `exit` and `result` are None while it is open."""

    number: int | None
    trade_id: str
    symbol: str
    side: Side
    decision: BarStory | None
    size: Size
    entry: Order
    entry_price: Decimal
    slippage_bps: float | None  # by which a simulated fill was moved; None: not known
    market_price: Decimal | None  # without it
    fills: tuple[Fill, ...]  # of the entry
    plan: Plan | None
    moves: tuple[StopMove, ...]
    funding: tuple[FundingPaid, ...]
    exit: Exit | None
    result: Result | None


def trade_id_of(reader: JournalReader, number: int | None) -> str:
    """The id of the trade that reports number so, the first is 1; of the last one for None."""
    trades = numbered_trades(reader, required_run(reader).symbols)
    if not trades:
        raise UsageError(
            "there is no closed trade yet", where=str(reader.path), todo="explain a bar instead"
        )
    if number is None:
        return trades[-1].trade_id
    if not 1 <= number <= len(trades):
        raise UsageError(
            "there is no trade of this number",
            where=str(reader.path),
            found=number,
            allowed=f"1 to {len(trades)}",
            todo=_LISTED,
        )
    return trades[number - 1].trade_id


def explain_trade(reader: JournalReader, trade_id: str) -> TradeStory:
    """The story of the trade that the entry order `trade_id` opened, closed or still open.

    Raises `UsageError` when there is no such entry, or when nothing of it was ever filled.
    """
    entry = _required_entry(reader, trade_id)
    symbol, run = entry.symbol, run_at(reader, entry.at_ms)
    settings = SymbolSettings(run, symbol)
    side = Side.LONG if entry.side is Side.LONG.entry else Side.SHORT
    trades = numbered_trades(reader, required_run(reader).symbols)
    number = next((n for n, t in enumerate(trades, 1) if t.trade_id == trade_id), None)
    trade = None if number is None else trades[number - 1]
    positions = list(reader.positions(trade_id=trade_id))
    fills = _fills(reader, entry, positions, interval_ms(run.interval))
    holding = _folded(fills, entry, side, interval_ms(run.interval))
    if not holding.bought:
        raise UsageError(
            "this entry was never filled",
            where=str(reader.path),
            found=trade_id,
            todo=f"see why: cointrader explain {moment(entry.bar_open_ms).replace(' ', 'T')} "
            f"--symbol {symbol}",
        )
    orders = _orders(reader, entry)
    is_simulated = run.mode == "paper" and entry.leg is Leg.ENTRY
    slippage_bps = float(settings.text("SLIPPAGE_BPS", "0")) if is_simulated else None
    decision = next(
        iter(reader.decisions(symbol, from_ms=entry.bar_open_ms, to_ms=entry.bar_open_ms + 1)), None
    )
    return TradeStory(
        number=number,
        trade_id=trade_id,
        symbol=symbol,
        side=side,
        decision=None if decision is None else bar_story(reader, decision, run),
        size=_size(reader, holding, settings, trades, run.symbols),
        entry=_order(entry),
        entry_price=holding.entry_price,
        slippage_bps=slippage_bps,
        market_price=(
            None
            if slippage_bps is None
            else unslipped(side.entry.sign, holding.entry_price, _fraction(slippage_bps))
        ),
        fills=tuple(fill for fill in fills if fill.side is side.entry),
        plan=_plan(entry, positions, settings),
        moves=tuple(_moves(positions, orders)),
        funding=tuple(_funding(reader, holding)),
        exit=None if trade is None else _exit(trade, holding, orders),
        result=(
            None
            if trade is None
            else _result(trade, holding, fills, slippage_bps, first_stop(reader, trade_id))
        ),
    )


def _fills(
    reader: JournalReader, entry: Intent, positions: Sequence[PositionOpened], bar_ms: int
) -> list[Fill]:
    """The fills of one trade: those of its entry, then what reduced it until it was flat."""
    own = [_taken_over(entry, positions[0])] if entry.leg is Leg.ADOPTED and positions else []
    held = sum((fill.quantity for fill in own), Decimal(0))
    for seen in reader.fills(entry.symbol, from_ms=entry.at_ms // bar_ms * bar_ms):
        fill = seen.fill
        if fill.side is entry.side:
            if fill.client_order_id != entry.client_order_id:
                continue
            held += fill.quantity
        elif held > 0:
            held -= fill.quantity
        else:
            continue  # it closed the position before
        own.append(fill)
        if held <= 0:
            break
    return own


def _taken_over(entry: Intent, position: PositionOpened) -> Fill:
    """What stands for the fills of an entry that somebody else made."""
    return Fill(
        symbol=entry.symbol,
        trade_id=-entry.at_ms,
        client_order_id=entry.client_order_id,
        side=entry.side,
        price=position.entry_price,
        quantity=position.quantity,
        fee=position.entry_fee,
        at_ms=entry.at_ms,
    )


def _folded(fills: Iterable[Fill], entry: Intent, side: Side, bar_ms: int) -> Holding:
    holding = Holding(entry.symbol, side, entry.client_order_id, bar_ms)
    for fill in fills:
        holding = holding.with_fill(fill)
    return holding


def _orders(reader: JournalReader, entry: Intent) -> list[Order]:
    """The orders of one trade: its entry and all of its symbol up to the next entry."""
    orders: list[Order] = []
    for intent in reader.intents(entry.symbol, from_ms=entry.at_ms):
        if intent.leg in _OPENING and orders:
            break
        if orders or intent.client_order_id == entry.client_order_id:
            orders.append(_order(intent))
    return orders


def _order(intent: Intent) -> Order:
    return Order(
        intent.client_order_id, intent.leg, intent.kind, intent.at_ms, intent.trigger_price
    )


def _size(
    reader: JournalReader,
    holding: Holding,
    settings: SymbolSettings,
    trades: Sequence[Trade],
    symbols: Sequence[str],
) -> Size:
    notional = holding.bought * holding.entry_price
    leverage = int(settings.text("LEVERAGE", "1"))
    return Size(
        quantity=holding.bought,
        notional=notional,
        margin=notional / leverage,
        leverage=leverage,
        beside=tuple(_beside(reader, holding, trades, symbols)),
        max_positions=int(settings.text("MAX_POSITIONS", str(len(symbols)))),
    )


def _beside(
    reader: JournalReader, holding: Holding, trades: Sequence[Trade], symbols: Sequence[str]
) -> Iterable[tuple[str, Side]]:
    """Positions of other symbols that were open when this one was opened.

    Within one bar closes by opposite signal come before entries, and all other exits after them.
    """
    bar_ms, rank = holding.bar_of(holding.entered_ms), {s: i for i, s in enumerate(symbols)}
    own_rank = rank.get(holding.symbol, len(rank))

    def was_first(symbol: str, entry_bar_ms: int) -> bool:
        served_before = rank.get(symbol, len(rank)) < own_rank
        return entry_bar_ms < bar_ms or (entry_bar_ms == bar_ms and served_before)

    for trade in trades:
        has_ended = trade.exit_time_ms < bar_ms or (
            trade.exit_time_ms == bar_ms and trade.reason is CloseReason.REVERSE
        )
        is_other = trade.symbol != holding.symbol and not has_ended
        if is_other and was_first(trade.symbol, trade.entry_time_ms):
            yield trade.symbol, trade.side
    for symbol in symbols:
        held = None if symbol == holding.symbol else reader.open_position(symbol)
        if held is not None and was_first(symbol, held.entry_bar_ms):
            yield symbol, held.side


def _fraction(bps: float) -> Decimal:
    return to_decimal(bps) / 10_000


def _plan(
    entry: Intent, positions: Sequence[PositionOpened], settings: SymbolSettings
) -> Plan | None:
    if not positions:
        return None
    exits = Exits.from_text(entry.exits)
    stop_mult, target_mult = settings.text("ATR_SL_MULT"), settings.text("ATR_TP_MULT")
    return Plan(
        stop=positions[0].stop,
        stop_text=_distance_text(exits.stop, exits.stop_is_ratio, stop_mult, settings),
        target=positions[0].target,
        target_text=_distance_text(exits.target, exits.target_is_ratio, target_mult, settings),
    )


def _distance_text(distance: float, is_ratio: bool, multiple: str, settings: SymbolSettings) -> str:
    if is_ratio:
        return f"{distance * 100:g} %"
    text = f"{distance:.6g}"
    if settings.has_score and settings.text("EXIT_MODE") == "atr":
        return f"{multiple} x ATR, {text}"
    return f"a distance of {text}"


def _moves(positions: Sequence[PositionOpened], orders: Sequence[Order]) -> Iterable[StopMove]:
    sent_ms = {o.trigger_price: o.at_ms for o in orders if o.leg is Leg.TRAIL}
    for before, after in pairwise(positions):
        if after.stop != before.stop:
            yield StopMove(sent_ms.get(after.stop), after.stop)


def _funding(reader: JournalReader, holding: Holding) -> Iterable[FundingPaid]:
    until_ms = holding.exited_ms + 1 if holding.is_closed else None
    yield from reader.funding(holding.symbol, from_ms=holding.entered_ms + 1, to_ms=until_ms)


def _exit(trade: Trade, holding: Holding, orders: Sequence[Order]) -> Exit:
    order_id = holding.exit_order_id
    return Exit(
        at_ms=holding.exited_ms or trade.exit_time_ms,
        price=trade.exit_price,
        reason=trade.reason,
        client_order_id=order_id,
        order=next((order for order in orders if order.client_order_id == order_id), None),
    )


def _result(
    trade: Trade,
    holding: Holding,
    fills: Iterable[Fill],
    slippage_bps: float | None,
    stop: Decimal | None,
) -> Result:
    return Result(
        gross=trade.gross,
        entry_fee=holding.entry_fee,
        exit_fee=trade.fee - holding.entry_fee,
        funding=trade.funding,
        slippage=None if slippage_bps is None else slippage_cost(fills, _fraction(slippage_bps)),
        net=trade.net,
        r=None if stop is None else r_multiple(trade, stop),
    )


def _required_entry(reader: JournalReader, trade_id: str) -> Intent:
    entry = next(iter(reader.intents(client_order_id=trade_id)), None)
    if entry is not None and entry.leg in _OPENING:
        return entry
    known = [record.trade.trade_id for record in reader.trades()]
    near = difflib.get_close_matches(trade_id, known, n=3, cutoff=0.0)
    raise UsageError(
        "no trade was opened by this order",
        where=str(reader.path),
        found=trade_id,
        allowed=f"for example {', '.join(near)}" if near else "none, there is no trade yet",
        todo=_LISTED,
    )
