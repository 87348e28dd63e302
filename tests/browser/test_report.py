"""The report in a real browser: it draws, asks for nothing, fits a phone and follows the theme."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from cointrader.app.backtest_report import write_report
from tests.unit.report.making import a_sweep, a_walk_forward, played_inputs

pytestmark = pytest.mark.slow

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}

# How many pixels in the panes of a chart, not in its axes, have the colour of a gain or a loss.
DRAWN = """id => {
  const style = getComputedStyle(document.documentElement);
  const parts = hex => [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16));
  const colours = ["--gain", "--loss"].map(name => parts(style.getPropertyValue(name).trim()));
  let drawn = 0;
  for (const canvas of document.querySelectorAll(`#${id} canvas`)) {
    if (!canvas.width || !canvas.height || canvas.closest("td").cellIndex !== 1) continue;
    const seen = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    for (let i = 0; i < seen.length; i += 4) {
      const near = ([r, g, b]) =>
        Math.abs(seen[i] - r) + Math.abs(seen[i + 1] - g) + Math.abs(seen[i + 2] - b) < 30;
      drawn += seen[i + 3] > 200 && colours.some(near);
    }
  }
  return drawn;
}"""
FEWEST = 500  # such pixels of a chart that is drawn; one of a single point has fewer


@dataclass
class Opened:
    """A page with everything it said and asked for."""

    page: object
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """A report with every part."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    inputs = replace(played_inputs(), sweep=a_sweep(), walk_forward=a_walk_forward())
    write_report(path, inputs)
    return path


@contextmanager
def opened(browser, path, viewport=DESKTOP, **options):
    context = browser.new_context(viewport=viewport, **options)
    page = context.new_page()
    found = Opened(page)
    page.on("console", lambda told: found.errors.append(told.text))
    page.on("pageerror", lambda error: found.errors.append(str(error)))
    page.on("request", lambda asked: found.requests.append(asked.url))
    page.goto(path.as_uri())
    if options.get("java_script_enabled", True):
        page.wait_for_selector("html[data-drawn]", state="attached")
        page.wait_for_timeout(300)  # charts draw in the frames that follow
    try:
        yield found
    finally:
        context.close()


def test_it_opens_without_an_error_and_asks_for_nothing(browser, report):
    with opened(browser, report) as seen:
        assert seen.errors == []
        assert seen.requests == [report.as_uri()]


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", ["account", "own", "candles", "stitched"])
def test_every_chart_is_drawn(browser, report, viewport, name):
    with opened(browser, report, viewport) as seen:
        assert seen.page.evaluate(DRAWN, f"chart-{name}") > FEWEST


@pytest.mark.parametrize("width", [320, 360, 768])
def test_the_page_never_scrolls_sideways(browser, report, width):
    with opened(browser, report, {"width": width, "height": 740}) as seen:
        for opener in seen.page.query_selector_all("summary"):
            opener.click()
        wide, shown = seen.page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )

        assert wide <= shown == width


def test_dark_mode_changes_the_page_and_the_charts(browser, report):
    colours = (
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    with opened(browser, report, color_scheme="light") as seen:
        light = seen.page.evaluate(colours)
        chart = seen.page.query_selector("#chart-candles")
        before = chart.screenshot()

        seen.page.emulate_media(color_scheme="dark")
        seen.page.wait_for_timeout(300)

        dark = seen.page.evaluate(colours)
        assert light != dark
        assert chart.screenshot() != before
        assert seen.errors == []
    with opened(browser, report, color_scheme="dark") as seen:
        assert seen.page.evaluate(colours) == dark


def test_text_stands_out_in_either_theme(browser, report):
    contrast = """() => {
      const luminance = colour => {
        const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(c => c / 255)
          .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ground = element => {
        for (let at = element; at; at = at.parentElement) {
          const colour = getComputedStyle(at).backgroundColor;
          if (/^rgb\\(/.test(colour)) return colour;
        }
        return "rgb(255, 255, 255)";
      };
      const low = [];
      const texts = "h1, h2, h3, p, dt, dd, th, td.n:not([style]), small, summary";
      const others = ", button:enabled, .passed, .failed";
      for (const each of document.querySelectorAll(texts + others)) {
        if (!each.textContent.trim() || !each.offsetParent) continue;
        const one = luminance(getComputedStyle(each).color), other = luminance(ground(each));
        const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        if (ratio < 4.5) low.push(`${each.textContent.slice(0, 30)}: ${ratio.toFixed(2)}`);
      }
      return low;
    }"""
    for scheme in ("light", "dark"):
        with opened(browser, report, color_scheme=scheme) as seen:
            assert seen.page.evaluate(contrast) == []


def test_trades_are_stepped_through_one_by_one(browser, report):
    with opened(browser, report) as seen:
        told = seen.page.locator("#trade-told")
        chart = seen.page.query_selector("#chart-candles")
        first, before = told.inner_text(), chart.screenshot()

        seen.page.click("#trade-next")

        assert first.startswith("Trade 1 of ")
        assert told.inner_text().startswith("Trade 2 of ")
        seen.page.wait_for_timeout(300)
        assert chart.screenshot() != before
        seen.page.click("#trade-before")
        assert told.inner_text() == first
        assert seen.page.locator("#trade-before").is_disabled()


def test_symbol_and_run_can_be_chosen(browser, report):
    inputs: Any = played_inputs()
    counts = {
        (run, place): int((result.trades["symbol"] == place).sum())
        for run, result in (("own", inputs.judged.result), ("account", inputs.account))
        for place in (0, 1)
    }
    with opened(browser, report) as seen:
        for (run, place), count in counts.items():
            seen.page.click(f"button[data-run={run}]")
            seen.page.click(f"button[data-symbol='{place}']")

            assert f" of {count}: " in seen.page.inner_text("#trade-told")
            assert seen.page.get_attribute(f"button[data-run={run}]", "aria-pressed") == "true"
        for days in ("7", "30", "-1", "0"):
            seen.page.click(f"button[data-span='{days}']")
        assert seen.errors == []


def test_trades_are_a_table_too(browser, report):
    inputs: Any = played_inputs()
    expected = int((inputs.judged.result.trades["symbol"] == 0).sum())
    with opened(browser, report) as seen:
        seen.page.click("#trades > summary")

        rows = seen.page.locator("#trade-table tbody tr")
        assert rows.count() == expected
        rows.nth(2).click()
        assert seen.page.inner_text("#trade-told").startswith("Trade 3 of ")


def test_every_chart_has_a_text_of_its_own(browser, report):
    with opened(browser, report) as seen:
        labels = seen.page.eval_on_selector_all(
            "[role=img]", "all => all.map(each => each.getAttribute('aria-label'))"
        )

        assert len(labels) == 5
        assert all(labels)


def test_without_a_script_every_number_is_still_there(browser, report):
    with opened(browser, report, java_script_enabled=False) as seen:
        text = seen.page.inner_text("body")

        assert "Too little data" in text
        assert "need JavaScript" in text
        assert "2025-02" in text


def test_a_report_without_a_verdict_is_drawn_too(browser, tmp_path):
    path = tmp_path / "bare.html"
    write_report(path, played_inputs(is_judged=False))
    with opened(browser, path) as seen:
        assert seen.errors == []
        assert "Not judged" in seen.page.inner_text("main")
        assert seen.page.query_selector("#chart-own") is None
        assert seen.page.evaluate(DRAWN, "chart-account") > FEWEST
        assert seen.page.inner_text("#trade-told").startswith("Trade 1 of ")
