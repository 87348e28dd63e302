"""Pages that are written from the code are as the code is; commands in the others exist."""

import re
import runpy
from pathlib import Path

import pytest

from cointrader.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "write_configuration_page.py"
PAGES = sorted((ROOT / "docs").glob("*.md"))
OF_AN_OWNER = ("getting-started", "operations", "recovery-drills", "security", "upgrading")


def test_the_page_of_settings_is_what_the_table_says():
    page = runpy.run_path(str(SCRIPT))["page"]()

    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == page, (
        "run python scripts/write_configuration_page.py"
    )


@pytest.mark.parametrize("name", OF_AN_OWNER)
def test_every_command_of_a_page_exists_with_its_options(name):
    from click.testing import CliRunner

    from cointrader.cli.main import root

    text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    written = [rest.split() for rest in re.findall(r"cointrader ([a-z][^`\n|&#;]*)", text)]
    known = [words for words in written if words[0] in COMMANDS]
    assert len(known) >= 2
    for words in known:
        shown = CliRunner().invoke(root, [*_command(words), "--help"]).output
        for flag in (word.partition("=")[0] for word in words if word.startswith("--")):
            assert re.search(rf"{flag}\b", shown), " ".join(words)


def _command(words: list[str]) -> list[str]:
    """The command without its arguments; `config` and `data` have commands of their own."""
    return words[:2] if words[0] in ("config", "data") else words[:1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_of_a_page_leads_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, place = target.partition("#")
        there = page if not name else (page.parent / name)
        assert there.exists(), target
        if place and there.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            assert place in {anchor(heading) for heading in headings}, target


def anchor(heading: str) -> str:
    """The name that a heading has in links."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
