"""`cointrader guard`: a second, small process beside the bots; no position without a stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import click

from cointrader.app.config import Config
from cointrader.app.ending import ended_politely
from cointrader.app.guard.account import BinanceAccount
from cointrader.app.guard.guard import Guard, GuardRules
from cointrader.app.live.rehearsal import clock_of, loop_factory, speed_of
from cointrader.app.live.wiring import Access
from cointrader.app.logs import settings as log_settings
from cointrader.app.logs.logs import configure as configure_logs
from cointrader.app.logs.logs import tell as tell_story
from cointrader.app.service_manager import alive_to_manager, tell_manager
from cointrader.cli.access import access_of, with_access
from cointrader.cli.main import EXIT_CODES, EXIT_INTERRUPTED
from cointrader.cli.numbers import positive
from cointrader.domain.errors import UsageError
from cointrader.domain.records import Alert
from cointrader.ops.discord import DiscordNotifier
from cointrader.ops.heartbeat import Heartbeat
from cointrader.ops.watchdog import Watchdog

_STUCK_S = 120.0  # of real time, without the end of a round


@click.command(short_help="A second process: no position without a stop.", epilog=EXIT_CODES)
@with_access
@click.option("--symbols", metavar="A,B,C", help="Only these.  [default: the whole account]")
@click.option("--every", default="5s", metavar="5s", show_default=True, help="Between two looks.")
@click.option(
    "--grace",
    default="10s",
    metavar="10s",
    show_default=True,
    help="How long a position may be without a stop: its bot comes first.",
)
@click.option(
    "--stop-pct",
    default="0.02",
    metavar="X",
    show_default=True,
    help="Distance of its stop from the mark price, as a fraction.",
)
@click.option(
    "--heartbeat",
    metavar="URL",
    help="Asked for after every round that went well. When that stops, the guard is dead or blind.",
)
def guard(
    testnet: bool,
    live: bool,
    exchange_url: str | None,
    key_file: Path | None,
    symbols: str | None,
    every: str,
    grace: str,
    stop_pct: str,
    heartbeat: str | None,
) -> int:
    """Look at the account's positions again and again, and put a stop behind any that has none.

    It runs beside `cointrader run`, best on another machine with a key of its own
    (BINANCE_GUARD_API_KEY and _SECRET; else the common one), and shares only the exchange with
    it. A stop that it cannot place, or that would trigger at once, becomes a close at market.
    Whatever it does it tells on stderr and on DISCORD_WEBHOOK_URL. Ctrl-C ends it.

    \b
      cointrader guard --testnet
      cointrader guard --live --stop-pct 0.03 --heartbeat https://hc-ping.com/...
    """
    config = Config()
    log_settings.choose(config)
    configure_logs()
    access = access_of(
        config,
        testnet=testnet,
        live=live,
        exchange_url=exchange_url,
        key_file=key_file,
        is_guard=True,
    )
    rules = GuardRules(
        every_ms=_duration_ms(every, "--every"),
        grace_ms=_duration_ms(grace, "--grace"),
        stop_ratio=_ratio(stop_pct),
        symbols=tuple(s.strip().upper() for s in (symbols or "").split(",") if s.strip()),
    )
    speed = speed_of(access)
    heart = None if heartbeat is None else Heartbeat(heartbeat)
    with ExitStack() as stack:
        tellers: list[Callable[[Alert], None]] = [_tell]
        if config.discord_webhook_url:
            notifier = DiscordNotifier(config.discord_webhook_url, prefix=f"guard {access.name}")
            tellers.append(stack.enter_context(notifier).send)
        watchdog = Watchdog(_STUCK_S)
        stack.callback(watchdog.stop)

        def on_round(is_fine: bool) -> None:
            watchdog.alive()
            if is_fine and heart is not None:
                heart.beat()

        with asyncio.Runner(loop_factory=loop_factory(access, speed)) as runner:
            runner.run(_guard(access, rules, tellers, on_round))
    tell_story("the guard has ended: nobody watches the positions")
    return EXIT_INTERRUPTED


async def _guard(
    access: Access,
    rules: GuardRules,
    tellers: list[Callable[[Alert], None]],
    on_round: Callable[[bool], None],
) -> None:
    """Until Ctrl-C, or a polite stop."""
    clock = await clock_of(access)
    account = BinanceAccount(access, clock)

    def tell(alert: Alert) -> None:
        for teller in tellers:
            teller(alert)

    guarded = ", ".join(rules.symbols) or "the whole account"
    tell_story(f"guarding {guarded} on {access.name}, every {rules.every_ms / 1000:g} s")
    try:
        with ended_politely(), alive_to_manager():
            tell_manager("READY=1", f"STATUS=guarding {guarded}")
            await Guard(account, clock, rules, tell=tell, on_round=on_round).run()
    except asyncio.CancelledError:
        return
    finally:
        await account.close()


def _tell(alert: Alert) -> None:
    who = f"{alert.symbol}: " if alert.symbol else ""
    tell_story(f"{alert.level.upper()} {who}{alert.text}")


def _duration_ms(text: str, where: str) -> int:
    seconds = text.strip().lower().removesuffix("s")
    return round(1000 * float(positive(seconds, where, most=3600)))


def _ratio(text: str) -> float:
    ratio = float(positive(text, "--stop-pct", most=1))
    if ratio >= 1:
        raise UsageError(
            "a stop that far away is none", where="--stop-pct", found=text, allowed="0.02, say"
        )
    return ratio
