from decimal import Decimal
from enum import Enum
from pathlib import Path

import numpy as np
import pytest

from cointrader.backtest.fingerprint import hash_of_arrays, hash_of_file, hash_of_settings


class Word(Enum):
    ATR = "atr"


def test_settings_have_the_same_hash_in_any_order():
    assert hash_of_settings({"a": 1, "b": {"c": 2, "d": 3}}) == hash_of_settings(
        {"b": {"d": 3, "c": 2}, "a": 1}
    )


def test_a_decimal_counts_by_its_value():
    assert hash_of_settings({"a": Decimal("0.50")}) == hash_of_settings({"a": Decimal("0.5")})
    assert hash_of_settings({"a": Decimal("100")}) == hash_of_settings({"a": Decimal("1E+2")})


def test_another_value_is_another_hash():
    values = [1, 2, 1.5, "1", None, True, Decimal(3), Word.ATR, ("x", "y"), {"z"}, Path("/p")]

    assert len({hash_of_settings({"a": value}) for value in values}) == len(values)


def test_the_hash_of_settings_is_the_same_everywhere():
    assert hash_of_settings({"symbol": "XRPUSDT", "stop": Decimal("1.5")}) == (
        "ec52ec61701347225df61faf0229c5bc6cddf266d98b20f8e65fea91b0221aeb"
    )


def test_a_value_that_cannot_be_written_down_has_no_hash():
    with pytest.raises(TypeError, match="no fingerprint of object"):
        hash_of_settings({"a": object()})


def test_arrays_count_with_name_kind_shape_and_every_bit():
    values = np.array([1.0, 2.0])
    several = [
        [("a", values)],
        [("b", values)],
        [("a", values.astype(np.float32))],
        [("a", values.astype(np.int64))],
        [("a", np.array([1.0, 2.0 + 4e-16]))],
        [("a", np.array([[1.0, 2.0]]))],
        [("a", values), ("b", values)],
    ]

    assert len({hash_of_arrays(arrays) for arrays in several}) == len(several)


def test_arrays_have_the_same_hash_in_any_order_layout_and_byte_order():
    a, b = np.array([1.0, 2.0]), np.array([3, 4])

    assert hash_of_arrays([("a", a), ("b", b)]) == hash_of_arrays([("b", b), ("a", a)])
    assert hash_of_arrays([("a", a)]) == hash_of_arrays([("a", np.array([1.0, 0, 2.0])[::2])])
    assert hash_of_arrays([("a", a)]) == hash_of_arrays([("a", a.astype(">f8"))])


def test_a_file_has_the_hash_of_its_bytes(tmp_path):
    path = tmp_path / "model"
    path.write_bytes(b"abc")

    assert hash_of_file(path) == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
