"""All channels of one process: what it writes down goes out, what people ask comes in.

Made from the configuration alone. Nothing here is waited for by anybody who trades.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cointrader.domain.clock import DAY_MS, SystemClock, utc_day
from cointrader.domain.errors import CointraderError, ConfigError, JournalError
from cointrader.domain.position import Trade
from cointrader.domain.records import Alert, PositionOpened, Record
from cointrader.journal.reader import JournalReader
from cointrader.journal.schema import has_begun
from cointrader.ops.control import Answer, ask
from cointrader.ops.discord import DiscordNotifier
from cointrader.ops.notifier import ChannelHealth, ChannelNotifier, Pace
from cointrader.ops.quiet import QuietHours
from cointrader.ops.stories import Story, Storyteller

if TYPE_CHECKING:  # what speaks to Telegram costs every start a moment: only where it is used
    from cointrader.ops.telegram_api import TelegramApi
    from cointrader.ops.telegram_commands import TelegramCommands

OUTBOX = ".outbox"  # beside the journal: critical alerts that are not delivered yet
READ_SO_FAR = ".telegram"  # beside the journal: how far commands were read
_PATIENCE_S = 90.0  # for a command; closing everything may take a minute


class ChannelConfig(Protocol):
    """The part of the configuration that says who is told."""

    @property
    def discord_webhook_url(self) -> str: ...
    @property
    def discord_level(self) -> str: ...
    @property
    def telegram_token(self) -> str: ...
    @property
    def telegram_chat_ids(self) -> str: ...
    @property
    def telegram_level(self) -> str: ...
    @property
    def telegram_url(self) -> str: ...
    @property
    def notify_urls(self) -> str: ...
    @property
    def notify_level(self) -> str: ...
    @property
    def quiet_hours(self) -> str: ...


class Channels:
    """Tells every channel of what a process writes down.

    Parameters
    ----------
    notifiers : the channels
    stories : says what is worth telling; None: alerts alone
    told_of_alerts : channels that somebody else tells of alerts
    """

    def __init__(
        self,
        notifiers: Sequence[ChannelNotifier],
        stories: Storyteller | None = None,
        told_of_alerts: Collection[ChannelNotifier] = (),
    ) -> None:
        self.notifiers = tuple(notifiers)
        self._stories = stories
        self._hear_alerts = [each for each in notifiers if each not in told_of_alerts]
        self.commands: TelegramCommands | None = None  # who listens, where somebody does

    def hear(self, record: Record) -> None:
        """One record was written down. Quick, and raises nothing."""
        if not self.notifiers:
            return
        if self._stories is None:
            story: Story | None = (record, None) if isinstance(record, Alert) else None
        else:
            story = self._stories.hear(record)
        if story is not None:
            for notifier in self._hear_alerts if isinstance(record, Alert) else self.notifiers:
                notifier.send(*story)

    def send(self, alert: Alert) -> None:
        """The `Notifier` port, spoken to all of them."""
        for notifier in self._hear_alerts:
            notifier.send(alert)

    def health(self) -> list[ChannelHealth]:
        """Of each channel, and of what listens to commands."""
        listens = [] if self.commands is None else [self.commands.health()]
        return [*(notifier.health() for notifier in self.notifiers), *listens]


@contextmanager
def opened(
    config: ChannelConfig,
    journal: Path,
    *,
    prefix: str,
    tells_stories: bool = True,
    takes_commands: bool = True,
    alerts_on_discord: bool = True,
    pace: Pace | None = None,
) -> Iterator[Channels]:
    """The configured channels, until the block ends; then what waits is sent, for a moment.

    Parameters
    ----------
    journal : of the process; what must survive is kept beside it, commands go to who writes it
    prefix : stands at the head of each message: paper, testnet, live
    tells_stories : entries, exits and daily summaries too, not alerts alone
    takes_commands : whether Telegram is listened to
    alerts_on_discord : False where somebody else tells Discord of alerts

    Raises `ConfigError` for what is no address, token, chat or time of day.
    """
    chats = chats_of(config.telegram_chat_ids)
    api = _telegram(config, chats)
    with ExitStack() as stack:
        discord = _discord(config, journal, prefix, pace)
        if not alerts_on_discord:
            discord = _discord(config, None, prefix, pace) if tells_stories else []
        made = [
            *discord,
            *_telegrams(config, journal, prefix, pace, api, chats),
            *_others(config, journal, prefix, pace),
        ]
        for notifier in made:
            stack.enter_context(notifier)
        stories = _storyteller(journal) if tells_stories and made else None
        channels = Channels(made, stories, told_of_alerts=() if alerts_on_discord else discord)
        if api is not None and takes_commands:
            commands = _commands(api, chats, journal, channels, pace)
            commands.start()
            stack.callback(commands.close)
            channels.commands = commands
        yield channels


def chats_of(text: str) -> list[int]:
    """The chats in a comma list, each once; none in ``off`` and in nothing."""
    if text.strip().lower() in ("", "off"):
        return []
    return list(dict.fromkeys(int(part) for part in text.split(",")))


def _discord(
    config: ChannelConfig, journal: Path | None, prefix: str, pace: Pace | None
) -> list[ChannelNotifier]:
    if not config.discord_webhook_url:
        return []
    return [
        DiscordNotifier(
            config.discord_webhook_url,
            store=None if journal is None else _beside(journal, OUTBOX),
            least_level=config.discord_level,
            prefix=prefix,
            quiet=QuietHours.of(config.quiet_hours),
            pace=pace,
        )
    ]


def _telegram(config: ChannelConfig, chats: Sequence[int]) -> TelegramApi | None:
    if not config.telegram_token:
        return None
    if not chats:
        raise ConfigError(
            "a Telegram bot that nobody may write to, and that has nobody to write to",
            where="TELEGRAM_CHAT_IDS",
            found="off",
            allowed="a comma list of chats, such as 123456789",
            todo="write to the bot and look at https://api.telegram.org/botTOKEN/getUpdates for "
            "the number of your chat; or leave TELEGRAM_TOKEN empty",
        )
    from cointrader.ops.telegram_api import TelegramApi

    return TelegramApi(config.telegram_token, config.telegram_url)


def _telegrams(
    config: ChannelConfig,
    journal: Path,
    prefix: str,
    pace: Pace | None,
    api: TelegramApi | None,
    chats: Sequence[int],
) -> list[ChannelNotifier]:
    if api is None:
        return []
    from cointrader.ops.telegram import TelegramNotifier

    return [
        TelegramNotifier(
            api,
            chat,
            store=_beside(journal, f"{OUTBOX}-telegram{chat:+}"),
            least_level=config.telegram_level,
            prefix=prefix,
            quiet=QuietHours.of(config.quiet_hours),
            pace=pace,
        )
        for chat in chats
    ]


def _others(
    config: ChannelConfig, journal: Path, prefix: str, pace: Pace | None
) -> list[ChannelNotifier]:
    if not config.notify_urls:
        return []
    from cointrader.ops.apprise_channel import AppriseNotifier, addresses

    return [
        AppriseNotifier(
            url,
            number,
            store=_beside(journal, f"{OUTBOX}-notify-{number}"),
            least_level=config.notify_level,
            prefix=prefix,
            quiet=QuietHours.of(config.quiet_hours),
            pace=pace,
        )
        for number, url in enumerate(addresses(config.notify_urls), 1)
    ]


def _commands(
    api: TelegramApi, chats: Sequence[int], journal: Path, channels: Channels, pace: Pace | None
) -> TelegramCommands:
    from cointrader.ops.telegram_commands import TelegramCommands
    from cointrader.ops.telegram_offset import Offset
    from cointrader.ops.telegram_talk import Talk

    def asked(name: str, arguments: Mapping[str, Any], who: str) -> Answer:
        return ask(journal, name, arguments, who=who, timeout_s=_PATIENCE_S)

    def warn(text: str) -> None:
        """Into the journal, from where it goes out; to the channels where nobody listens."""
        try:
            asked("warn", {"text": text}, "Telegram")
        except CointraderError:
            channels.send(Alert(SystemClock().now_ms(), "warning", "", text))

    offset = Offset(_beside(journal, READ_SO_FAR), api.bot_key)
    return TelegramCommands(api, chats, Talk(asked), offset, warn=warn, pace=pace)


def _storyteller(journal: Path) -> Storyteller:
    """One that knows what was told before this process began."""
    positions: list[PositionOpened] = []
    trades: list[Trade] = []
    if has_begun(journal):
        with suppress(JournalError), JournalReader(journal) as reader:
            run = reader.last_run()
            held = [] if run is None else list(filter(None, map(reader.open_position, run.symbols)))
            for each in held:
                positions += reader.positions(trade_id=each.trade_id)
            last = next(iter(reader.equity(last=1)), None)
            if last is not None:
                today_ms = utc_day(last.at_ms) * DAY_MS
                trades = [closed.trade for closed in reader.trades(from_ms=today_ms)]
    return Storyteller(positions, trades)


def _beside(journal: Path, ending: str) -> Path:
    return journal.with_name(journal.name + ending)
