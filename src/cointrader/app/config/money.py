"""What a configuration means in money: the first entry of an account, and what losing costs.

Every amount comes from the functions that size and judge real entries (`risk.sizing`, `risk.book`,
`risk.limits`, `strategy.plan`); here they are only asked. Limits of a symbol are those of the
simulated exchange. Amounts are in quote currency, ratios are fractions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cointrader.app.config.config import Config, SymbolConfig
from cointrader.bot.settings import exit_settings
from cointrader.domain.instrument import Instrument, to_decimal
from cointrader.domain.order import Side
from cointrader.domain.position import gross_pnl, slipped
from cointrader.exchange.simulated.instruments import (
    known_instrument,
    plausible_instrument,
    unconstrained,
)
from cointrader.risk.book import Refusal, RiskBook, Situation
from cointrader.risk.limits import (
    RiskLimits,
    daily_loss_reached,
    drawdown_reached,
    open_risk_exceeded,
)
from cointrader.risk.sizing import (
    entry_liquidation_price,
    entry_notional,
    margin_ratio,
    size_entry,
)
from cointrader.strategy.plan import stop_level, target_level

TYPICAL_ATR_RATIOS = (0.003, 0.005, 0.01)  # of a 15m candle: a calm, a usual and a wild market
_MOST_LOSSES = 1_000  # in a row; more are not counted


@dataclass(frozen=True, slots=True)
class Measured:
    """What stored candles say of a symbol: median ATR as a fraction of the close, last close."""

    atr_ratio: float
    price: float


@dataclass(frozen=True, slots=True)
class Entry:
    """The first entry of one symbol, and how it may end. `atr_ratio` is None for percent exits."""

    symbol: str
    atr_ratio: float | None
    stop_ratio: float  # distance from the fill
    target_ratio: float
    notional: float
    margin: float
    entry_fee: float
    risk: float  # lost between fill and stop, before costs
    stop_loss: float  # positive, with the fees of both sides and the slippage of the exit
    target_gain: float  # likewise
    liquidation_ratio: float | None  # distance from the fill; None: never liquidated
    refusals: tuple[Refusal, ...] = ()  # why it would not be made: what the account says first
    losses_to_day_end: int | None = None  # stopped one after another; None: not before a thousand
    losses_to_drawdown: int | None = None

    @property
    def refusal(self) -> str:
        """The first reason key, empty when the entry would be made."""
        return self.refusals[0].reason if self.refusals else ""


@dataclass(frozen=True, slots=True)
class Held:
    """So many positions open at once: what they take, and lose if all stops are hit."""

    positions: int
    margin: float
    notional: float
    stop_loss: float
    exit_costs: float  # of that loss: fees and slippage of the exits


@dataclass(frozen=True, slots=True)
class Case:
    """All symbols at one ATR. `atr_ratio` is None where each has its own, or needs none."""

    atr_ratio: float | None
    entries: tuple[Entry, ...]
    held: tuple[Held, ...]  # with one position, two, ... as far as they are let in
    refused_next: str  # why no further symbol is; empty when all have a position
    worst_day: float | None  # at most lost in a day, gaps aside; None: no limit holds


@dataclass(frozen=True, slots=True)
class Money:
    """The configuration in money, for a wallet of `balance` at the very first entry."""

    balance: float
    slots: int
    most_positions: int
    margin_ratio: float
    leverage: int
    daily_loss_limit: float | None
    has_open_risk_bound: bool
    is_loss_marked: bool  # open positions count towards the day's loss
    drawdown_limit: float | None
    is_measured: bool  # the ATR is that of stored candles
    assumed_symbols: tuple[str, ...]  # whose limits are a guess
    cases: tuple[Case, ...]

    @property
    def largest(self) -> Case:
        """The case that takes the most margin: with account sizing they take the same."""
        return max(self.cases, key=lambda case: sum(held.margin for held in case.held))


def measured(folder: Path, config: Config) -> dict[str, Measured]:
    """The median ATR of each symbol's stored candles; `DataError` where there are none."""
    import numpy as np  # with TA-Lib and polars: only for those who ask

    from cointrader.domain.errors import MissingCandles
    from cointrader.market.source import FolderSource
    from cointrader.signals.indicators import atr

    source = FolderSource(folder, config.symbols, config.interval, ())
    found: dict[str, Measured] = {}
    for symbol in config.symbols:
        columns = source.candles(symbol).columns
        period = config.for_symbol(symbol).atr_period
        if len(columns) <= period:
            raise MissingCandles(
                f"too few candles of {symbol} for an ATR",
                where=str(folder),
                found=len(columns),
                allowed=f"more than {period}",
            )
        ratios = atr(columns.high, columns.low, columns.close, period) / columns.close
        found[symbol] = Measured(float(np.nanmedian(ratios)), columns.close.item(-1))
    return found


def in_money(
    config: Config, balance: float, candles: Mapping[str, Measured] | None = None
) -> Money:
    """What `config` means for an account that is first started with `balance`.

    `candles` are the `measured` ones; without them typical ATRs are gone through.
    """
    limits = RiskLimits.of(config)
    desk = _Desk(config, limits, balance, candles or {})
    needs_atr = any(config.for_symbol(symbol).exit_mode == "atr" for symbol in config.symbols)
    atr_ratios = TYPICAL_ATR_RATIOS if needs_atr and not candles else (None,)
    limited = not limits.is_unlimited
    return Money(
        balance=balance,
        slots=limits.slots,
        most_positions=min(len(config.symbols), limits.max_positions),
        margin_ratio=desk.margin_ratio(balance),
        leverage=config.leverage,
        daily_loss_limit=limits.max_daily_loss * balance if limited else None,
        has_open_risk_bound=limits.has_open_risk_bound,
        is_loss_marked=limits.is_loss_marked,
        drawdown_limit=None if limits.max_drawdown is None else limits.max_drawdown * balance,
        is_measured=bool(candles) and needs_atr,
        assumed_symbols=tuple(
            s for s in config.symbols if config.use_filters and known_instrument(s) is None
        ),
        cases=tuple(desk.case(atr_ratio) for atr_ratio in atr_ratios),
    )


class _Desk:
    """Asks the rules about one configuration and balance."""

    def __init__(
        self,
        config: Config,
        limits: RiskLimits,
        balance: float,
        candles: Mapping[str, Measured],
    ) -> None:
        self.limits, self.balance, self.candles = limits, balance, candles
        self.views = {symbol: config.for_symbol(symbol) for symbol in config.symbols}
        self.instruments = {
            symbol: _instrument(symbol, candles.get(symbol), is_real=config.use_filters)
            for symbol in config.symbols
        }

    def case(self, atr_ratio: float | None) -> Case:
        entries = tuple(self._judged(self.entry(symbol, atr_ratio)) for symbol in self.views)
        held, refused = self._held(entries)
        return Case(atr_ratio, entries, held, refused, self._worst_day(held))

    def margin_ratio(self, wallet: float) -> float:
        limits = self.limits
        return margin_ratio(
            wallet,
            self.balance,
            limits.margin_max_ratio,
            limits.margin_min_ratio,
            limits.margin_decay_rate,
            limits.is_decay_relative,
        )

    def entry(self, symbol: str, atr_ratio: float | None, wallet: float | None = None) -> Entry:
        """An entry at `wallet` (the balance when left out), judged by its size alone."""
        view, wallet = self.views[symbol], self.balance if wallet is None else wallet
        seen = self.candles.get(symbol)
        price = 1.0 if seen is None else seen.price
        atr_ratio = atr_ratio if seen is None else seen.atr_ratio
        exits = exit_settings(view).exits((atr_ratio or 0.0) * price)
        stop, target = exits.stop_distance(price), exits.target_distance(price)
        quantity, refusals = self._quantity(symbol, price, stop, wallet)
        notional = quantity * price
        return Entry(
            symbol=symbol,
            atr_ratio=atr_ratio if view.exit_mode == "atr" else None,
            stop_ratio=stop / price,
            target_ratio=target / price,
            notional=notional,
            margin=notional / self.limits.leverage,
            entry_fee=notional * self.limits.taker_fee,
            risk=quantity * stop,
            stop_loss=max(
                -_net(side, price, stop_level(side.sign, price, stop), quantity, view)
                for side in Side
            ),
            target_gain=min(
                _net(side, price, target_level(side.sign, price, target), quantity, view)
                for side in Side
            ),
            liquidation_ratio=self._liquidation_ratio(symbol, price, quantity),
            refusals=refusals,
        )

    def _quantity(
        self, symbol: str, price: float, stop: float, wallet: float
    ) -> tuple[float, tuple[Refusal, ...]]:
        """The quantity, rounded as it would be sent, and what its size alone is refused for."""
        limits, instrument = self.limits, self.instruments[symbol]
        sizes = [
            size_entry(
                side,
                price=price,
                stop_distance=stop,
                snapshot=wallet,
                base=self.balance,
                instrument=instrument,
                limits=limits,
            )
            for side in Side
        ]
        refusals = [size for size in sizes if isinstance(size, Refusal)]
        if not refusals:
            return min(float(size) for size in sizes if not isinstance(size, Refusal)), ()
        notional = entry_notional(
            limits.sizing,
            wallet,
            limits.slots,
            self.margin_ratio(wallet),
            limits.leverage,
            price,
            stop,
            limits.risk_per_trade,
            limits.fixed_notional,
        )
        return float(instrument.quantity(max(notional, 0.0) / price)), (refusals[0],)

    def _liquidation_ratio(self, symbol: str, price: float, quantity: float) -> float | None:
        """How far the nearer liquidation price of the two sides is; None without brackets."""
        instrument = self.instruments[symbol]
        if not instrument.brackets or quantity <= 0.0:
            return None
        levels = [
            entry_liquidation_price(
                side,
                price=price,
                quantity=quantity,
                leverage=self.limits.leverage,
                instrument=instrument,
            )
            for side in Side
        ]
        return min(abs(price - level) for level in levels) / price

    def _held(self, entries: Sequence[Entry]) -> tuple[tuple[Held, ...], str]:
        """Open one symbol after the other, on whichever side is let in."""
        book, fees, held, refused = RiskBook(self.limits), 0.0, Held(0, 0.0, 0.0, 0.0, 0.0), ""
        steps: list[Held] = []
        for entry in entries:
            taken = entry.refusal or self._taken(book, entry, fees)
            if isinstance(taken, str):
                refused = refused or taken
                continue
            book, fees = taken, fees + entry.entry_fee
            held = Held(
                held.positions + 1,
                held.margin + entry.margin,
                held.notional + entry.notional,
                held.stop_loss + entry.stop_loss,
                held.exit_costs + entry.stop_loss - entry.entry_fee - entry.risk,
            )
            steps.append(held)
        return tuple(steps), refused

    def _taken(self, book: RiskBook, entry: Entry, fees: float) -> RiskBook | str:
        """The book with `entry` in it, or the reason key of its refusal."""
        answer = self._asked(book, entry, Side.LONG, fees)
        if isinstance(answer, Refusal) and answer.reason == "same-direction":
            answer = self._asked(book, entry, Side.SHORT, fees)
        return answer.reason if isinstance(answer, Refusal) else answer

    def _asked(self, book: RiskBook, entry: Entry, side: Side, fees: float) -> RiskBook | Refusal:
        situation = Situation(
            snapshot=self.balance,
            day_start=self.balance,
            day_now=self.balance - fees,
            free_margin=self.balance,
        )
        margin = entry.margin + entry.entry_fee
        return book.reserve(entry.symbol, side, situation, margin=margin, risk=entry.risk)

    def _judged(self, entry: Entry) -> Entry:
        """The entry with the book's own refusal, which goes first, and its runs of losses."""
        answer = self._asked(RiskBook(self.limits), entry, Side.LONG, 0.0)
        if isinstance(answer, Refusal):
            entry = replace(entry, refusals=(answer, *entry.refusals))
        if self.limits.is_unlimited:
            return entry
        return replace(
            entry,
            losses_to_day_end=self._losses(entry, self._ends_day),
            losses_to_drawdown=None
            if self.limits.max_drawdown is None
            else self._losses(entry, self._ends_all),
        )

    def _losses(self, first: Entry, is_over: Callable[[float, Entry], bool]) -> int | None:
        """After how many stops in a row no further entry is made; None: not within a thousand."""
        wallet, entry = self.balance, first
        for losses in range(_MOST_LOSSES):
            if entry.refusal or is_over(wallet, entry):
                return losses
            wallet -= entry.stop_loss
            entry = self.entry(first.symbol, first.atr_ratio, wallet)
        return None

    def _ends_day(self, wallet: float, entry: Entry) -> bool:
        limits = self.limits
        return daily_loss_reached(self.balance, wallet, limits.max_daily_loss) or (
            limits.has_open_risk_bound
            and open_risk_exceeded(self.balance, wallet, 0.0, entry.risk, limits.max_daily_loss)
        )

    def _ends_all(self, wallet: float, entry: Entry) -> bool:
        del entry
        most = self.limits.max_drawdown
        return most is not None and drawdown_reached(self.balance, wallet, most)

    def _worst_day(self, held: Sequence[Held]) -> float | None:
        """The daily limit and what may come on top of it once entries have ended."""
        if self.limits.is_unlimited:
            return None
        if not held:
            return 0.0
        on_top = held[-1].exit_costs if self.limits.has_open_risk_bound else held[-1].stop_loss
        return self.limits.max_daily_loss * self.balance + on_top


def _instrument(symbol: str, seen: Measured | None, *, is_real: bool) -> Instrument:
    """The symbol's limits. Without a price there is no quantity: what limits that is left out."""
    if not is_real:
        return unconstrained(symbol)
    if seen is not None:
        return plausible_instrument(symbol, (seen.price,))
    instrument = plausible_instrument(symbol, ())
    return replace(instrument, step_size=None, min_quantity=to_decimal(0), max_quantity=None)


def _net(side: Side, fill: float, level: float, quantity: float, view: SymbolConfig) -> float:
    """What a trade adds to the wallet when its exit triggers at `level`.

    The slippage of the entry is in its fill already, and the levels are measured from that.
    """
    exit_price = slipped(-side.sign, level, view.slippage)
    fees = (fill + exit_price) * quantity * view.taker_fee
    return gross_pnl(side.sign, fill, exit_price, quantity) - fees


def money_warnings(config: Config, money: Money) -> Iterator[str]:
    """What the configuration makes impossible, or not what it seems."""
    yield from _above_leverage(config, money)
    for text, told in _refusals(money).items():
        symbols = tuple(dict.fromkeys(symbol for symbol, _ in told))
        atr_ratios = sorted({atr_ratio for _, atr_ratio in told if atr_ratio is not None})
        is_always = len(told) == len(symbols) * len(money.cases) or not atr_ratios
        when = "" if is_always else f" at an ATR of {_list(f'{r:.2%}' for r in atr_ratios)}"
        yield f"{named(config, symbols)}: no entry{when or ' ever'}: {text}"
    case = money.largest
    if case.held and case.refused_next == "margin":
        yield (
            f"only {case.held[-1].positions} of {money.most_positions} positions fit: margin and "
            "entry fee of the next one are more than what is free"
        )


def _refusals(money: Money) -> dict[str, list[tuple[str, float | None]]]:
    """Why entries would not be made: the sentence, and for which symbols and ATRs it holds."""
    found: dict[str, list[tuple[str, float | None]]] = {}
    for case in money.cases:
        for entry in case.entries:
            for refusal in entry.refusals:
                text = _sentence(refusal, money)
                found.setdefault(text, []).append((entry.symbol, entry.atr_ratio))
    return found


def _sentence(refusal: Refusal, money: Money) -> str:
    if refusal.reason == "open-risk":
        return f"one stop would lose more than MAX_DAILY_LOSS, {money.daily_loss_limit:,.2f}"
    return f"{refusal.detail} ({refusal.reason})"


def _above_leverage(config: Config, money: Money) -> Iterator[str]:
    """Positions that the exchange would not allow at this leverage."""
    too_high: dict[int, list[str]] = {}
    for entry in money.largest.entries:
        instrument = _instrument(entry.symbol, None, is_real=config.use_filters)
        most = instrument.max_notional(config.leverage)
        if config.leverage > instrument.max_leverage:
            too_high.setdefault(instrument.max_leverage, []).append(entry.symbol)
        elif most is not None and entry.notional > float(most):
            yield (
                f"{entry.symbol}: a position of {entry.notional:,.2f} is more than the "
                f"{most:,.0f} that the exchange allows at LEVERAGE = {config.leverage}"
            )
    for highest, symbols in too_high.items():
        yield (
            f"LEVERAGE = {config.leverage} is more than {named(config, symbols)} allow"
            f"{'s' if len(symbols) == 1 else ''}: {highest}"
        )


def named(config: Config, symbols: Sequence[str]) -> str:
    """`symbols` in words: all of several are "all symbols"."""
    if len(symbols) > 1 and len(symbols) == len(config.symbols):
        return "all symbols"
    return _list(symbols)


def _list(words: Iterable[str]) -> str:
    return ", ".join(words)
