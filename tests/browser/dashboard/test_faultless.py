"""axe-core finds no serious fault on any page, light or dark, in either language."""

from __future__ import annotations

import pytest

from tests.browser.dashboard.living import AXE, PAGES, opened

pytestmark = pytest.mark.slow

GRAVE = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.filter(each => ["serious", "critical"].includes(each.impact)).map(each =>
    `${each.id}: ${each.nodes.slice(0, 3).map(node => `${node.html} ${node.failureSummary}`)}`);
}"""


def faults(seen):
    """Grave ones in either theme. The policy lets the page load no script but its own, so the
    checker comes by the browser's own door."""
    found = {}
    if not seen.page.evaluate("() => 'axe' in window"):
        seen.page.evaluate(AXE.read_text(encoding="utf-8"))
    for scheme in ("light", "dark"):
        seen.page.emulate_media(color_scheme=scheme)
        seen.settled()
        found[scheme] = seen.page.evaluate(GRAVE)
    return found


@pytest.mark.parametrize("language", ["en-GB", "ko-KR"])
def test_every_page_is_free_of_grave_faults(browser, live, language):
    with opened(browser, live.url, locale=language) as seen:
        for name in PAGES:
            seen.go(name)
            assert (name, faults(seen)) == (name, {"light": [], "dark": []})


@pytest.mark.parametrize("language", ["en-GB", "ko-KR"])
def test_the_login_is_free_of_grave_faults(browser, live, language):
    with opened(browser, live.url, login=False, locale=language) as seen:
        assert faults(seen) == {"light": [], "dark": []}


def test_a_dialog_is_free_of_grave_faults(browser, live):
    with opened(browser, live.url) as seen:
        seen.page.click(".bar button:has-text('Close all')")
        seen.page.wait_for_selector("dialog[open]")
        assert faults(seen) == {"light": [], "dark": []}
