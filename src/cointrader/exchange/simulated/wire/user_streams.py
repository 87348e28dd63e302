"""Account events on their way to the user streams."""

from __future__ import annotations

from cointrader.exchange.simulated.wire.events import Message
from cointrader.exchange.simulated.wire.listen_keys import ListenKeys
from cointrader.exchange.simulated.wire.passage import Passage
from cointrader.exchange.simulated.wire.sockets import StreamFront
from cointrader.exchange.simulated.wire.topics import Family


class UserStreams:
    """Tells every event to every connection under each living listen key that it gave."""

    def __init__(self, front: StreamFront, keys: ListenKeys, passage: Passage) -> None:
        self._front = front
        self._keys = keys
        self._passage = passage

    def tell(self, message: Message) -> None:
        for passed in self._passage.event(message):
            self.deliver(passed)

    def deliver(self, message: Message) -> None:
        """Tell an event that has passed already."""
        for connection in self._front.connections:
            if connection.family is not Family.PRIVATE:
                continue
            for name, events in list(connection.listens.items()):
                is_wanted = not events or message["e"] in events
                if is_wanted and connection.hears(name) and self._is_for(name, message):
                    connection.offer(name, message)

    def _is_for(self, name: str, message: Message) -> bool:
        """Whether a message goes out under a name: only a living listen key's do."""
        return self._keys.lives(name) and message.get("listenKey", name) == name
