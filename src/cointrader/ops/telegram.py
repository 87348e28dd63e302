"""Alerts to one Telegram chat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from cointrader.ops.answers import Delivered, Outcome
from cointrader.ops.notifier import ChannelNotifier, Delivery, Poster
from cointrader.ops.outbox import Note
from cointrader.ops.telegram_api import Said, TelegramApi
from cointrader.ops.wording import Message, compose

LONGEST_MESSAGE = 4_096  # UTF-16 units


class TelegramNotifier(ChannelNotifier):
    """The `Notifier` port, spoken to one chat of a Telegram bot.

    Parameters
    ----------
    api : the bot
    chat_id : the chat's number; a group's is negative
    delivery : see `Delivery`
    """

    name = "telegram"
    todo = "check TELEGRAM_TOKEN and TELEGRAM_CHAT_IDS; a person has to write to the bot first"

    def __init__(
        self,
        api: TelegramApi,
        chat_id: int,
        **delivery: Unpack[Delivery],
    ) -> None:
        super().__init__(**delivery)
        self._api = api
        self._chat_id = chat_id

    def _poster(self) -> Poster:
        return _Chat(self._api, self._chat_id)

    def _compose(self, notes: Sequence[Note], *, dropped: int = 0) -> list[Message]:
        return compose(
            notes,
            dropped=dropped,
            prefix=self._prefix,
            limit=LONGEST_MESSAGE,
            is_marked_up=False,
        )


class _Chat:
    """Where messages go. What is only information makes no sound."""

    def __init__(self, api: TelegramApi, chat_id: int) -> None:
        self._api = api
        self._chat_id = chat_id

    def post(self, message: Message, *, timeout_s: float) -> Outcome:
        parameters = {
            "chat_id": self._chat_id,
            "text": message.text,
            "disable_notification": message.level == "info",
            "link_preview_options": {"is_disabled": True},
        }
        answer = self._api.call("sendMessage", parameters, timeout_s=timeout_s)
        return Delivered() if isinstance(answer, Said) else answer
