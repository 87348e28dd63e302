from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from cointrader.cli.data import data
from cointrader.domain.errors import DataError, UsageError
from tests.unit.market.made import changed, put, raw


@dataclass(frozen=True)
class Answer:
    code: int
    text: str


def check(folder: Path, *options: str) -> Answer:
    result = CliRunner().invoke(data, ["check", "--data", str(folder), *options])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Answer(result.exit_code, result.stdout)


def test_a_clean_folder_is_usable_and_told_with_range_rows_and_coverage(tmp_path):
    rate = pl.lit(0.001).alias("funding_rate")
    put(tmp_path, raw(400, ["btc"]).with_columns(rate))

    answer = check(tmp_path)

    assert answer.code == 0
    assert "XRPUSDT  15m" in answer.text
    assert "400, opening 2025-03-05 15:00 UTC to 2025-03-09 18:45 UTC" in answer.text
    assert "open, high, low, close, volume, BTCUSDT, funding_rate 100 %" in answer.text
    assert "oi_change 0.0 %" in answer.text
    assert "BTCUSDT  15m  in the files of XRPUSDT" in answer.text
    assert answer.text.count("  usable") == 2


def test_suspects_are_told_but_refuse_nothing(tmp_path):
    put(tmp_path, changed(raw(400), 20, volume=0.0))

    answer = check(tmp_path)

    assert answer.code == 0
    assert "suspect   zero-volume: 1" in answer.text
    assert "row 20, 2025-03-05 20:00 UTC: 1 bar(s) running without volume" in answer.text


def test_what_must_be_refused_is_told_and_the_code_is_1(tmp_path):
    put(tmp_path, raw(400).filter(pl.int_range(pl.len()) != 7))
    put(tmp_path, raw(400), "trxusdt")

    answer = check(tmp_path)

    assert answer.code == 1
    assert "NOT USABLE: candles are missing" in answer.text
    assert "store it again" in answer.text
    assert "TRXUSDT" in answer.text


def test_many_findings_of_a_kind_are_cut_short_for_people_only(tmp_path):
    put(tmp_path, pl.concat([raw(400), raw(10)]))

    people, machine = check(tmp_path), check(tmp_path, "--json")

    assert "repaired  duplicate: 10" in people.text
    assert "and 7 more" in people.text
    (report,) = json.loads(machine.text)["symbols"]
    assert Counter(finding["kind"] for finding in report["findings"])["duplicate"] == 10


@pytest.mark.parametrize(("bars", "code"), [(300, 3), (301, 0)])
def test_up_to_300_candles_are_not_enough(tmp_path, bars, code):
    put(tmp_path, raw(bars))

    answer = check(tmp_path)

    assert answer.code == code
    assert ("NOT ENOUGH" in answer.text) == (code == 3)


def test_a_file_without_rows_is_not_enough_and_not_a_fault(tmp_path):
    put(tmp_path, raw(400, ["btc"])[:0])

    assert check(tmp_path).code == 3


def test_copies_do_not_count_as_candles(tmp_path):
    put(tmp_path, pl.concat([raw(300), raw(300)[299:]]))

    assert check(tmp_path).code == 3


def test_a_file_that_cannot_be_read_is_told_beside_the_others(tmp_path):
    put(tmp_path, raw(400)).write_bytes(b"")
    put(tmp_path, raw(400), "trxusdt")

    answer = check(tmp_path)

    assert answer.code == 1
    assert "NOT USABLE: a candle file is not a whole parquet file" in answer.text


def test_symbols_may_be_listed_or_repeated(tmp_path):
    for symbol in ("xrpusdt", "trxusdt", "adausdt"):
        put(tmp_path, raw(301), symbol)

    answer = check(tmp_path, "--symbol", "xrpusdt", "--symbols", "TRXUSDT, XRPUSDT", "--json")

    reports = json.loads(answer.text)["symbols"]
    assert [report["symbol"] for report in reports] == ["XRPUSDT", "TRXUSDT"]


def test_an_unknown_symbol_is_told_what_is_stored(tmp_path):
    put(tmp_path, raw(301))

    answer = check(tmp_path, "--symbol", "ADAUSDT")

    assert answer.code == 1
    assert "stored are XRPUSDT" in answer.text


def test_context_in_which_two_files_disagree_is_told(tmp_path):
    put(tmp_path, raw(301, ["btc"]))
    put(tmp_path, changed(raw(301, ["btc"]), 9, close_btc=108.5), "trxusdt")

    answer = check(tmp_path)

    assert answer.code == 0
    assert "suspect   disagreement: 1" in answer.text


def test_a_hole_in_the_context_is_refused(tmp_path):
    names = ("open_btc", "high_btc", "low_btc", "close_btc", "volume_btc")
    put(tmp_path, changed(raw(301, ["btc"]), 9, **dict.fromkeys(names)))

    answer = check(tmp_path)

    assert answer.code == 1
    assert "NOT USABLE: candles of BTCUSDT are missing" in answer.text


def test_json_is_all_that_is_on_stdout(tmp_path):
    put(tmp_path, raw(301).filter(pl.int_range(pl.len()) != 7))

    result = json.loads(check(tmp_path, "--json").text)

    assert result["exit_code"] == 1
    (report,) = result["symbols"]
    assert report["candles"] == 300
    assert report["findings"][0]["kind"] == "gap"
    assert "1 missing between" in report["refused"]


def test_all_and_single_symbols_exclude_each_other(tmp_path):
    with pytest.raises(UsageError, match="contradict"):
        check(tmp_path, "--all", "--symbol", "XRPUSDT")


def test_a_folder_without_candles_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no candles"):
        check(tmp_path)


def test_help_shows_two_examples():
    result = CliRunner().invoke(data, ["check", "--help"])

    assert result.output.count("  cointrader data check") == 2
