"""The account of a journal: wallet and equity as it was marked, and funding as it was paid."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from cointrader.backtest.parity import explain
from cointrader.backtest.parity.difference import number, same
from cointrader.backtest.parity.explain import Explained
from cointrader.domain.clock import DAY_MS
from cointrader.domain.position import funding_payment
from cointrader.strategy.plan import Exits

if TYPE_CHECKING:
    from cointrader.backtest.parity.replay import Replay

_MOST_MOVES = 6  # of a wallet between a bar's open and its mark
_LONGEST_ABSENCE_MS = DAY_MS  # of a process: bars before that are not made up for
_MARKED_MS = 10_000  # after a bar's open it is marked at the latest


def compare_account(replay: Replay, bar: int, time: int, equity: float) -> None:
    """The wallet as the journal marked it, against what its trades add up to."""
    facts, shadow = replay.case.facts, replay.shadow
    mark = facts.equity.get(time)
    if mark is None:
        return
    wallet, scale = float(mark.wallet), max(abs(shadow.wallet), 1.0)
    is_as_booked = any(
        same(wallet, shadow.wallet + moved, scale=scale) for moved in _moved(replay, time)
    )
    if not is_as_booked:
        why = explain.account(facts, time, wallet, shadow.wallet, shadow.wallets)
        words = f"wallet {number(wallet)}", number(shadow.wallet)
        replay.tell("", time, "account", *words, why)
        if why is None or why.cause != "stale":
            equity += wallet - shadow.wallet
            shadow.account["wallet"] = wallet
    told = float(mark.equity)
    if not same(told, equity, scale=scale):
        why = None
        if facts.is_remote and (shadow.held or not is_as_booked):
            why = Explained("mark-price", "positions are open, and valued by the exchange")
        else:
            why = explain.account(facts, time, told, equity, ())
        replay.tell("", time, "account", f"equity {number(told)}", number(equity), why)


def _moved(replay: Replay, time: int) -> list[float]:
    """By how much the wallet may have moved in this bar before it was marked.

    Nothing moves before that but at a remote exchange, where some of it counts.
    """
    facts, shadow = replay.case.facts, replay.shadow
    if not facts.is_remote:
        return [0.0]
    moves: list[tuple[int, float]] = []
    # Bars that were missed are marked by the account as it is when they are made up for.
    began_ms = facts.started_between(time, time + _LONGEST_ABSENCE_MS)
    until_ms = (time if began_ms is None else began_ms + facts.bar_ms) + _MARKED_MS
    for s, symbol in enumerate(shadow.symbols):
        moves += [(paid.at_ms, float(paid.amount)) for paid in replay.paid(symbol, time)]
        if s not in shadow.held:
            continue
        entered = shadow.held[s].entered
        for fill in facts.exits_of(entered):
            if time <= fill.at_ms < until_ms:
                away = float(fill.price) - entered.price
                gained = away * float(fill.quantity) * entered.side.sign
                moves.append((fill.at_ms, gained - float(fill.fee)))
    amounts = [amount for _, amount in sorted(moves)[:_MOST_MOVES]]
    return [
        sum(chosen) for count in range(len(amounts) + 1) for chosen in combinations(amounts, count)
    ]


def sizes_before(replay: Replay, s: int, sign: int, price: float, exits: Exits) -> list[float]:
    """Sizes of an entry by what a reading that lags behind may have shown of the wallet."""
    if not replay.case.facts.is_remote:
        return []
    shadow, wallet, found = replay.shadow, replay.shadow.wallet, []
    for earlier in shadow.wallets[:-1]:
        shadow.account["wallet"] = earlier
        found.append(shadow.size(s, sign, price, exits))
    shadow.account["wallet"] = wallet
    return found


def compare_funding(replay: Replay, bar: int, s: int, symbol: str, time: int) -> None:
    """Settlements of this bar: those of the candles against those of the journal."""
    case, shadow, facts = replay.case, replay.shadow, replay.case.facts
    told = replay.paid(symbol, time)
    payments = case.stretch.payments
    span = slice(int(payments.start[s]), int(payments.start[s + 1]))
    due = span.start + np.flatnonzero(payments.bar[span] == bar)
    has_held = s in shadow.held and shadow.held[s].entered.bar_ms < time
    if not has_held:
        due = due[:0]
    if not len(due) and not told:
        return
    sign = shadow.sign(s)
    quantity = shadow.quantity(s) if s in shadow.held else 0.0
    allowed = replay.range(bar, s)
    is_over = time > facts.last_bar_ms  # the journal may end before this settlement
    for turn in range(max(len(due), len(told))):
        expected = rate = None
        if turn < len(due):
            place = due[turn]
            rate, mark = float(payments.rate[place]), float(payments.mark[place])
            mark = shadow.candles.open[s, bar] if np.isnan(mark) else mark
            expected = float(funding_payment(sign, quantity, mark, rate))
        record = told[turn] if turn < len(told) else None
        paid = None if record is None else float(record.amount)
        is_open = s in shadow.held and facts.trade_of(shadow.held[s].entered.trade_id) is None
        if paid is None and (expected == 0.0 or (is_over and is_open)):
            continue
        if expected is None or paid is None or not same(expected, paid):
            why = explain.funding(
                facts,
                expected=expected,
                paid=paid,
                rate=rate,
                told_rate=None if record is None else float(record.rate),
                quantity=quantity,
                allowed=allowed,
                is_reversal=not has_held,
            )
            trade_id = shadow.held[s].entered.trade_id if s in shadow.held else ""
            words = _or_nothing(paid), _or_nothing(expected)
            replay.tell(symbol, time, "funding", *words, why, trade_id)
    for payment in told:
        shadow.pay(s, float(payment.amount))


def _or_nothing(value: float | None) -> str:
    return "no payment" if value is None else number(value)
