"""What a person asks for on the page happens in the running bots."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from cointrader.ops.control import ask
from tests.browser.dashboard.living import SYMBOLS, TOKEN, opened, until
from tests.browser.dashboard.living import dashboard as served

pytestmark = pytest.mark.slow


def is_paused(live):
    return ask(live.journal, "state").values["is_paused"]


def open_positions(live):
    return ask(live.journal, "state").values["positions"]


@pytest.fixture
def trading(live):
    """Entries are allowed before and after."""
    ask(live.journal, "resume")
    yield live
    ask(live.journal, "resume")


def test_a_position_is_closed_by_name_and_only_after_a_second_button(seen, trading):
    dialog = seen.page.locator("dialog")
    for _ in range(3):  # one may end by itself while it is asked about
        until(lambda: open_positions(trading), "a position")
        with trading.reader() as reader:
            before = sum(1 for _ in reader.trades())
        seen.page.locator("[data-key=positions] button").first.dispatch_event("click")
        asked = dialog.inner_text()
        symbol = next(each for each in SYMBOLS if f"Close {each}?" in asked)
        assert "at market" in asked
        assert "Entry" in asked
        assert not is_paused(trading)

        dialog.locator("button", has_text=f"Close {symbol} at market").click()
        dialog.locator(".answer.good").wait_for()
        assert symbol in dialog.locator(".answer").inner_text()
        dialog.locator("button", has_text="Close").click()
        seen.page.locator(".bar .badge", has_text="Entries paused").wait_for()
        assert symbol not in open_positions(trading)
        with trading.reader() as reader:
            alerts = [alert.text for alert in reader.alerts(last=5)]
            closed = [record.trade for record in reader.trades()][before:]
        assert any(text.startswith("flatten, asked for by") for text in alerts)
        if any(trade.symbol == symbol and trade.reason.value == "MANUAL" for trade in closed):
            return
        ask(trading.journal, "resume")
    raise AssertionError("no position was closed by hand")


def test_pause_and_resume_are_seen_in_the_running_process(seen, trading):
    assert not is_paused(trading)
    seen.page.click(".bar button:has-text('Pause entries')")
    dialog = seen.page.locator("dialog")
    assert "No symbol enters a new position until you resume" in dialog.inner_text()
    assert not is_paused(trading)  # nothing happens before the second button

    dialog.locator("button", has_text="Pause entries").click()
    dialog.locator(".answer.good").wait_for()
    assert "entries are paused" in dialog.inner_text()
    assert is_paused(trading)
    dialog.locator("button", has_text="Close").click()

    seen.page.click(".bar button:has-text('Resume entries')")
    dialog.locator("button", has_text="Resume entries").click()
    dialog.locator(".answer.good").wait_for()
    assert not is_paused(trading)
    dialog.locator("button", has_text="Close").click()
    seen.page.locator(".bar button", has_text="Pause entries").wait_for()


def test_closing_everything_asks_for_a_word_and_escape_changes_nothing(seen, trading):
    before = open_positions(trading)
    seen.page.click(".bar button:has-text('Close all')")
    dialog = seen.page.locator("dialog")
    go = dialog.locator("button", has_text="Close all at market")
    assert go.is_disabled()
    dialog.locator("input").fill("flat")
    assert go.is_disabled()
    dialog.locator("input").fill("flatten")
    assert go.is_enabled()

    seen.page.keyboard.press("Escape")

    assert seen.page.locator("dialog").count() == 0
    assert not is_paused(trading)
    assert set(before) <= set(open_positions(trading)) | set(SYMBOLS)


def test_a_wrong_token_is_refused_and_says_so(browser, live):
    with opened(browser, live.url, login=False) as seen:
        seen.page.fill("input[name=token]", "something else")
        seen.page.click("form button")
        seen.page.locator(".problem", has_text="This is not the token").wait_for()
        assert seen.page.evaluate("document.activeElement.name") == "token"

        seen.page.fill("input[name=token]", TOKEN)
        seen.page.keyboard.press("Enter")
        seen.page.wait_for_selector("main .tiles")
        seen.page.click("button:has-text('Log out')")
        seen.page.wait_for_selector("input[name=token]")
        seen.page.reload()
        seen.page.wait_for_selector("input[name=token]")


def test_from_the_login_to_a_dialog_and_back_without_a_mouse(browser, live):
    with opened(browser, live.url, login=False) as seen:
        press = seen.page.keyboard.press

        def focused():
            return seen.page.evaluate("(document.activeElement.textContent || '').trim()")

        assert seen.page.evaluate("document.activeElement.name") == "token"
        seen.page.keyboard.type(TOKEN)
        press("Enter")
        seen.page.wait_for_selector("main .tiles")

        press("Tab")
        assert focused() == "Skip to the page"
        press("Enter")
        assert seen.page.evaluate("document.activeElement.id") == "main"

        for _ in range(40):
            press("Shift+Tab")
            if focused() == "Pause entries":
                break
        assert focused() == "Pause entries"
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert seen.page.evaluate(outline) == "solid"

        press("Enter")
        seen.page.wait_for_selector("dialog[open]")
        assert focused() == "Cancel"
        for _ in range(5):  # focus stays inside: the dialog, or the browser's own bar
            press("Tab")
            assert seen.page.evaluate(
                "document.activeElement === document.body"
                " || document.activeElement.closest('dialog') !== null"
            )
        press("Escape")
        assert seen.page.locator("dialog").count() == 0
        assert focused() == "Pause entries"
        assert not is_paused(live)


def test_where_nobody_runs_controls_are_off_and_say_why(browser, live, tmp_path):
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(live.journal)) as journal, closing(sqlite3.connect(copy)) as left:
        journal.backup(left)
    with served(copy) as over, opened(browser, over.url) as seen:
        pause = seen.page.locator(".bar button", has_text="Pause entries")

        assert pause.is_disabled()
        assert "Controls are off" in pause.get_attribute("title")
        assert "Stopped" in seen.page.inner_text(".bar")
        seen.go("health")
        assert "The process tells nothing" in seen.page.inner_text("main")
