"""Files of the pages: those in the folder, and no others."""

from __future__ import annotations

import gzip

import pytest

from cointrader.app.dashboard.serve import _VENDOR
from cointrader.dashboard.static_files import static_files


@pytest.fixture
def folder(tmp_path):
    static = tmp_path / "static"
    (static / "js").mkdir(parents=True)
    (static / "index.html").write_text("<!doctype html>" + "x" * 1_000)
    (static / "icon.svg").write_text("<svg/>")
    (static / "js" / "main.js").write_text("go()")
    (static / "notes.md").write_text("for us")
    (static / ".hidden.js").write_text("no()")
    return static


def test_every_file_of_a_known_kind_has_its_address(folder):
    files = static_files(folder)

    assert sorted(files) == [
        "/", "/favicon.ico", "/static/icon.svg", "/static/index.html", "/static/js/main.js",
    ]  # fmt: skip
    assert files["/"].type == "text/html; charset=utf-8"
    assert files["/static/js/main.js"].type == "text/javascript; charset=utf-8"
    assert files["/favicon.ico"].content == b"<svg/>"


def test_only_the_chart_library_is_taken_from_the_vendors_folder(folder, tmp_path):
    vendor = tmp_path / "vendor"
    vendor.mkdir()
    (vendor / "lightweight-charts.js").write_text("chart")
    (vendor / "page.html").write_text("another page")

    files = static_files(folder, vendor)

    assert "/static/vendor/lightweight-charts.js" in files
    assert "/static/vendor/page.html" not in files


def test_packed_content_is_the_same_content(folder):
    file = static_files(folder)["/"]

    assert file.packed is not None
    assert gzip.decompress(file.packed) == file.content
    assert len(file.packed) < len(file.content)


def test_a_tag_changes_with_its_content(folder):
    before = static_files(folder)["/static/js/main.js"].etag
    assert static_files(folder)["/static/js/main.js"].etag == before

    (folder / "js" / "main.js").write_text("stop()")
    assert static_files(folder)["/static/js/main.js"].etag != before


def test_the_packages_own_pages_come_with_the_chart_library_and_its_licence():
    files = static_files(vendor=_VENDOR)

    assert {"/", "/static/index.html"} <= set(files)
    vendored = {name.rpartition("/")[2] for name in files if name.startswith("/static/vendor/")}
    assert {"lightweight-charts.standalone.production.js", "lightweight-charts.LICENSE",
            "lightweight-charts.NOTICE"} <= vendored  # fmt: skip
