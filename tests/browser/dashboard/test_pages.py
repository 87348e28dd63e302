"""Every page shows what the journal of a real paper run says, and follows it as it grows."""

from __future__ import annotations

import csv
import io
import time
import urllib.request
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice

import pytest

from cointrader.domain.order import Side
from cointrader.domain.records import Decision, RunStarted
from cointrader.journal.sqlite import SqliteJournal
from tests.browser.dashboard.living import (
    FILTERED,
    PAGES,
    PHONE,
    SYMBOLS,
    TOKEN,
    dashboard,
    opened,
    until,
)

pytestmark = pytest.mark.slow

# Pixels of a chart's panes in the colour of a gain, of a loss: candles, or a curve.
DRAWN = """box => {
  const probe = document.createElement("span");
  document.body.append(probe);
  const colours = ["--gain", "--loss"].map(name => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color.match(/\\d+/g).map(Number);
  });
  probe.remove();
  let drawn = 0;
  for (const canvas of box.querySelectorAll("canvas")) {
    if (!canvas.width || canvas.closest("td").cellIndex !== 1) continue;
    const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    for (let i = 0; i < all.length; i += 4) {
      const near = ([r, g, b]) =>
        Math.abs(all[i] - r) + Math.abs(all[i + 1] - g) + Math.abs(all[i + 2] - b) < 30;
      drawn += all[i + 3] > 200 && colours.some(near);
    }
  }
  return drawn;
}"""
T0 = 1_767_225_600_000
A_RUN = RunStarted(T0, "live", "Binance", "default", ("XRPUSDT",), "15m", Decimal(1000), "0.1.0")
REFUSED = Decision("XRPUSDT", T0, "ENTER", Side.LONG, 4, ("rsi",), "max-positions")
FEWEST = 300  # such pixels of a chart that is drawn


def moment(ms):
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def text(seen, selector="main"):
    return seen.page.inner_text(selector)


def test_overview_tells_money_limits_bots_and_trades(seen, live):
    with live.reader() as reader:
        trades = list(reader.trades())

    tiles = text(seen, "main .tiles")
    assert all(name in tiles for name in ("Equity", "Today", "Open risk", "Drawdown", "Positions"))
    assert "limit −5.0%" in tiles
    assert "halts at 30%" in tiles
    assert int(seen.page.locator(".tiles > div", has_text="Trades").locator("dd").inner_text()
               .splitlines()[0]) >= len(trades)  # fmt: skip
    bots = text(seen, "[data-key=bots]")
    assert all(symbol in bots for symbol in SYMBOLS)
    assert bots.count("running") == len(SYMBOLS)
    assert "Paper" in text(seen, ".bar")
    assert "synthetic" in text(seen, ".bar")


def test_the_equity_curve_is_drawn_and_told_in_words(seen):
    chart = seen.page.locator("[data-keep=equity]")
    until(lambda: chart.get_attribute("data-drawn"), "drawing")
    seen.settled()

    assert chart.evaluate(DRAWN) > FEWEST
    assert "Equity from 1,000.00" in chart.get_attribute("aria-label")


def test_symbol_draws_candles_and_tells_the_score_of_the_bar_that_is_picked(seen, live):
    symbol = SYMBOLS[1]
    seen.go(f"symbol/{symbol}")
    chart = seen.page.locator("[data-keep=candles]")
    until(lambda: chart.get_attribute("data-drawn"), "drawing")
    seen.settled()
    assert chart.evaluate(DRAWN) > FEWEST
    assert symbol in chart.get_attribute("aria-label")

    with live.reader() as reader:
        recent = reader.decisions(symbol, last=50)
        scored = next(d for d in reversed(list(recent)) if d.strength and d.reasons)
    bar = moment(scored.bar_open_ms)
    seen.page.click(f"button[aria-label='Show the answer to {bar}']")

    answer = text(seen, "[data-key=answer]")
    assert bar in answer
    assert "Points" in answer
    assert f"{scored.strength}, needs 3" in answer


def test_another_symbol_can_be_chosen(seen):
    seen.go("symbol")
    seen.page.select_option("select[name=symbol]", SYMBOLS[2])

    until(lambda: text(seen, "h1") == SYMBOLS[2], "the other symbol")
    assert seen.page.url.endswith(f"#/symbol/{SYMBOLS[2]}")


def test_decisions_tell_why_and_can_be_filtered_by_symbol_and_reason(seen, live):
    seen.go("decisions")
    rows = seen.page.locator("[data-key=decisions] tbody tr")
    assert rows.count() >= 60

    seen.page.select_option("select[name=symbol]", SYMBOLS[0])
    until(lambda: set(seen.page.locator("[data-key=decisions] td:nth-child(2)").all_inner_texts())
          == {SYMBOLS[0]}, "only one symbol")  # fmt: skip
    with live.reader() as reader:
        held_back = [d for d in reader.decisions(SYMBOLS[0]) if "volume" in d.reasons][-3:]
    assert held_back, "the run held nothing back for its volume"

    seen.page.select_option("select[name=reason]", "volume")
    first = seen.page.locator("[data-key=decisions] tbody tr").first
    until(lambda: "volume" in first.inner_text(), "only bars with too little volume")
    shown = text(seen, "[data-key=decisions]")
    assert all(moment(d.bar_open_ms) in shown for d in held_back)
    assert "reason=volume" in seen.page.url

    seen.page.go_back()
    until(lambda: rows.count() >= 60, "all reasons again")


def test_decisions_go_back_as_far_as_one_likes(seen):
    seen.go("decisions")
    rows = seen.page.locator("[data-key=decisions] tbody tr")
    before = rows.count()

    seen.page.click("main button:has-text('Older')")

    until(lambda: rows.count() >= before + 60, "older rows")
    bars = seen.page.locator("[data-key=decisions] tbody th").all_inner_texts()
    assert bars == sorted(bars, reverse=True)


def test_trades_are_those_of_the_journal_and_their_costs_add_up(seen, live):
    with live.reader() as reader:
        trades = [record.trade for record in islice(reader.trades(), 3)]
    seen.go("trades")

    shown = text(seen, "[data-key=trades]")
    for trade in trades:
        assert moment(trade.exit_time_ms) in shown
        assert f"{abs(trade.net):,.2f}" in shown
    total = [
        float(cell.replace("−", "-").replace(",", ""))
        for cell in seen.page.locator("tfoot td.n").all_inner_texts()
        if "%" not in cell
    ]
    count, before_costs, slippage, fee, funding, net = total
    assert count >= len(trades)
    assert slippage < 0
    assert fee < 0
    assert before_costs + slippage + fee + funding == pytest.approx(net, abs=0.03)  # rounded


def test_trades_are_filtered_and_downloaded_as_csv(seen, live):
    seen.go("trades")
    seen.page.select_option("select[name=side]", "short")
    until(lambda: "side=short" in seen.page.get_attribute("a[download]", "href"), "the filter")

    with seen.page.expect_download() as waited:
        seen.page.click("a[download]")

    rows = list(csv.DictReader(io.StringIO(waited.value.path().read_text(encoding="utf-8"))))
    with live.reader() as reader:
        shorts = [r.trade for r in reader.trades() if r.trade.side.name == "SHORT"]
    assert shorts
    assert len(rows) == len(shorts)
    assert {row["side"] for row in rows} == {"short"}


def test_models_tell_card_gate_probabilities_and_drift(seen, live):
    with live.reader() as reader:
        judged = [d for d in reader.decisions(FILTERED) if d.probability is not None]
        started_ms = reader.last_run().at_ms
    since_its_start = [d for d in judged if d.bar_open_ms >= started_ms]
    seen.go("models")

    rows = seen.page.locator("[data-key=models] tbody tr")
    of = {row.split()[0]: row for row in rows.all_inner_texts()}
    assert set(of) == set(SYMBOLS)
    assert "in use" in of[FILTERED]
    assert "passed" in of[FILTERED]
    assert all("none" in of[symbol] for symbol in SYMBOLS if symbol != FILTERED)
    assert judged
    card = text(seen, f"section[data-key={FILTERED}]")
    assert "0.561" in card
    assert "600" in card  # rows it learned from
    assert "60% – 70%" in card  # where its answers lie
    drift = next(m["drift"] for m in live.answer("models")["models"] if m["symbol"] == FILTERED)
    if drift is None:  # the process does not count it: then the page says so
        assert "Drift of live features" in card
        return
    shown = text(seen, f"[data-key=drift-{FILTERED}]")
    assert drift["rows"] >= len(since_its_start) > 0  # a process counts anew; this one was resumed
    assert all(each["feature"] in shown for each in drift["features"])


def test_health_tells_the_process_the_journal_and_the_versions(seen, live):
    seen.go("health")

    shown = text(seen)
    assert live.journal.name in shown
    with (live.journal.with_name(f"{live.journal.name}.lock")).open() as lock:
        assert f"running, id {lock.read().strip()}" in shown
    assert "SQLite" in shown


def test_what_happens_is_on_the_page_within_a_second(seen, live):
    shown = seen.page.locator(".bar time")

    def newest_bar():
        with live.reader() as reader:
            return max(decision.bar_open_ms for decision in reader.decisions(last=3))

    def lateness_s():
        """Of the next bar: from its record in the journal to the page."""
        before = newest_bar()
        bar = until(lambda: (newest := newest_bar()) > before and newest, "another bar")
        began = time.monotonic()
        told = datetime.fromtimestamp(bar / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        until(lambda: shown.get_attribute("datetime") >= told, "telling the page")
        return time.monotonic() - began

    found = [lateness_s() for _ in range(3)]

    assert min(found) < 1.0, found  # the others tell how busy this machine is


def test_a_lost_line_is_told_and_mended(browser, live):
    with opened(browser, live.url, without="**/api/v1/events") as seen:
        banner = seen.page.locator(".banner")
        banner.filter(has_text="Disconnected").wait_for()
        assert seen.page.locator(".tiles").count() == 1  # what is known stays

        seen.page.unroute("**/api/v1/events")
        banner.filter(has_text="Disconnected").wait_for(state="detached")


def test_a_dashboard_that_went_away_is_told_and_asks_for_the_token_when_it_is_back(browser, live):
    with dashboard(live.journal) as brief, opened(browser, brief.url) as seen:
        brief.stop()
        seen.page.locator(".banner", has_text="Disconnected").wait_for()
        seen.go("trades")
        assert "does not answer" in text(seen)

        brief.start()
        seen.page.wait_for_selector("input[name=token]")


def test_an_address_that_nobody_can_read_is_a_symbol_that_is_not_there(browser, live):
    with opened(browser, live.url) as seen:
        seen.go("symbol/%")
        seen.page.reload()

        seen.page.wait_for_selector("main .wrong", timeout=20_000)
        assert "not traded here" in text(seen)


def test_a_filter_that_no_trade_meets_does_not_say_that_there_are_none(seen):
    seen.go("trades?from=2099-01-01")

    until(lambda: "No trade meets these filters" in text(seen, "[data-key=trades]"), "the filter")
    assert "No trade meets these filters" in text(seen, "section[data-key=costs]")
    assert "No closed trade yet" not in text(seen)


def test_a_phone_shows_all_of_what_trades_cost_together(browser, live):
    with opened(browser, live.url, viewport=PHONE) as seen:
        seen.go("trades")

        box = seen.page.locator(".scroll[data-key=costs]")
        assert box.evaluate("box => box.scrollHeight - box.clientHeight") == 0
        cells = seen.page.locator("tfoot th, tfoot td")
        for cell in cells.all():
            assert cell.evaluate("cell => getComputedStyle(cell).display") == "flex"
            where = cell.bounding_box()
            assert where["x"] >= 0
            assert where["x"] + where["width"] <= PHONE["width"]


def test_a_refused_entry_is_not_told_as_an_entry(browser, tmp_path):
    journal = tmp_path / "refused.db"
    with SqliteJournal(journal, threaded=False) as written:
        written.checkpoint(A_RUN, REFUSED)
    with dashboard(journal) as served, opened(browser, served.url) as seen:
        seen.go("health")
        bots = text(seen, ".scroll[data-key=bots]")
        assert "Entry refused" in bots
        assert "as many positions are open as allowed" in bots

        seen.go("decisions")
        counted = text(seen, "section:has([data-key=REFUSED])")
        assert "Entry refused" in counted
        assert "Enter" not in counted.replace("Entry refused", "").split("Refused")[0]


@pytest.mark.parametrize("language", ["en-GB", "ko-KR"])
def test_no_page_scrolls_sideways(browser, live, language):
    with opened(browser, live.url, viewport=PHONE, locale=language) as seen:
        for name in PAGES:
            seen.go(name)
            for width in (320, PHONE["width"], 768):
                seen.page.set_viewport_size({"width": width, "height": PHONE["height"]})
                seen.settled()
                wide, shown = seen.page.evaluate(
                    "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
                )
                assert (name, width, wide) == (name, width, shown)


def test_no_page_makes_an_error_or_asks_outside(browser, live):
    with opened(browser, live.url) as seen:
        for name in PAGES:
            seen.go(name)
            seen.settled()

        assert seen.said == []
        assert len(seen.asked) > len(PAGES)
        assert [url for url in seen.asked if not url.startswith(f"{live.url}/")] == []
        assert not any(TOKEN in url.split("#")[0] for url in seen.asked)
        assert TOKEN not in seen.page.url


def test_the_pages_ask_for_a_policy_without_anything_inline(live):
    with urllib.request.urlopen(f"{live.url}/", timeout=5) as answer:
        policy = answer.headers["Content-Security-Policy"]
        page = answer.read().decode()

    assert "unsafe" not in policy
    assert "<style" not in page
    assert "style=" not in page
    assert "default-src 'none'" in policy


def test_light_and_dark_follow_the_system_or_the_choice(browser, live):
    ground = "getComputedStyle(document.body).backgroundColor"
    with opened(browser, live.url, color_scheme="light") as seen:
        chart = seen.page.locator("[data-keep=equity]")
        until(lambda: chart.get_attribute("data-drawn"), "drawing")
        seen.settled()
        light, before = seen.page.evaluate(ground), chart.evaluate(DRAWN)

        seen.page.emulate_media(color_scheme="dark")
        seen.settled()
        dark = seen.page.evaluate(ground)
        assert dark != light
        assert before > FEWEST
        assert chart.evaluate(DRAWN) > FEWEST  # in the colours of the dark theme

        seen.page.select_option(".foot label:nth-of-type(2) select", "light")
        assert seen.page.evaluate(ground) == light
        seen.page.reload()
        seen.page.wait_for_selector("main .tiles")
        assert seen.page.evaluate(ground) == light


def test_korean_is_chosen_and_kept(browser, live):
    with opened(browser, live.url) as seen:
        seen.page.select_option(".foot select", "ko")

        until(lambda: text(seen, "h1") == "개요", "Korean")
        assert seen.page.get_attribute("html", "lang") == "ko"
        seen.page.reload()
        seen.page.wait_for_selector("main .tiles")
        assert text(seen, "h1") == "개요"
        seen.page.select_option(".foot select", "en")
        until(lambda: text(seen, "h1") == "Overview", "English again")
