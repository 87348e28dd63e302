"""Alerts to a Discord channel: lines, and cards as embeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from cointrader.domain.errors import ConfigError
from cointrader.ops.embeds import compose_with_cards
from cointrader.ops.notifier import ChannelNotifier, Pace, Poster
from cointrader.ops.outbox import Note
from cointrader.ops.quiet import QuietHours
from cointrader.ops.wording import Message

__all__ = ["DiscordNotifier", "Pace"]


class DiscordNotifier(ChannelNotifier):
    """The `Notifier` port, spoken to a Discord webhook.

    Parameters
    ----------
    webhook_url : the channel's webhook, http or https; a secret, never shown or logged
    store, least_level, prefix, capacity, pace, quiet : see `ChannelNotifier`

    Raises
    ------
    ConfigError : the address is none, or the level is unknown
    """

    name = "discord"
    todo = "check DISCORD_WEBHOOK_URL: the webhook may have been deleted"

    def __init__(
        self,
        webhook_url: str,
        *,
        store: Path | None = None,
        least_level: str = "warning",
        prefix: str = "",
        capacity: int = 500,
        pace: Pace | None = None,
        quiet: QuietHours | None = None,
    ) -> None:
        super().__init__(
            store=store,
            least_level=least_level,
            prefix=prefix,
            capacity=capacity,
            pace=pace,
            quiet=quiet,
        )
        self._address = _address(webhook_url)

    def _poster(self) -> Poster:
        from cointrader.ops.webhook import Webhook  # TLS takes a moment to load: not at import

        return Webhook(self._address)

    def _compose(self, notes: Sequence[Note], *, dropped: int = 0) -> list[Message]:
        return compose_with_cards(notes, dropped=dropped, prefix=self._prefix)


def _address(url: str) -> SplitResult:
    """The parts of a webhook's address; a `ConfigError` that does not show it."""
    try:
        address = urlsplit(url)
        is_web = address.scheme in ("http", "https") and bool(address.hostname)
        if is_web and address.port != 0 and url.isascii() and url.isprintable() and " " not in url:
            return address
    except ValueError:
        pass
    raise ConfigError(
        "DISCORD_WEBHOOK_URL is not the address of a webhook",
        allowed="https://discord.com/api/webhooks/...",
        todo="copy it from the channel's settings: Integrations, Webhooks",
    )
