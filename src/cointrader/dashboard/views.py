"""Records into rows of pages. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cointrader.dashboard import answers
from cointrader.domain.instrument import LeverageBracket
from cointrader.domain.order import Side
from cointrader.domain.position import (
    CloseReason,
    Position,
    Trade,
    gross_pnl,
    liquidation_price,
)
from cointrader.domain.records import Alert, BotState, Decision, PositionOpened
from cointrader.journal.page_trades import TradeSums

_ZERO = Decimal(0)
REFUSED = "REFUSED"  # what an entry that somebody said no to is counted as

Times = NDArray[np.int64]
Floats = NDArray[np.float64]
Places = NDArray[np.intp]


def side_name(side: Side | None) -> answers.SideName | None:
    """A side as pages name it."""
    return None if side is None else "long" if side is Side.LONG else "short"


def named(side: Side) -> answers.SideName:
    return "long" if side is Side.LONG else "short"


def answered(action: str, refusal: str) -> str:
    """What a bar came to. An opposite signal did close its position, whatever was refused then."""
    return REFUSED if action == "ENTER" and refusal else action


# -- positions ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mark:
    """A price and when it was; `at_ms` None: nobody knows."""

    price: float
    at_ms: int | None


def inferred_mark(
    held: Sequence[PositionOpened], unrealised: Decimal, at_ms: int | None
) -> Mark | None:
    """The price at which the only open position is worth what the account says; else None."""
    if len(held) != 1 or not held[0].quantity:
        return None
    only = held[0]
    price = only.entry_price + unrealised / only.quantity * only.side.sign
    return Mark(float(price), at_ms)


def position_row(
    held: PositionOpened,
    mark: Mark | None,
    *,
    leverage: int | None,
    brackets: Sequence[LeverageBracket],
    at_stop: Decimal,
    liquidation: Decimal | None = None,
    is_protected: bool | None = None,
) -> answers.Position:
    """An open position, and how far it is from its ends.

    `liquidation` is the exchange's own price; where it is not known it is reckoned, without
    brackets as where the margin is gone, a little later than the exchange's. `at_stop` is what
    the position wins or loses at its stop, before costs.
    """
    sign = held.side.sign
    price = None if mark is None else Decimal(repr(mark.price))
    unrealised = None if price is None else gross_pnl(sign, held.entry_price, price, held.quantity)
    margin = None if not leverage else held.quantity * held.entry_price / leverage
    level = liquidation or _liquidation(held, leverage, brackets)
    return answers.Position(
        symbol=held.symbol,
        side=named(held.side),
        trade_id=held.trade_id,
        quantity=float(held.quantity),
        entry_price=float(held.entry_price),
        entry_ms=held.entry_bar_ms,
        stop=float(held.stop),
        target=float(held.target),
        at_stop=float(at_stop),
        mark=None if mark is None else mark.price,
        mark_ms=None if mark is None else mark.at_ms,
        unrealised=None if unrealised is None else float(unrealised),
        unrealised_ratio=None if unrealised is None or not margin else float(unrealised / margin),
        stop_distance=_distance(price, held.stop, sign),
        target_distance=_distance(price, held.target, -sign),
        liquidation_price=None if level is None else float(level),
        liquidation_distance=None if level is None else _distance(price, level, sign),
        is_liquidation_told=bool(liquidation),
        is_protected=is_protected,
    )


def bare_row(
    held: Position, *, mark: Decimal, mark_ms: int | None, is_ours: bool, text: str
) -> answers.BarePosition:
    """A position as the exchange has it, of which no levels are known."""
    sign, level = held.side.sign, held.liquidation_price
    return answers.BarePosition(
        symbol=held.symbol,
        side=named(held.side),
        quantity=float(held.quantity),
        entry_price=float(held.entry_price),
        mark=float(mark),
        mark_ms=mark_ms,
        unrealised=float(gross_pnl(sign, held.entry_price, mark, held.quantity)),
        liquidation_price=None if level is None else float(level),
        liquidation_distance=None if level is None else _distance(mark, level, sign),
        is_ours=is_ours,
        text=text,
    )


def _distance(price: Decimal | None, level: Decimal, sign: int) -> float | None:
    """How far the price is on the right side of a level below it (+1) or above it (-1)."""
    return float((price - level) * sign / price) if price else None


def _liquidation(
    held: PositionOpened, leverage: int | None, brackets: Sequence[LeverageBracket]
) -> Decimal | None:
    if not leverage or not held.quantity:
        return None
    level = liquidation_price(
        held.side.sign,
        held.entry_price,
        held.quantity,
        Decimal(1) / leverage,
        [bracket.maintenance_margin_ratio for bracket in brackets],
        [bracket.maintenance_amount for bracket in brackets],
    )
    return level if level > 0 else None


# -- rows -----------------------------------------------------------------------------------------


def symbol_row(
    symbol: str,
    bot: BotState | None,
    *,
    is_running: bool,
    side: Side | None,
    last: Decision | None,
    trades: tuple[int, float],
    kill_switches: Iterable[str],
) -> answers.SymbolRow:
    """One symbol and its bot; `trades` are how many closed, and their net.

    Without a process a bot that runs, or starts again, is stopped.
    """
    state = "unknown" if bot is None else bot.state
    if not is_running and state in ("running", "crashed"):
        state = "stopped"
    return answers.SymbolRow(
        symbol=symbol,
        state=state,
        detail="" if bot is None else " ".join(bot.detail.split()),
        side=side_name(side),
        last_bar_ms=None if last is None else last.bar_open_ms,
        last_action=None if last is None else last.action,
        last_refusal="" if last is None else last.refusal,
        trades=trades[0],
        net=trades[1],
        kill_switches=list(kill_switches),
    )


def trade_slippage(trade: Trade, ratio: Decimal | None) -> Decimal | None:
    """What fills that were each moved by `ratio` against us cost; None where they were not.

    A liquidation fills at the bankruptcy price, which is moved by nothing.
    """
    if ratio is None:
        return None
    moved = [(trade.side.entry.sign, trade.entry_price)]
    if trade.reason is not CloseReason.LIQUIDATED:
        moved.append((trade.side.exit.sign, trade.exit_price))
    costs = ((price - price / (1 + sign * ratio)) * sign for sign, price in moved)
    return sum(costs, _ZERO) * trade.quantity


def trade_row(
    trade: Trade, *, text: str, r: float | None, slippage: Decimal | None
) -> answers.TradeRow:
    return answers.TradeRow(
        trade_id=trade.trade_id,
        symbol=trade.symbol,
        side=named(trade.side),
        entry_ms=trade.entry_time_ms,
        exit_ms=trade.exit_time_ms,
        entry_price=float(trade.entry_price),
        exit_price=float(trade.exit_price),
        quantity=float(trade.quantity),
        reason=str(trade.reason),
        reason_text=text,
        gross=float(trade.gross),
        slippage=None if slippage is None else float(slippage),
        fee=float(trade.fee),
        funding=float(trade.funding),
        net=float(trade.net),
        r=r,
    )


def alert_row(alert: Alert) -> answers.AlertRow:
    return answers.AlertRow(
        at_ms=alert.at_ms,
        level=alert.level,
        symbol=alert.symbol,
        text=" ".join(alert.text.split()),
    )


def thinned(at_ms: Times, values: Floats, most: int) -> Places:
    """Which points of a curve to draw: at most `most` (4 or more) of them.

    The first and the last stay, and of each of equal spans of time the lowest and the highest.
    Both of shape (n,), `at_ms` ascending; the answer ascends too.
    """
    if len(at_ms) <= most:
        return np.arange(len(at_ms))
    first = int(at_ms[0])
    width = -(-(int(at_ms[-1]) - first + 1) // ((most - 2) // 2))
    begins = np.flatnonzero(np.diff((at_ms - first) // width, prepend=-1))
    chosen = {0, len(at_ms) - 1}
    for begin, end in pairwise((*begins.tolist(), len(at_ms))):
        part = values[begin:end]
        chosen |= {begin + int(part.argmin()), begin + int(part.argmax())}
    return np.array(sorted(chosen))


def equity_points(
    curve: Iterable[tuple[int, float, float]],
) -> list[answers.EquityPoint]:
    """Points of (time, equity, wallet)."""
    return [
        answers.EquityPoint(at_ms=at_ms, equity=equity, wallet=wallet)
        for at_ms, equity, wallet in curve
    ]


def counted(counts: Mapping[str, int], texts: Mapping[str, str]) -> list[answers.Count]:
    """Counts in words, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [answers.Count(key=key, text=texts.get(key, key), count=count) for key, count in ordered]


# -- costs ----------------------------------------------------------------------------------------


def sums_slippage(sums: TradeSums, ratio: float) -> float:
    """What slippage took from these trades, whose fills were each moved by `ratio`."""
    up, down = ratio / (1 + ratio), ratio / (1 - ratio)
    into, out = (up, down) if sums.side is Side.LONG else (down, up)
    return sums.entered * into + (0.0 if sums.is_liquidated else sums.left * out)


def costs_of(key: str, sums: Sequence[TradeSums], ratio: float | None) -> answers.Costs:
    """These trades added up; `ratio` None: their slippage is not known."""
    gross = math.fsum(each.gross for each in sums)
    slippage = None if ratio is None else math.fsum(sums_slippage(each, ratio) for each in sums)
    return answers.Costs(
        key=key,
        trades=sum(each.trades for each in sums),
        wins=sum(each.wins for each in sums),
        before_costs=gross + (slippage or 0.0),
        slippage=slippage,
        gross=gross,
        fee=math.fsum(each.fee for each in sums),
        funding=math.fsum(each.funding for each in sums),
        net=math.fsum(each.net for each in sums),
    )


def cost_page(
    sums: Sequence[TradeSums], ratio: float | None, why_no_slippage: str
) -> answers.CostPage:
    """Costs of all these trades, and of each symbol, worst net first."""
    by_symbol: dict[str, list[TradeSums]] = {}
    for each in sums:
        by_symbol.setdefault(each.symbol, []).append(each)
    rows = [costs_of(symbol, own, ratio) for symbol, own in by_symbol.items()]
    return answers.CostPage(
        total=costs_of("", sums, ratio),
        symbols=sorted(rows, key=lambda row: (row.net, row.key)),
        why_no_slippage=why_no_slippage,
    )
