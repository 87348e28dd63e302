"""HTML in which text cannot become markup: whatever is not `Html` is escaped on its way in."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape

_VOID = frozenset({"br", "line", "rect"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def element(name: str, /, *content: str, **attributes: str | None) -> Html:
    """An element. ``class_`` stands for ``class``, ``aria_label`` for ``aria-label``.

    An attribute that is None is left out.
    """
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID and not content:
        return Html(f"<{name}{told}/>")
    return Html(f"<{name}{told}>{joined(content)}</{name}>")


def joined(parts: Iterable[str]) -> Html:
    """Several parts one after the other."""
    return Html(
        "".join(part if isinstance(part, Html) else escape(part, quote=False) for part in parts)
    )


def section(title: str, name: str, *content: str) -> Html:
    """A section of the page with its title; `name` is its anchor."""
    return element("section", element("h2", title, id=name), *content, aria_labelledby=name)


def json_block(name: str, values: object) -> Html:
    """Values for the page's script; no text in them can end the element they stand in."""
    text = json.dumps(values, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Html(f'<script type="application/json" id="{escape(name)}">{text}</script>')


def table(
    caption: str,
    head: Iterable[str],
    rows: Iterable[Iterable[str]],
    *,
    foot: Iterable[str] | None = None,
    words: int = 1,
    class_: str | None = None,
) -> Html:
    """A table in a frame of its own that scrolls, should it be wider than the page.

    The first cell of a row is its header; `words` is how many columns from the left hold text and
    not numbers. A cell that is an `Html` ``td`` already is taken as it is.
    """
    titles = joined(
        element("th", title, scope="col", class_=None if i < words else "n")
        for i, title in enumerate(head)
    )
    body = joined(element("tr", _cells(row, words)) for row in rows)
    parts = [
        element("caption", caption, class_="hidden"),
        element("thead", element("tr", titles)),
        element("tbody", body),
    ]
    if foot is not None:
        parts.append(element("tfoot", element("tr", _cells(foot, words))))
    return element(
        "div",
        element("table", *parts, class_=class_),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=caption,
    )


def _cells(row: Iterable[str], words: int) -> Html:
    found = []
    for i, cell in enumerate(row):
        if isinstance(cell, Html) and cell.startswith("<td"):
            found.append(cell)
        elif i == 0:
            found.append(element("th", cell, scope="row"))
        else:
            found.append(element("td", cell, class_=None if i < words else "n"))
    return joined(found)
