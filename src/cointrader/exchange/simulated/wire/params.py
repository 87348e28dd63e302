"""Parameters of a call as text, read one by one; what cannot be read is refused as Binance does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from cointrader.domain.errors import Rejected
from cointrader.exchange.simulated.wire.refusals import refused

_ID_PATTERN = re.compile(r"[.A-Za-z0-9:/_-]{1,36}")
_NUMBER = re.compile(r"-?([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})")


class Params:
    """Names and values. Where a name came twice, the first counts."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, str] = {}
        for name, value in pairs:
            self._values.setdefault(name, value)

    @staticmethod
    def of_json(values: Mapping[str, Any]) -> Params:
        """From a JSON object, whose numbers and flags are read as their text."""
        return Params((name, _text(value)) for name, value in values.items() if value is not None)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def names(self) -> Sequence[str]:
        return list(self._values)

    def raw(self, name: str) -> str:
        """A value as it was sent, empty where it was not: for those who look on."""
        return self._values.get(name, "")

    def given(self, name: str) -> str | None:
        """A value, None where it was not sent; an empty one is refused."""
        value = self._values.get(name)
        if value == "":
            raise refused(-1105, f"Parameter '{name}' was empty.")
        return value

    def text(self, name: str) -> str:
        """A mandatory value."""
        value = self._values.get(name)
        if not value:
            raise missing(name)
        return value

    def whole(self, name: str) -> int | None:
        value = self.given(name)
        if value is None:
            return None
        if not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise _malformed(name, value, r"^[0-9]{1,20}$")
        return int(value)

    def needed_whole(self, name: str) -> int:
        value = self.whole(name)
        if value is None:
            raise missing(name)
        return value

    def limit(self, default: int, most: int) -> int:
        """How many rows are wanted: at least one, at most `most`; anything else is refused."""
        value = self.whole("limit")
        if value is None:
            return default
        if not 1 <= value <= most:
            raise refused(-1130, "Data sent for parameter 'limit' is not valid.")
        return value

    def decimal(self, name: str) -> Decimal | None:
        value = self.given(name)
        if value is None:
            return None
        if not _NUMBER.fullmatch(value):
            raise _malformed(name, value, r"^([0-9]{1,20})(\.[0-9]{1,20})?$")
        return Decimal(value)

    def needed_decimal(self, name: str) -> Decimal:
        value = self.decimal(name)
        if value is None:
            raise missing(name)
        return value

    def flag(self, name: str, *, default: bool = False, code: int = -1130) -> bool:
        value = self.given(name)
        if value is None:
            return default
        if value.lower() not in ("true", "false"):
            raise refused(code, f"Data sent for parameter '{name}' is not valid.")
        return value.lower() == "true"

    def choice(
        self, name: str, options: Iterable[str], *, default: str | None = None, code: int = -1130
    ) -> str:
        """One of `options`; mandatory without a default. `code` is what anything else gets."""
        value = self.text(name) if default is None else self.given(name) or default
        if value not in options:
            raise refused(
                code, _CHOICE.get(code, f"Data sent for parameter '{name}' is not valid.")
            )
        return value

    def client_id(self, name: str) -> str | None:
        value = self.given(name)
        if value is not None and not _ID_PATTERN.fullmatch(value):
            raise refused(-4015, "Client order id is not valid.")
        return value

    def json_list(self, name: str) -> list[Any]:
        """A value that is a JSON list."""
        text = self.text(name)
        try:
            return msgspec.json.decode(text, type=list[Any])
        except msgspec.DecodeError:
            raise refused(-1130, f"Data sent for parameter '{name}' is not valid.") from None


_CHOICE = {
    -1115: "Invalid timeInForce.",
    -1116: "Invalid orderType.",
    -1117: "Invalid side.",
    -4060: "Invalid position side.",
    -5037: "Invalid price match",
    -5039: "Invalid self trade prevention mode",
}


def missing(name: str) -> Rejected:
    """The refusal of a call without a parameter that it needs."""
    return refused(
        -1102,
        f"Mandatory parameter '{name.lower()}' was not sent, was empty/null, or malformed.",
    )


def not_wanted(name: str) -> Rejected:
    """The refusal of a parameter that this kind of call does not have."""
    return refused(-1106, f"Parameter '{name.lower()}' sent when not required.")


def _malformed(name: str, value: str, legal: str) -> Exception:
    if value.strip() == "" or re.fullmatch(r"[A-Za-z]+", value):
        return missing(name)
    return refused(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
