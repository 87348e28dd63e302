"""The configuration in money, for people: short lines and aligned tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cointrader.app.config import Config
from cointrader.app.config.money import Case, Entry, Money, named

_ALIGNED_LEFT = 1  # the first column: names


def money_lines(config: Config, money: Money) -> Iterator[str]:
    """`money`, which is what `config` means, line by line."""
    yield (
        f"the first entry of a wallet of {money.balance:,.2f}: {money.slots} slots, "
        f"margin ratio {money.margin_ratio:g}, leverage {money.leverage}"
    )
    if any(config.for_symbol(symbol).signal != "score" for symbol in config.symbols):
        yield "a signal rule of your own may set other stops and targets than these"
    if money.assumed_symbols:
        yield f"limits of {', '.join(money.assumed_symbols)} are not known here but assumed"
    yield ""
    yield from _capital(money)
    yield ""
    yield from _entries(config, money)
    if money.daily_loss_limit is not None:
        yield ""
        yield from _days(money)
        yield ""
        yield from _limits(money, money.daily_loss_limit)


def _capital(money: Money) -> Iterator[str]:
    case = money.largest
    if not case.held:
        yield f"no position is opened: {case.refused_next}"
        return
    rows = [
        (
            f"{held.positions} open",
            *_amount(held.margin, money),
            *_amount(held.notional, money),
        )
        for held in case.held
    ]
    yield from _table(("positions", "margin", "", "notional", ""), rows)
    if case.refused_next:
        yield f"one more is refused: {case.refused_next}"


def _entries(config: Config, money: Money) -> Iterator[str]:
    kind = "median of the candles" if money.is_measured else "of the price"
    if any(entry.atr_ratio is not None for case in money.cases for entry in case.entries):
        yield f"ATR: {kind}; gain and loss with fees of both sides and slippage"
    else:
        yield "gain and loss with fees of both sides and slippage"
    same: dict[tuple[str, ...], list[str]] = {}
    for case in money.cases:
        for entry in case.entries:
            symbols = same.setdefault(_entry_row(entry, money), [])
            if entry.symbol not in symbols:
                symbols.append(entry.symbol)
    rows = [(named(config, symbols), *row) for row, symbols in same.items()]
    heads = ("symbols", "ATR", "stop", "at stop", "", "at target", "", "liquidation", "entry")
    yield from _table(heads, rows)


def _entry_row(entry: Entry, money: Money) -> tuple[str, ...]:
    return (
        "-" if entry.atr_ratio is None else f"{entry.atr_ratio:.2%}",
        f"{entry.stop_ratio:.2%}",
        *_amount(-entry.stop_loss, money),
        *_amount(entry.target_gain, money),
        "never" if entry.liquidation_ratio is None else f"{entry.liquidation_ratio:.1%}",
        entry.refusal or "yes",
    )


def _days(money: Money) -> Iterator[str]:
    """What several positions and several losses do, for each ATR."""
    yield "all stops at once; the worst day, gaps aside; stops in a row until entries end"
    heads = ("ATR", "positions", "all stops", "", "worst day", "", "that day", "drawdown")
    yield from _table(heads, [_day_row(case, money) for case in money.cases])


def _day_row(case: Case, money: Money) -> tuple[str, ...]:
    if case.held:
        loss = _amount(-case.held[-1].stop_loss, money)
        worst = _amount(-(case.worst_day or 0.0), money)
    else:
        loss = worst = ("-", "-")
    return (
        "-" if case.atr_ratio is None else f"{case.atr_ratio:.2%}",
        f"{len(case.held)} of {money.most_positions}",
        *loss,
        *worst,
        _fewest([entry.losses_to_day_end for entry in case.entries]),
        _fewest([entry.losses_to_drawdown for entry in case.entries]),
    )


def _fewest(counts: Sequence[int | None]) -> str:
    known = [count for count in counts if count is not None]
    return str(min(known)) if known else "-"


def _limits(money: Money, daily_limit: float) -> Iterator[str]:
    yield f"MAX_DAILY_LOSS is {' '.join(_amount(daily_limit, money))}"
    if money.has_open_risk_bound:
        yield "  an entry that could pass it, if it and all open stops were hit, is refused;"
        yield "  fees and slippage of the exits come on top, and gaps"
    else:
        kind = "open positions included" if money.is_loss_marked else "realised"
        yield f"  once it is lost ({kind}) there are no more entries; the stops of all open"
        yield "  positions come on top, and gaps: OPEN_RISK_BOUND is false"
    if money.drawdown_limit is not None:
        left = money.balance - money.drawdown_limit
        yield f"MAX_DRAWDOWN is {' '.join(_amount(money.drawdown_limit, money))}"
        yield f"  entries end when equity falls to {left:,.2f} without a profit before"
    else:
        yield "MAX_DRAWDOWN is off"


def _amount(value: float, money: Money) -> tuple[str, str]:
    """An amount, and its share of the wallet."""
    return f"{value:,.2f}", f"{value / money.balance:.1%}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns as wide as they need, names to the left and numbers to the right.

    A column without a head of its own belongs to the one before it.
    """
    lines = [heads, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for line in lines:
        cells = [
            f"{text:<{width}}" if column < _ALIGNED_LEFT else f"{text:>{width}}"
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
