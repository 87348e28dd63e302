"""`cointrader fetch --collect`: open interest, every five minutes, for as long as it runs.

The exchange keeps it for a month. What is collected goes into the history, and into the files with
the next `fetch`. A network that is away for less than a month leaves no hole.
"""

from __future__ import annotations

from collections.abc import Callable

from cointrader.app.fetch.plan import HISTORY_NAME, FetchPlan
from cointrader.app.fetch.rest import KEPT_OPEN_INTEREST_MS, RestHistory
from cointrader.app.fetch.work import OnProgress, Patience, Work, nothing_to_tell
from cointrader.domain.clock import Clock
from cointrader.domain.errors import RateLimited, Unreachable
from cointrader.exchange.binance.rest import RestClient
from cointrader.market.history import History
from cointrader.market.quality import utc
from cointrader.market.upsert import OPEN_INTEREST_MS

_TOLD_AFTER_MS = 30_000  # so long after the full five minutes the exchange is asked
_AT_ONCE = 4


async def collect(
    plan: FetchPlan,
    clock: Clock,
    say: Callable[[str], None],
    on_progress: OnProgress = nothing_to_tell,
    *,
    rounds: int | None = None,
) -> None:
    """Ask and store until cancelled, or for so many rounds.

    Raises
    ------
    ConfigError : a symbol that the exchange does not have
    Unreachable : at the first round; later ones wait for the network
    DataError : the history cannot be used
    """
    with History(plan.folder / HISTORY_NAME) as history:
        history.require_origin(plan.origin)
        async with RestClient(plan.rest_url, clock) as client:
            round_number, is_away = 0, False
            while rounds is None or round_number < rounds:
                try:
                    now_ms = await _round(plan, client, history, clock, Work(on_progress))
                except (Unreachable, RateLimited) as error:
                    if round_number == 0:
                        raise
                    if not is_away:
                        say(f"the exchange is away; what is missed is fetched later: {error.what}")
                    is_away, now_ms = True, clock.now_ms()
                else:
                    if round_number == 0 or is_away:
                        say(_standing(plan, history))
                    is_away = False
                round_number += 1
                if round_number != rounds:
                    await clock.sleep_ms(_until_next(now_ms))


async def _round(
    plan: FetchPlan, client: RestClient, history: History, clock: Clock, work: Work
) -> int:
    """Ask once for all symbols; the exchange's time."""
    patience = Patience(clock, _AT_ONCE)
    now_ms = await patience.ask(client.now_ms)
    rest = RestHistory(client, history, patience, work, now_ms)
    for symbol in plan.symbols:
        newest_ms = history.last_open_interest_ms(symbol)
        if newest_ms is None:
            await rest.require_symbols([symbol])
        await rest.open_interest(symbol, [(now_ms - KEPT_OPEN_INTEREST_MS, now_ms + 1)])
    return now_ms


def _until_next(now_ms: int) -> int:
    """How long until the next amount can be asked for."""
    next_ms = (now_ms // OPEN_INTEREST_MS + 1) * OPEN_INTEREST_MS + _TOLD_AFTER_MS
    return next_ms - now_ms


def _standing(plan: FetchPlan, history: History) -> str:
    """What is stored, in a sentence."""
    newest = {symbol: history.last_open_interest_ms(symbol) for symbol in plan.symbols}
    told = (
        f"{s} until {utc(ms)}" if ms is not None else f"none of {s}" for s, ms in newest.items()
    )
    return "open interest is collected every 5 minutes, Ctrl-C ends it; stored: " + ", ".join(told)
