"""The page is one file that asks for nothing, and holds every part of a report."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html import unescape
from importlib.resources import files

import pytest

from cointrader.backtest.report import render, report_data
from cointrader.backtest.report.frame import LIBRARY, LICENCE, NOTICE, asset
from cointrader.market.quality import Finding, Kind, Severity
from tests.unit.report.making import a_sweep, a_walk_forward, played_inputs

# Of lightweight-charts 5.2.1 as its registry has it.
LIBRARY_SHA256 = "e21cc5caa0226ef30bd8549c50b9ef926615f2a4ee6b4e486353477a55f598cf"
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def inputs():
    return played_inputs()


@pytest.fixture(scope="module")
def page(inputs):
    return render(report_data(inputs))


def without_licence(page):
    """The page less the vendored library, its notice and its licence."""
    for text in (LIBRARY, LICENCE, NOTICE):
        page = page.replace(asset(text), "").replace(asset(text).replace("&", "&amp;"), "")
    return re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL)


def data_of(page):
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', page)
    assert block is not None
    return json.loads(block[1])


def test_the_vendored_library_is_in_the_package_as_it_was_published():
    shipped = files("cointrader.backtest.report").joinpath("assets", LIBRARY).read_bytes()

    assert hashlib.sha256(shipped).hexdigest() == LIBRARY_SHA256
    assert "Apache License" in asset(LICENCE)
    assert "TradingView" in asset(NOTICE)


def test_nothing_outside_of_the_file_is_named(page):
    own = without_licence(page)

    assert re.findall(r"https?://[^\"'<\s]*", own) == ["https://www.tradingview.com/"]
    for asking in ("<link", "<img", "<iframe", "@import", "url(", " src=", "fetch(", "XMLHttp"):
        assert asking not in own


def test_the_licence_of_the_chart_library_is_kept(page):
    assert "Lightweight Charts™" in page
    assert '<a href="https://www.tradingview.com/"' in page
    assert "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION" in page
    assert "Licensed under Apache License 2.0" in page


def test_only_the_pages_own_scripts_may_run(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)

    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert len(scripts) == 2
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy[1]
    assert "unsafe-inline" not in policy[1].split("script-src")[1]


def test_names_from_users_stay_text(inputs):
    market, symbols = inputs.stretch.market, (HOSTILE, "DOGEUSDT")
    frames = dict(zip(symbols, market.frames.values(), strict=True))
    finding = Finding(Kind.JUMP, 0, 1_740_000_000_000, HOSTILE, Severity.SUSPECT)
    hostile = replace(
        inputs,
        title=HOSTILE,
        market=HOSTILE,
        profile=HOSTILE,
        version=HOSTILE,
        account=replace(inputs.account, symbols=symbols),
        judged=replace(inputs.judged, result=replace(inputs.judged.result, symbols=symbols)),
        stretch=replace(inputs.stretch, market=replace(market, frames=frames)),
        settings={HOSTILE: HOSTILE},
        deviations={HOSTILE: (HOSTILE, HOSTILE)},
        findings={HOSTILE: [finding]},
        remarks=[HOSTILE],
    )

    page = without_licence(render(report_data(hostile)))

    assert "alert(1)</script>" not in page
    assert "<img" not in page
    assert page.count("<script") == 3
    assert unescape(page).count(HOSTILE) >= 10


def test_the_verdict_comes_first(page, inputs):
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", page)

    assert headings == [
        "Too little data",
        "Equity and drawdown",
        "Candles with entries and exits",
        "Results of single trades",
        "Month by month",
        "Costs",
        "Refusals and exits",
        "Data quality",
        "How it was made",
    ]
    assert "<title>Too little data: score on 2 symbols</title>" in page


def test_every_criterion_is_there_with_its_number_and_its_outcome(page, inputs):
    findings = inputs.judged.verdict.findings

    for finding in findings:
        assert finding.why.replace("'", "&#x27;") in page or finding.why in page
    assert page.count("✓ passed") == sum(finding.passed for finding in findings) > 0
    assert page.count("✗ failed") == sum(not finding.passed for finding in findings) > 0


def test_made_up_candles_are_called_that(page, inputs):
    assert "Made-up candles" in page
    assert "Made-up candles" not in render(report_data(replace(inputs, is_made_up=False)))


def test_a_sweep_and_a_walk_forward_are_shown_where_there_are_any(page, inputs):
    assert "Walk-forward" not in without_licence(page)

    more = render(report_data(replace(inputs, sweep=a_sweep(), walk_forward=a_walk_forward())))

    assert '<h2 id="sweep">Sweep</h2>' in more
    assert "◆ +0.400 R" in more
    assert '<h2 id="folds">Walk-forward</h2>' in more
    assert "2025-01-25 to<br/>2025-02-03" in more  # ends are excluded
    assert "96.0 % of all bars" in more
    assert data_of(more)["stitched"]["value"][-1] == 1_039.0


def test_what_is_drawn_is_what_was_played(page, inputs):
    drawn = data_of(page)

    assert drawn["account"]["value"][0] == inputs.account.start_wallet
    assert drawn["account"]["value"][-1] == pytest.approx(inputs.account.final_wallet, rel=1e-6)
    assert min(drawn["account"]["fall"]) < 0
    assert [each["symbol"] for each in drawn["candles"]] == list(inputs.account.symbols)
    assert sum(map(len, drawn["trades"]["own"].values())) == len(inputs.judged.result.trades)


def test_a_report_is_small(page):
    assert len(page.encode()) < 600_000  # 11,520 candles, of 200 kB library


def test_the_same_inputs_give_the_same_page(page, inputs):
    assert render(report_data(inputs)) == page


def test_a_page_about_a_search_begins_with_what_the_search_came_to(inputs):
    searched = replace(a_sweep(), says=("The best of 9 made nothing.", "Luck does as well."))

    made = render(report_data(replace(inputs, sweep=searched, judged=None)))

    assert made.index("<title>Sweep: ") < made.index("The best of 9 made nothing.")
    assert made.index("The best of 9 made nothing.") < made.index("One account beside it")
    assert "Not judged" not in made
