"""Take a picture of a dashboard that runs, as in the README. It needs Playwright and Chromium.

usage: DASHBOARD_TOKEN=... python scripts/screenshot_dashboard.py http://127.0.0.1:8787 FILE.png
                                                                  [--page overview] [--dark]
"""

import argparse
import os
import shutil
import sys

WIDTH, HEIGHT, TALLEST = 1280, 900, 1200
SETTLE_MS = 1_000  # charts draw in the frames after their data came


def main() -> int:
    parser = argparse.ArgumentParser(description="Take a picture of a dashboard that runs.")
    parser.add_argument("url")
    parser.add_argument("file")
    parser.add_argument("--page", default="overview", help="what follows #/ in its address")
    parser.add_argument("--dark", action="store_true")
    asked = parser.parse_args()
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        sys.exit("playwright is not installed here: pip install 'cointrader[e2e]'")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT},
            color_scheme="dark" if asked.dark else "light",
            locale="en-GB",
        )
        page.goto(f"{asked.url.rstrip('/')}/#token={os.environ['DASHBOARD_TOKEN']}")
        page.wait_for_selector("main .tiles")
        page.evaluate("place => { location.hash = `#/${place}`; }", asked.page)
        page.wait_for_timeout(SETTLE_MS)
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": WIDTH, "height": min(height, TALLEST)})
        page.wait_for_timeout(SETTLE_MS)
        page.screenshot(path=asked.file)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
