"""What `cointrader status` and `cointrader explain` tell: lines for people, values for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from cointrader.app.words import EXITS, REFUSALS, moment, money, number, result_at_stop
from cointrader.domain.order import Leg, Side
from cointrader.domain.records import PositionOpened

if TYPE_CHECKING:  # the stories know the signal rule, which `status` need not wait for
    from cointrader.app.bar_story import BarStory, Part
    from cointrader.app.status import AccountStatus, NumberedTrade, Status, SymbolStatus
    from cointrader.app.trade_story import Exit, Order, Result, TradeStory

_BOTS = {
    "quarantined": "QUARANTINED",
    "crashed": "crashed, starts again",
    "not-traded": "not traded",
    "unprotected": "entries blocked",
    "protected": "running",
}
_LEGS = {
    Leg.ENTRY: "entry at market",
    Leg.STOP: "stop order",
    Leg.TARGET: "target order",
    Leg.TRAIL: "moved stop order",
    Leg.PASSED: "close at market, the moved stop was passed",
    Leg.CLOSE: "close at market",
    Leg.EMERGENCY: "emergency close at market",
    Leg.FLATTEN: "close at market by command",
    Leg.PROBE: "probe order",
    Leg.ADOPTED: "taken over",
}
_ACTIONS = {
    "HOLD": "do nothing",
    "ENTER": "enter {side}",
    "EXIT": "close what is held, enter nothing",
    "REVERSE": "close what is held and enter {side}",
}


def plain(value: object) -> object:
    """`value` as JSON knows it: money as the nearest float, sides in lower case."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Side):
        return value.lower()
    if isinstance(value, Leg):
        return value.name.lower()
    return str(value) if isinstance(value, Path) else value


# ------------------------------------------------------------------ status


def status_lines(status: Status) -> Iterator[str]:
    """How a run stands, for a plain terminal."""
    run = status.run
    yield f"{run.mode}, {run.market}, profile {run.profile}, version {run.version}"
    times = "once" if status.starts == 1 else f"{status.starts} times"
    span = f"{moment(status.from_ms)} to {moment(status.to_ms)} UTC"
    yield f"{span}, {run.interval} bars, started {times}; {_phase(status)}"
    yield f"journal {status.journal}"
    if status.verdict is not None:
        yield f"verdict: {status.verdict}"
    if status.models is not None:
        yield f"models when it began: {status.models}"
    yield ""
    yield from _account_lines(status.account)
    yield ""
    yield from _symbol_lines(status.symbols)
    yield ""
    yield f"  trades         {_trade_count(status)}"
    yield f"  refused        {_counts(status.refusals)}"
    for position, alert in enumerate(status.last_alerts):
        who = f"{alert.symbol}: " if alert.symbol else ""
        text = f"{moment(alert.at_ms)} {alert.level}, {who}{' '.join(alert.text.split())}"
        yield f"  {'' if position else 'last alerts':<14} {text}"
    if not status.last_alerts:
        yield "  alerts         no alert"
    for position, each in enumerate(status.last_trades):
        yield f"  {'' if position else 'last trades':<14} {_trade_line(each)}"


def _phase(status: Status) -> str:
    if status.writer is not None:
        who = "a process" if status.writer.pid is None else f"process {status.writer.pid}"
        return f"RUNNING: {who} writes it since {moment(status.writer.since_ms)} UTC"
    return {
        "finished": "finished",
        "resumable": f"stopped before its end: cointrader paper --resume {status.journal}",
    }.get(status.phase, "not running")


def _account_lines(account: AccountStatus) -> Iterator[str]:
    yield f"  wallet         {account.wallet:>12,.2f}   began with {account.base:,.2f}"
    yield f"  equity         {account.equity:>12,.2f}   open positions {money(account.unrealised)}"
    yield f"  open risk      {account.open_risk:>12,.2f}   lost from here if every stop is hit"
    if account.day_loss is not None:
        loss = (
            ""
            if account.day_loss_ratio is None
            else _of_limit(account.day_loss_ratio, account.max_daily_loss, "lost")
        )
        yield f"  today          {money(-account.day_loss):>12}   {loss}"
    if account.drawdown_ratio is not None and account.high_water is not None:
        text = _of_limit(account.drawdown_ratio, account.max_drawdown, "below the highest equity")
        yield f"  drawdown       {account.high_water - account.equity:>12,.2f}   {text}"
    yield f"  entries        {_entries(account)}"
    yield f"  halted days    {account.halted_days}"


def _of_limit(ratio: float, limit: float | None, words: str) -> str:
    allowed = "no limit" if limit is None else f"limit {limit:.1%}"
    return f"{max(ratio, 0.0):.1%} {words}, {allowed}"


def _entries(account: AccountStatus) -> str:
    """Whether the account may open positions, and all that speaks against it."""
    against = [
        ("PAUSED", "paused", account.is_paused),
        ("WAITING", "unknown-result", bool(account.unknown_results)),
        ("HALTED", "daily-loss", account.is_day_halted),
        ("HALTED", "drawdown", account.is_drawdown_halted),
    ]
    found = [f"{word}: {REFUSALS[reason]}" for word, reason, is_so in against if is_so]
    if account.unknown_results:
        found.append(f"results not known: {', '.join(account.unknown_results)}")
    return "; ".join(found) or "allowed"


def _symbol_lines(symbols: Sequence[SymbolStatus]) -> Iterator[str]:
    yield (
        f"  {'symbol':<14} {'bot':<21} {'trades':>6} {'net':>12}   {'last decision':<24} position"
    )
    for each in symbols:
        held = "none" if each.position is None else str(each.position.side)
        yield (
            f"  {each.symbol:<14} {_BOTS.get(each.bot, each.bot):<21} {each.trades:>6,} "
            f"{money(each.net):>12}   {_last_decision(each):<24} {held}"
        )
        if each.position is not None:
            yield f"  {'':<14} {_position(each.position)}"
        if each.detail:
            yield f"  {'':<14} {each.detail}"
        for reason in each.kill_switches:
            yield f"  {'':<14} {reason}: {REFUSALS[reason]}"


def _last_decision(each: SymbolStatus) -> str:
    last = each.last_decision
    return "none" if last is None else f"{moment(last.bar_open_ms)} {last.action}"


def _position(held: PositionOpened) -> str:
    return (
        f"{held.side} {number(held.quantity)} at {number(held.entry_price)}, "
        f"stop {number(held.stop)} ({money(result_at_stop(held))}), target {number(held.target)}"
    )


def _trade_count(status: Status) -> str:
    return f"{status.trades:,}, net {money(status.net)}" if status.trades else "no trade yet"


def _trade_line(each: NumberedTrade) -> str:
    trade = each.trade
    r = "" if each.r is None else f" ({each.r:+.1f} R)"
    return (
        f"#{each.number} {trade.trade_id}  {moment(trade.exit_time_ms)} {trade.side} "
        f"{EXITS[trade.reason]}, net {money(trade.net)}{r}"
    )


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "nothing"


# ------------------------------------------------------------------ a bar


def bars_lines(bars: Sequence[BarStory]) -> Iterator[str]:
    """The answers to one bar, symbol by symbol."""
    for position, bar in enumerate(bars):
        if position:
            yield ""
        yield f"{bar.symbol}, bar {moment(bar.bar_open_ms)} to {moment(bar.closed_ms)} UTC"
        yield from _bar_lines(bar)
        if bar.trade_id is not None:
            yield f"  became         {bar.trade_id}: cointrader explain {bar.trade_id}"
        if bar.entered_id is not None:
            yield f"  at its open    {bar.entered_id} was entered, as the bar before had decided"


def _bar_lines(bar: BarStory) -> Iterator[str]:
    action = _ACTIONS.get(bar.action, bar.action).format(side=bar.side or "")
    yield f"  answer         {bar.action}: {action}"
    yield f"  signal         {_signal(bar)}"
    for part in bar.parts:
        yield f"  {'':<14} {_part(part)}"
    if bar.gate:
        yield f"  why not        {bar.gate}: {bar.gate_text}"
    if bar.probability is not None:
        yield f"  probability    {bar.probability:.3f}"
    if bar.refusal:
        yield f"  refused        {bar.refusal}: {bar.refusal_text}"
    if bar.detail and bar.detail not in (bar.gate, "no-signal"):
        yield f"  {'':<14} {bar.detail}"


def _signal(bar: BarStory) -> str:
    needed = "" if bar.threshold is None else f", {bar.threshold} needed"
    return f"{bar.side or 'none'}, score {bar.score}{needed}"


def _part(part: Part) -> str:
    return f"{part.text}: +{part.points} for {part.side}"


# ------------------------------------------------------------------ a trade


def trade_lines(story: TradeStory) -> Iterator[str]:
    """A trade from its signal to its result."""
    count = "" if story.number is None else f"#{story.number} "
    yield f"{count}{story.trade_id}: {story.side} {story.symbol}, {_outcome(story)}"
    yield ""
    if story.decision is None:
        yield "  decided by     nothing that this journal knows"
    else:
        bar = story.decision
        yield f"  decided by     bar {moment(bar.bar_open_ms)} to {moment(bar.closed_ms)} UTC"
        yield from _bar_lines(bar)
    yield from _entry_lines(story)
    if story.plan is not None:
        plan = story.plan
        yield f"  stop           {number(plan.stop)}, {plan.stop_text} from the fill"
        yield f"  target         {number(plan.target)}, {plan.target_text} from the fill"
    for move in story.moves:
        when = "" if move.at_ms is None else f"{moment(move.at_ms)} "
        yield f"  stop moved     {when}to {number(move.stop)}"
    for paid in story.funding:
        rate = f"rate {paid.rate * 100:+.4f} %"
        yield f"  funding        {moment(paid.at_ms)} {money(paid.amount)}, {rate}"
    if story.exit is not None:
        yield from _exit_lines(story.exit)
    if story.result is not None:
        yield ""
        yield from _result_lines(story.result)


def _outcome(story: TradeStory) -> str:
    if story.exit is None or story.result is None:
        return "still open"
    return f"{EXITS[story.exit.reason]}, net {money(story.result.net)}"


def _entry_lines(story: TradeStory) -> Iterator[str]:
    size = story.size
    beside = ", ".join(f"{symbol} {side}" for symbol, side in size.beside) or "nothing"
    yield (
        f"  size           {number(size.quantity)}, worth {size.notional:,.2f}: "
        f"margin {size.margin:,.2f} at leverage {size.leverage}"
    )
    yield (
        f"  slot           {len(size.beside) + 1} of {size.max_positions}, open before it: {beside}"
    )
    when, price = moment(story.entry.at_ms), number(story.entry_price)
    if story.entry.leg is Leg.ADOPTED:
        yield f"  taken over     {when}, entered by somebody else at {price}"
    else:
        yield f"  entered        {when} at {price}, {_slip(story)}"
    if len(story.fills) > 1:
        for fill in story.fills:
            yield f"  {'':<14} {number(fill.quantity)} at {number(fill.price)}"


def _slip(story: TradeStory) -> str:
    if story.slippage_bps is None or story.market_price is None:
        return "slippage not known"
    if not story.slippage_bps:
        return "the bar's open, no slippage"
    return f"{story.slippage_bps:g} bps worse than the bar's open of {number(story.market_price)}"


def _exit_lines(end: Exit) -> Iterator[str]:
    yield f"  ended          {moment(end.at_ms)} at {number(end.price)}: {EXITS[end.reason]}"
    yield f"  by             {_by(end.order) or 'an order that is not ours'} {end.client_order_id}"


def _by(order: Order | None) -> str:
    if order is None:
        return ""
    at = "" if order.trigger_price is None else f" at {number(order.trigger_price)}"
    return f"{_LEGS[order.leg]}{at},"


def _result_lines(result: Result) -> Iterator[str]:
    known = result.slippage is not None
    slippage = f"   after slippage of {result.slippage:,.2f}" if known else ""
    yield f"  gross          {money(result.gross):>12}{slippage}"
    yield f"  entry fee      {money(-result.entry_fee):>12}"
    yield f"  exit fee       {money(-result.exit_fee):>12}"
    yield f"  funding        {money(result.funding):>12}"
    r = "" if result.r is None else f"   {result.r:+.2f} R, R being what was at risk at first"
    yield f"  net            {money(result.net):>12}{r}"
