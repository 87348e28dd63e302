"""The system's Chromium, driven by Playwright; without either of them these tests are skipped."""

from __future__ import annotations

import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def browser():
    """One headless browser for all tests."""
    api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed")
    with api.sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=program, headless=True, args=["--no-sandbox"]
        )
        yield chromium
        chromium.close()
