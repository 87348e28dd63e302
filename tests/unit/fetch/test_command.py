"""`cointrader fetch` as it is typed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cointrader.app.config import Config
from cointrader.app.fetch.plan import Source
from cointrader.cli.fetch import _joined, _plan
from cointrader.cli.main import main

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    for name in set(os.environ) - {"PATH", "HOME", "TMPDIR", "PYTEST_CURRENT_TEST"}:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--days", "2", "--from", "2026-02-01"), "exclude each other"),
        (("--symbol", "XRPUSDT", "--all"), "exclude each other"),
        (("--symbol", "XRPUSDT", "--symbols", "TRXUSDT"), "exclude each other"),
        (("--symbol", "XRP/USDT"), "SYMBOLS"),
        (("--symbols",), "--symbols"),
        (("XRPUSDT",), "XRPUSDT"),
        (("--interval", "7m"), "unknown candle interval"),
        (("--days", "0"), "--days"),
        (("--from", "yesterday"), "not a date"),
        (("--from", "2026-02-02", "--to", "2026-02-01"), "not before"),
        (("--source", "archive"), "add --archive-url"),
        (("--source", "tape"), "--source"),
        (("--collect", "--days", "3"), "say nothing here"),
        (("--collect", "--import", "x"), "exclude each other"),
        (("--import", "nowhere"), "no such file"),
        (("--import", ".", "--source", "rest"), "say nothing here"),
        (("--output", "data/trx.parquet"), "a folder is written"),
        (("--archive-url", "ftp://somewhere"), "no address"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_done(folder, capsys, options, words):
    assert main(["fetch", "--base-url", NOBODY, *options]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--symbols", "A", "B", "C", "--days", "3"],
        ["--symbols", "A,", "B,C", "--days", "3"],
        ["--symbols", "A,B,C", "--days", "3"],
    ],
)
def test_symbols_stand_behind_commas_or_spaces(arguments):
    assert list(_joined(arguments)) == ["--symbols", "A,B,C", "--days", "3"]


def test_the_archive_of_the_real_exchange_is_not_asked_about_another_server():
    config = Config(environ={}, folder="/dev/null")

    def plan(base_url, archive_url):
        dates = (None, None)
        return _plan(config, "15m", Path("data"), dates, None, "auto", base_url, archive_url)

    assert plan(None, None).archive_url == "https://data.binance.vision"
    assert plan(None, None).rest_url == "https://fapi.binance.com"
    assert plan(NOBODY, None).archive_url is None
    assert plan(NOBODY, "http://127.0.0.1:8/").archive_url == "http://127.0.0.1:8"
    assert plan(None, None).source is Source.AUTO
    assert plan(None, None).origin != plan(NOBODY, None).origin


def test_help_shows_examples_and_exit_codes(capsys):
    assert main(["fetch", "--help"]) == 0

    out = capsys.readouterr().out
    assert out.count("\n    cointrader fetch --") >= 2
    assert "Exit codes: 0 done" in " ".join(out.split())
