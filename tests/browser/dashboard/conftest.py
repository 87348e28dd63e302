"""One paper run and one dashboard for all of these tests."""

from __future__ import annotations

import pytest

from tests.browser.dashboard.living import Dashboard, dashboard, opened, paper_run


@pytest.fixture(scope="session")
def live(browser, tmp_path_factory):
    """A dashboard over a run that goes on. `browser` first: without one nothing is started."""
    del browser
    with paper_run(tmp_path_factory.mktemp("live")) as journal, dashboard(journal) as served:
        yield served


@pytest.fixture(scope="session")
def desktop(browser, live: Dashboard):
    with opened(browser, live.url) as found:
        yield found


@pytest.fixture
def seen(desktop):
    """The dashboard on a desktop, logged in, at its first page."""
    desktop.go("overview")
    return desktop
