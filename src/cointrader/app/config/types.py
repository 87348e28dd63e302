"""What a setting's value may be: how it is read, written out again, and described to people.

A value arrives as text (environment, `.env`, flags) or as a TOML or Python value; `parse` takes
either. Nothing here knows a setting's name or where its value came from.
"""

from __future__ import annotations

import math
import re
import unicodedata
from abc import ABC, abstractmethod
from decimal import Decimal

OFF = "off"
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}([,_' ][0-9]{3})+(\.[0-9]+)?")
_POINT_AS_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
_LOOKALIKES = ("CYRILLIC", "GREEK")  # alphabets whose letters are taken for Latin ones
_WORDS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


class Unacceptable(ValueError):
    """A value that a setting cannot take. The text is an extra hint, often empty."""


class Secret(str):
    """Text that is used but never shown: its repr, and so any log of it, hides the value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'" if self else "''"


class ValueType(ABC):
    """One kind of value. `annotation` is the type its attribute has in code."""

    annotation: str = "str"
    allowed: str = "text"

    @abstractmethod
    def parse(self, raw: object) -> object:
        """The value meant by `raw`; `Unacceptable` when there is none."""

    def text(self, value: object) -> str:
        """`value` as a person would write it in `.env`."""
        return str(value)


class Whole(ValueType):
    """A whole number from `low` to `high`."""

    annotation = "int"

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high
        self.allowed = f"a whole number from {low} to {high}"

    def parse(self, raw: object) -> int:
        if isinstance(raw, str):
            if not _WHOLE.fullmatch(raw.strip()):
                raise Unacceptable(_how_to_write(raw))
            raw = int(raw)
        if not isinstance(raw, int) or isinstance(raw, bool) or not self.low <= raw <= self.high:
            raise Unacceptable
        return raw


class Number(ValueType):
    """A finite number; the bounds count unless `above` / `below` say that they do not.

    With `off=True` the value may also be ``off``, which is ``None`` in code.
    """

    def __init__(
        self,
        low: float,
        high: float,
        *,
        above: bool = False,
        below: bool = False,
        off: bool = False,
    ) -> None:
        self.low, self.high, self.above, self.below, self.off = low, high, above, below, off
        self.annotation = "float | None" if off else "float"
        self.allowed = " ".join(
            [
                f"a number above {low:g}" if above else f"a number from {low:g}",
                (f"and below {high:g}" if below else f"and at most {high:g}")
                if above or below
                else f"to {high:g}",
            ]
        ) + (", or off" if off else "")

    def parse(self, raw: object) -> float | None:
        if self.off and (raw is None or (isinstance(raw, str) and raw.strip().lower() == OFF)):
            return None
        value = self._number(raw)
        too_low = value <= self.low if self.above else value < self.low
        too_high = value >= self.high if self.below else value > self.high
        if too_low or too_high or not math.isfinite(value):
            raise Unacceptable(self._as_fraction(value))
        return value

    def _as_fraction(self, value: float) -> str:
        """What to write for a percentage where fractions are asked for."""
        in_percent = self.high <= 1 < value <= 100 * self.high
        return f"write a fraction: {value:g}% is {value / 100:g}" if in_percent else ""

    @staticmethod
    def _number(raw: object) -> float:
        if isinstance(raw, str):
            if raw.strip().endswith("%"):
                raise Unacceptable("write a fraction: 5% is 0.05")
            if not _NUMBER.fullmatch(raw.strip()):
                raise Unacceptable(_how_to_write(raw))
            return float(raw)
        if isinstance(raw, int | float | Decimal) and not isinstance(raw, bool):
            return float(raw)
        raise Unacceptable

    def text(self, value: object) -> str:
        if value is None:
            return OFF
        text = repr(float(str(value)))  # the shortest text that reads back as the same number
        return f"{Decimal(text):f}".removesuffix(".0")


class Flag(ValueType):
    """Yes or no."""

    annotation = "bool"
    allowed = "true or false"

    def parse(self, raw: object) -> bool:
        if isinstance(raw, bool):
            return raw
        value = _WORDS.get(raw.strip().lower()) if isinstance(raw, str) else None
        if value is None:
            raise Unacceptable
        return value

    def text(self, value: object) -> str:
        return "true" if value else "false"


class Choice(ValueType):
    """One of a few words."""

    def __init__(self, *options: str) -> None:
        self.options = options
        self.allowed = ", ".join(options[:-1]) + f" or {options[-1]}"

    def parse(self, raw: object) -> str:
        word = raw.strip().lower() if isinstance(raw, str) else ""
        if word not in self.options:
            meant = [option for option in self.options if word and option.startswith(word[:3])]
            raise Unacceptable(f"write {meant[0]}" if len(meant) == 1 else "")
        return word


class Text(ValueType):
    """Text of a given shape; empty means not set."""

    def __init__(self, pattern: str, allowed: str) -> None:
        self.pattern, self.allowed = re.compile(pattern), allowed

    def parse(self, raw: object) -> str:
        text = raw.strip() if isinstance(raw, str) else None
        if text is None or (text and not self.pattern.fullmatch(text)):
            raise Unacceptable
        return text


class SecretText(Text):
    """Text that no screen, log or error message shows."""

    def parse(self, raw: object) -> Secret:
        return Secret(super().parse(raw))

    def text(self, value: object) -> str:
        return "set" if value else "not set"


class SignalRule(ValueType):
    """The built-in rule, or the place of one's own."""

    allowed = "score, or path/to/file.py:Name"
    _own = re.compile(r".+\.py:[^\W\d]\w*")

    def parse(self, raw: object) -> str:
        text = raw.strip() if isinstance(raw, str) else ""
        if text != "score" and not self._own.fullmatch(text):
            raise Unacceptable
        return text


class SizingRule(ValueType):
    """How a trade's size is found. Kept as its word; ``fixed:N`` carries its notional."""

    allowed = "account, risk, or fixed:N with a notional N above 0"
    _notional = Number(0, 1e12, above=True)

    def parse(self, raw: object) -> str:
        word = raw.strip().lower() if isinstance(raw, str) else ""
        if word in ("account", "risk"):
            return word
        kind, colon, amount = word.partition(":")
        if kind != "fixed" or not colon:
            raise Unacceptable
        return f"fixed:{self._notional.text(self._notional.parse(amount))}"

    @classmethod
    def fixed_notional(cls, word: str) -> float | None:
        """The notional of ``fixed:N``; None for the other ways to size."""
        kind, _, amount = word.partition(":")
        return float(amount) if kind == "fixed" else None


class Symbols(ValueType):
    """Symbols of the exchange: upper-cased, trimmed, each once. They also name folders on disk."""

    annotation = "list[str]"
    _symbol = re.compile(r"[^\W_]+(_[0-9]{6})?")

    def __init__(self, *, off: bool = False) -> None:
        self.off = off
        self.allowed = "symbols such as XRPUSDT, each once, with commas between them" + (
            ", or off" if off else "; at least one"
        )

    def parse(self, raw: object) -> list[str]:
        items = raw.split(",") if isinstance(raw, str) else raw
        if not isinstance(items, list | tuple):
            raise Unacceptable
        symbols = [item.strip().upper() for item in items if isinstance(item, str)]
        symbols = [symbol for symbol in symbols if symbol]  # a comma at the end is no symbol
        if self.off and symbols in (["OFF"], []):
            return []
        if not symbols or any(not isinstance(item, str) for item in items):
            raise Unacceptable
        for symbol in symbols:
            if not self._symbol.fullmatch(symbol):
                raise Unacceptable(f"{symbol!r} is no symbol; XRP/USDT is written XRPUSDT")
            if (why := _other_letters(symbol)) is not None:
                raise Unacceptable(f"{symbol} {why}: type it again with Latin letters")
            if symbols.count(symbol) > 1:
                raise Unacceptable(f"{symbol} is there twice: write it once")
        return symbols

    def text(self, value: object) -> str:
        return ",".join(value) if isinstance(value, list | tuple) and value else OFF


def _how_to_write(raw: str) -> str:
    """What to write instead of a number as it is written elsewhere; empty when nobody can tell."""
    text = raw.strip()
    plain = unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-")
    if plain != text and _NUMBER.fullmatch(plain):
        return f"write it with plain digits and signs: {plain}"
    if _THOUSANDS.fullmatch(plain):
        return "write it without separators: " + re.sub(r"[,_' ]", "", plain)
    if _POINT_AS_COMMA.fullmatch(plain):
        return "write a decimal point: " + plain.replace(",", ".")
    return ""


def _other_letters(symbol: str) -> str | None:
    """How the letters of `symbol` only look like Latin ones; None when they do not.

    Letters that nobody confuses are left alone: some symbols are Chinese.
    """
    if unicodedata.normalize("NFKC", symbol) != symbol:
        return "has full-width letters"
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in symbol}
    odd = next((script for script in _LOOKALIKES if script in scripts), None)
    return None if odd is None else f"has {odd.title()} letters"
