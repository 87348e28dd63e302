"""Write docs/configuration.md from the table of settings.

usage: python scripts/write_configuration_page.py [--check]
With --check nothing is written; exit code 1 when the page is not what the table says.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from cointrader.app.config.settings import GROUPS, TABLE, Setting
from cointrader.app.config.types import Flag

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"

_HEAD = """\
# Configuration

Every setting, written from the table that the program reads
(`src/cointrader/app/config/settings.py`) by `scripts/write_configuration_page.py`; a test
fails when the two differ.

A value comes from the first of these that has one:

1. a flag: `--leverage 5`, or `--set LEVERAGE=5`, which takes a symbol's own values as well:
   `--set ATR_SL_MULT_XRPUSDT=2.0`
2. the environment: `LEVERAGE=5`
3. `.env` in the working folder: the same lines
4. `cointrader.toml` there, or the file that `--config` names: `leverage = 5`, and a table
   `[XRPUSDT]` for one symbol
5. the profile (`--profile founding`), else the default

`cointrader config init` writes a commented file to begin with, `cointrader config show` tells each
value and where it comes from, `cointrader config check` what is wrong, without effect or unusual,
and what it means in money. What is unknown or impossible is refused with its name, its value, its
source and what is allowed.

**Secrets** are read from the environment and `.env` only (or a `--key-file`): they have no flag,
they are refused in `cointrader.toml`, and no screen, log, journal, backup or bundle shows them.

`per symbol` means: also as `NAME_SYMBOL`, for that symbol alone. A second value in the column of
defaults is that of the profile `founding`.
"""


def page() -> str:
    """The text of the page."""
    return "\n".join([_HEAD, *_sections()]) + "\n"


def _sections() -> Iterator[str]:
    for group, title in GROUPS.items():
        settings = [setting for setting in TABLE if setting.group == group]
        if not settings:
            continue
        yield f"## {title}\n"
        yield "| Setting | Default | What it is | Allowed |"
        yield "|---|---|---|---|"
        for setting in settings:
            yield _row(setting)
        yield ""


def _row(setting: Setting) -> str:
    notes = [setting.help.rstrip(".")]
    if setting.per_symbol:
        notes.append("per symbol")
    if setting.needs is not None:
        other, values = setting.needs
        meant = " or ".join(str(value).lower() for value in values)
        notes.append(f"only with `{other.upper()}={meant}`")
    allowed = "true or false" if isinstance(setting.type, Flag) else setting.type.allowed
    flag = "" if setting.secret else f"<br>`{setting.flag}`"
    cells = (
        f"`{setting.env_name}`{flag}",
        "secret" if setting.secret else _defaults(setting),
        "; ".join(notes),
        allowed,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _defaults(setting: Setting) -> str:
    usual, founding = (
        setting.type.text(setting.value_in(profile)) for profile in ("default", "founding")
    )
    shown = f"`{usual}`" if usual else "none"
    return shown if founding == usual else f"{shown}, founding `{founding}`"


def main(arguments: list[str]) -> int:
    if "--check" in arguments:
        is_right = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        if not is_right:
            print(f"{PAGE} is not what the table says: run {Path(__file__).name}", file=sys.stderr)
        return 0 if is_right else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
