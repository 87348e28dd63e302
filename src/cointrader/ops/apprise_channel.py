"""Alerts to whatever channel apprise knows: mail, Slack, Matrix, ntfy, a pager. Best effort.

apprise says whether a service took a message and nothing else, so each address is a channel of its
own: what one did not take is sent again there, and nowhere else. Addresses hold passwords: none of
them is shown, and apprise's own log, which names them, is silenced.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Sequence
from typing import Any, Unpack

from cointrader.domain.errors import ConfigError
from cointrader.ops.answers import Delivered, Failed, Outcome
from cointrader.ops.notifier import ChannelNotifier, Delivery, Poster
from cointrader.ops.outbox import Note
from cointrader.ops.wording import Message, compose

_LONGEST = 2_000  # UTF-16 units, where the service takes more
_SHORTEST = 140  # less room than that is for nobody
_BETWEEN = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_TALKATIVE = ("apprise", "urllib3", "requests", "requests_oauthlib")  # nobody else uses them
_TYPES = {"info": "info", "warning": "warning", "critical": "failure"}  # apprise's words


def addresses(text: str) -> list[str]:
    """The addresses in `text`, which blanks or commas keep apart."""
    return [each.strip(" \t\n,") for each in _BETWEEN.split(text.strip()) if each.strip(" \t\n,")]


class AppriseNotifier(ChannelNotifier):
    """The `Notifier` port, spoken to one address of apprise's.

    Parameters
    ----------
    url : the address, as apprise writes it; a secret
    number : which of NOTIFY_URLS it is, from 1; errors and logs name it by that
    delivery : see `Delivery`

    Raises
    ------
    ConfigError : apprise is not installed, or does not understand the address
    """

    name = "notify"
    todo = "check NOTIFY_URLS"

    def __init__(
        self,
        url: str,
        number: int = 1,
        **delivery: Unpack[Delivery],
    ) -> None:
        super().__init__(**delivery)
        self._service = _service(url, number)
        room = min(_LONGEST, int(getattr(self._service, "body_maxlen", _LONGEST)))
        self._limit = max(_SHORTEST, room)

    def _poster(self) -> Poster:
        return _Service(self._service)

    def _compose(self, notes: Sequence[Note], *, dropped: int = 0) -> list[Message]:
        return compose(
            notes, dropped=dropped, prefix=self._prefix, limit=self._limit, is_marked_up=False
        )


class _Service:
    """Where messages go. How long a request may take is the address's affair."""

    def __init__(self, service: Any) -> None:
        self._service = service

    def post(self, message: Message, *, timeout_s: float) -> Outcome:
        try:
            is_taken = self._service.notify(
                body=message.text, title="cointrader", notify_type=_TYPES[message.level]
            )
        except Exception as error:  # of many kinds; whose texts may hold the address
            return Failed(type(error).__name__)
        return Delivered() if is_taken else Failed("apprise says that it was not taken")


def _service(url: str, number: int) -> Any:
    try:
        import apprise
    except ImportError:
        raise ConfigError(
            "NOTIFY_URLS needs apprise, which is not installed",
            where="NOTIFY_URLS",
            todo="pip install 'cointrader[notify]'; the image has no pip, see "
            "docs/notifications.md; or leave NOTIFY_URLS empty",
        ) from None
    _silence()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it loads to find out who is meant
            service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    except Exception:  # whatever it is: its text may hold the address
        service = None
    if service is None:
        raise ConfigError(
            "apprise does not understand this address",
            where=f"NOTIFY_URLS, address {number}",
            allowed="mailto://..., slack://..., ntfy://..., as apprise's pages say",
            todo="try it with the command apprise",
        )
    return service


def _silence() -> None:
    """Its messages hold addresses, and so do those of what it speaks HTTP with."""
    for name in _TALKATIVE:
        log = logging.getLogger(name)
        log.propagate = False
        log.setLevel(logging.CRITICAL + 1)
        if not log.handlers:
            log.addHandler(logging.NullHandler())
