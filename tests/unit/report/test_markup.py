"""Text from data cannot become markup, wherever it stands."""

import json
import re

from cointrader.backtest.report.markup import Html, element, joined, json_block, table

HOSTILE = "</script><script>alert(1)</script><img src=x onerror='a\"b'>&amp;"


def test_text_is_escaped_and_markup_is_not():
    inner = element("b", "1 < 2")

    assert element("p", "a & b ", inner) == "<p>a &amp; b <b>1 &lt; 2</b></p>"


def test_attributes_are_escaped_and_named_as_html_names_them():
    found = element("td", class_="n", aria_label='"quoted" <it>', title=None)

    assert found == '<td class="n" aria-label="&quot;quoted&quot; &lt;it&gt;"></td>'


def test_hostile_text_stays_text():
    found = table(HOSTILE, [HOSTILE], [[HOSTILE, HOSTILE]], foot=[HOSTILE])

    assert isinstance(found, Html)
    assert "<script" not in found
    assert "<img" not in found


def test_text_that_looks_like_a_cell_is_no_cell():
    assert "<td onclick" not in table("t", ["a"], [["x", "<td onclick=alert(1)>"]])


def test_data_cannot_end_the_element_it_stands_in():
    block = json_block("data", {"name": HOSTILE, "other": "<!--\u2028"})

    assert block.count("<") == block.count(">") == 2
    inner = re.fullmatch(r'<script type="application/json" id="data">(.*)</script>', block)
    assert inner is not None
    assert json.loads(inner[1]) == {"name": HOSTILE, "other": "<!--\u2028"}


def test_a_table_has_headers_for_its_columns_and_its_rows():
    found = table("what it shows", ["symbol", "net"], [["XRPUSDT", "+1.00"]], foot=["all", "+1.00"])

    assert '<caption class="hidden">what it shows</caption>' in found
    assert '<th scope="col">symbol</th><th scope="col" class="n">net</th>' in found
    assert '<tr><th scope="row">XRPUSDT</th><td class="n">+1.00</td></tr>' in found


def test_joined_parts_keep_what_they_are():
    assert joined(["<", Html("<br/>")]) == "&lt;<br/>"
