"""Alerts to a Discord channel: lines, and cards as embeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack
from urllib.parse import SplitResult, urlsplit

from cointrader.domain.errors import ConfigError
from cointrader.ops.embeds import compose_with_cards
from cointrader.ops.notifier import ChannelNotifier, Delivery, Pace, Poster
from cointrader.ops.outbox import Note
from cointrader.ops.wording import Message

__all__ = ["DiscordNotifier", "Pace"]


class DiscordNotifier(ChannelNotifier):
    """The `Notifier` port, spoken to a Discord webhook.

    Parameters
    ----------
    webhook_url : the channel's webhook, http or https; a secret, never shown or logged
    delivery : see `Delivery`

    Raises
    ------
    ConfigError : the address is none, or the level is unknown
    """

    name = "discord"
    todo = "check DISCORD_WEBHOOK_URL: the webhook may have been deleted"

    def __init__(
        self,
        webhook_url: str,
        **delivery: Unpack[Delivery],
    ) -> None:
        super().__init__(**delivery)
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
