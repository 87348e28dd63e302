"""The words of the pages, and what their files must not do. No browser is needed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import cointrader.dashboard
from cointrader.app.words import EXITS, REFUSALS
from cointrader.signals.score import GATES, PARTS

STATIC = Path(cointrader.dashboard.__file__).with_name("static")
SCRIPTS = sorted((STATIC / "js").rglob("*.js"))
LANGUAGES = ("en", "ko")
# Keys that a page makes of what the server names.
MADE = ("action", "bot", "channel", "drift", "exit", "gate", "health", "level", "metric", "mode",
        "model", "page", "part", "phase", "protection", "refusal", "side", "stream",
        "theme")  # fmt: skip


def words(language):
    found = json.loads((STATIC / "i18n" / f"{language}.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def used():
    """Every key that a script names."""
    return {
        key
        for script in SCRIPTS
        for call in re.findall(r"\bt\(([^)]*)", script.read_text(encoding="utf-8"))
        for key in re.findall(r'"([a-z_.]+)"', call)
    }


def test_both_languages_have_the_same_keys_and_slots():
    english, korean = map(words, LANGUAGES)

    assert english.keys() == korean.keys()
    for key, said in english.items():
        assert set(re.findall(r"{\w+}", said)) == set(re.findall(r"{\w+}", korean[key])), key


def test_korean_is_korean():
    english, korean = map(words, LANGUAGES)
    alike = {key for key, said in korean.items() if said == english[key]}

    # Names that are the same in every language.
    assert alike == {"metric.auc", "part.ema", "part.macd", "part.rsi"}


def test_every_key_that_is_used_has_words_and_every_word_is_used():
    known = set(words("en"))
    keys = used()

    assert keys - known <= {"unreachable"}
    assert {
        key for key in known - keys if not key.startswith(tuple(f"{m}." for m in MADE))
    } == set()


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("refusal", REFUSALS),
        ("exit", [reason.value for reason in EXITS]),
        ("gate", [gate for gate in GATES if gate]),
        ("part", PARTS),
        ("action", ["HOLD", "ENTER", "REFUSED", "EXIT", "REVERSE"]),
        ("level", ["info", "warning", "critical"]),
    ],
)
def test_what_the_bots_name_has_words(kind, values):
    assert [value for value in values if f"{kind}.{value}" not in words("ko")] == []


def test_the_pages_make_no_markup_of_text_and_ask_nobody_else():
    for path in [*SCRIPTS, STATIC / "index.html", *sorted((STATIC / "css").iterdir())]:
        text = path.read_text(encoding="utf-8")
        for never in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                      "new Function", " style=", "@import"):  # fmt: skip
            assert never not in text, path.name
        outside = set(re.findall(r"https?://[\w.-]+", text))
        assert outside <= {"https://www.tradingview.com", "http://www.w3.org"}, path.name
