"""The kept ledger: read, added to, written again, and never harmed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cointrader.app.income.file import COLUMNS, Kept, read_kept, write_kept
from cointrader.app.income.rows import IncomeRow, Reading
from cointrader.domain.errors import CointraderError, DataError

D = Decimal


def a_row(at_ms, amount="1", number="1", **more):
    return IncomeRow(at_ms, "COMMISSION", "USDT", D(amount), transaction_id=number, **more)


def test_what_is_written_is_read_again_digit_for_digit(tmp_path):
    path = tmp_path / "folder" / "kept.csv"
    rows = [
        a_row(1_000, "-0.00210000", symbol="XRPUSDT", trade_id="5", client_order_id="ct-x"),
        a_row(2_000, "1E-7", "2", info='a "word", and\na line'),
    ]
    kept = Kept(rows, [Reading(3_000, "USDT", D("12.50"), "live")], 500)

    write_kept(path, kept)

    found = read_kept(path)
    assert found == kept
    assert str(found.rows[0].amount) == "-0.00210000"
    assert path.read_text().splitlines()[1].startswith("500,1970-01-01T00:00:00.500Z,SINCE")
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_file_is_no_ledger_yet(tmp_path, text):
    (tmp_path / "kept.csv").write_text(text)

    assert read_kept(tmp_path / "kept.csv") == read_kept(tmp_path / "none.csv") == Kept()


HEAD = ",".join(COLUMNS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("date,amount\n", "other columns"),
        (f"{HEAD}\n1,x,COMMISSION,USDT,much,,,,,\n", "line 2"),
        (f"{HEAD}\n1,x,COMMISSION,USDT,NaN,,,,,\n", "no amount: NaN"),
        (f"{HEAD}\nsoon,x,COMMISSION,USDT,1,,,,,\n", "line 2"),
        (f"{HEAD}\n1,x,COMMISSION\n", "line 2"),
        (b"\xff\xfe\x00", "decode"),
    ],
)
def test_what_is_no_ledger_is_refused_and_left_as_it_is(tmp_path, text, told):
    path = tmp_path / "kept.csv"
    raw = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(raw)

    with pytest.raises(DataError, match="no ledger") as refused:
        read_kept(path)

    assert told in str(refused.value)
    assert path.read_bytes() == raw


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "a file").write_text("")

    with pytest.raises(CointraderError, match="cannot be written"):
        write_kept(tmp_path / "a file" / "kept.csv", Kept())


def test_a_booking_told_twice_is_one():
    kept = Kept().with_rows([a_row(1_000), a_row(2_000, number="2")], since_ms=500)

    again = kept.with_rows([a_row(2_000, number="2"), a_row(3_000, number="3")], since_ms=1_500)

    assert [row.at_ms for row in again.rows] == [1_000, 2_000, 3_000]
    assert (again.since_ms, again.last_ms) == (500, 3_000)


def test_the_same_number_of_another_kind_is_another_booking():
    profit = IncomeRow(1_000, "REALIZED_PNL", "USDT", D(3), transaction_id="1")

    assert len(Kept().with_rows([a_row(1_000), profit], since_ms=0).rows) == 2


def test_a_booking_asked_for_again_keeps_our_order_id():
    kept = Kept().with_rows([a_row(1_000, client_order_id="ct-x")], since_ms=0)

    assert kept.with_rows([a_row(1_000)], since_ms=0).rows[0].client_order_id == "ct-x"


@pytest.mark.parametrize(
    ("at_ms", "asset", "wallet"),
    [
        (1_500, "USDT", "99"),  # stamped before the wallet was read, and told after it
        (2_500, "USDT", "100"),  # after it
        (500, "USDT", "100"),  # older than what was asked for then
        (1_500, "BNB", "100"),
    ],
)
def test_a_booking_that_came_late_is_added_to_the_wallet_read_without_it(at_ms, asset, wallet):
    kept = Kept((), [Reading(2_000, "USDT", D(100), "live")], 1_000)
    late = IncomeRow(at_ms, "FUNDING_FEE", asset, D(-1), transaction_id="9")

    assert kept.with_rows([late], since_ms=400).readings[0].wallet == D(wallet)
