"""One family of errors. The class says who acts next; the message says what to do.

`Unreachable` and `RateLimited` are tried again, `Rejected` is skipped, `OutcomeUnknown` is
looked up before anything else is sent, `InvariantBroken` stops everything.
"""

from __future__ import annotations


class CointraderError(Exception):
    """Root of every error this project raises on purpose.

    Parameters
    ----------
    what : one sentence: what is wrong
    where : the setting, file, row or symbol it is wrong in
    found : the value found there
    allowed : what would have been right
    todo : what the reader can do about it
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        found: object = None,
        allowed: str | None = None,
        todo: str | None = None,
    ) -> None:
        self.what, self.where, self.found, self.allowed, self.todo = (
            what,
            where,
            found,
            allowed,
            todo,
        )
        super().__init__(what)

    def __str__(self) -> str:
        details = (
            ("where", self.where),
            ("found", None if self.found is None else _shown(self.found)),
            ("allowed", self.allowed),
            ("to do", self.todo),
        )
        return "\n  ".join([self.what, *(f"{name}: {text}" for name, text in details if text)])


def _shown(value: object) -> str:
    """A value as found; text that is blank at an end, which nobody would see, in quotes."""
    text = str(value)
    return repr(value) if text != text.strip() or not text else text


class ConfigError(CointraderError, ValueError):
    """A setting is wrong."""


class UsageError(CointraderError):
    """A command was called in a way it cannot answer."""


class DataError(CointraderError):
    """Candles or other market data cannot be trusted."""


class MissingCandles(DataError):
    """History has a hole, or not enough of it."""


class StaleData(DataError):
    """An input is older than its declared maximum age."""


class ModelError(CointraderError):
    """A model cannot be used."""


class JournalError(CointraderError):
    """The journal cannot be opened, read or written."""


class ExchangeError(CointraderError):
    """The exchange did not do what was asked."""


class Unreachable(ExchangeError):
    """Nothing happened; try again."""


class RateLimited(ExchangeError):
    """Wait `retry_after_ms`, then try again."""

    def __init__(self, what: str, *, retry_after_ms: int) -> None:
        super().__init__(what, todo=f"wait {retry_after_ms} ms, then try again")
        self.retry_after_ms = retry_after_ms


class Rejected(ExchangeError):
    """The exchange said no; trying the same again changes nothing."""

    def __init__(self, what: str, *, code: str, todo: str | None = None) -> None:
        super().__init__(what, where=f"exchange code {code}", todo=todo)
        self.code = code


class OutcomeUnknown(ExchangeError):
    """The order may exist; ask by client order id before anything else is sent."""


class InvariantBroken(CointraderError):
    """Our own books disagree; stop everything."""
