"""Secrets taken out of text that somebody else may read: logs, bundles.

Twice: by what is known to be secret, in every form it may have been written in, and by what looks
like one. Text that is not secret may be hidden by mistake; the other way round is worse.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

HIDDEN = "***"
_SHORTEST = 6  # characters: a shorter secret is part of ordinary words

# What follows one of these names is a secret, in a query, in JSON, in a header, or in a file.
_NAMES = (
    "signature|listen[_-]?key|api[_-]?key|api[_-]?secret|secret[_-]?key|x-mbx-apikey|"
    "authorization|cookie|set-cookie|x-csrf-token|csrf|"
    "[a-z0-9_]*(?:token|secret|password|passwd|webhook_url|private_key|api_key)"
)
_QUOTE = r"\\*[\"']"
_SEPARATOR = rf"(?:{_QUOTE})?\s*(?:=|:|%3[dD])\s*"
_NAMED = re.compile(
    rf"(?:(?<![a-z0-9])|(?<=%[0-9a-f]{{2}}))((?:{_NAMES}){_SEPARATOR})"
    rf"(?:({_QUOTE})(?:(?!\2).)+\2|(?:bearer |basic )?[^\s&\"'<>,;}}\])\\]+)",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\b(bearer|basic) [a-z0-9._~+/=-]{6,}", re.IGNORECASE)
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
                  re.DOTALL)  # fmt: skip
_IN_ADDRESSES = (
    re.compile(r"(/api/webhooks/)[^\s\"'<>]+"),  # Discord
    re.compile(r"(/bot)[0-9]+(?::|%3[aA])[A-Za-z0-9_-]+"),  # Telegram
    re.compile(r"([a-z][a-z0-9+.-]*://)[^\s/@:\"'<>]*:[^\s/@\"'<>]+@", re.IGNORECASE),  # user:pass@
    re.compile(r"(#token=)[^\s\"'<>]+"),
)
# Telegram's tokens where nothing says what they are: a bot's number, a colon, 35 characters.
_TELEGRAM = re.compile(r"(?<![0-9])[0-9]{6,12}(?::|%3[aA])[A-Za-z0-9_-]{30,}")
# Keys, secrets and listen keys of Binance: 64 letters and digits, unlike a hash both cases.
_KEY_LIKE = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{60,}(?![A-Za-z0-9])")
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")


class Scrubber:
    """Hides secrets in text.

    Parameters
    ----------
    secrets : what is known to be one; below six characters it is too common to look for
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for form in _forms(secret.strip())}
        longest_first = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __repr__(self) -> str:
        return "Scrubber()"

    def text(self, text: str) -> str:
        """`text` with every secret replaced by ``***``."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        text = _PEM.sub(HIDDEN, text)
        for pattern in _IN_ADDRESSES:
            text = pattern.sub(rf"\1{HIDDEN}", text)
        text = _BEARER.sub(rf"\1 {HIDDEN}", text)
        text = _NAMED.sub(_without_value, text)
        text = _TELEGRAM.sub(HIDDEN, text)
        return _KEY_LIKE.sub(_without_key, text)


def _forms(secret: str) -> Iterable[str]:
    """How a secret may be written: as it is, in an address, in JSON, in a Python string."""
    if len(secret) < _SHORTEST:
        return
    lines = secret.replace("\\n", "\n")
    for each in {secret, lines, *(line for line in lines.splitlines() if len(line) >= 16)}:
        if "PRIVATE KEY-----" in each and "\n" not in each:
            continue  # the first and the last line of every such key
        yield each
        yield quote(each, safe="")
        yield quote(each)
        yield quote_plus(each)
        yield json.dumps(each)[1:-1]
        yield json.dumps(each, ensure_ascii=False)[1:-1]
        yield repr(each)[1:-1]


def _without_value(found: re.Match[str]) -> str:
    mark = found[2] or ""
    return f"{found[1]}{mark}{HIDDEN}{mark}"


def _without_key(found: re.Match[str]) -> str:
    return found[0] if _HEX.fullmatch(found[0]) else HIDDEN
