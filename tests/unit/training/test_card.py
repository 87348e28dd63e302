"""The model card: whole, typed, documented."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from cointrader.domain.errors import DataError
from cointrader.training import card as cards
from cointrader.training.card import CARD_FILE, Card, as_plain, number, read_cards, write_card
from cointrader.training.gate_card import verdict_on, write_verdict
from cointrader.training.train import train
from tests.unit.training.samples import SUBJECT, expanding, material, plan

pytest.importorskip("lightgbm", reason="LightGBM is not installed here")
pytest.importorskip("onnx", reason="onnx is not installed here")

DOCS = Path(__file__).parents[3] / "docs" / "training.md"


@pytest.fixture(scope="module")
def card(tmp_path_factory) -> Card:
    made = material(edge=1.0)
    folder = tmp_path_factory.mktemp("candidate")
    return train(SUBJECT, made, expanding(made.sample), plan(), folder).card


def test_a_card_is_read_as_it_was_written(card, tmp_path):
    write_card(tmp_path, card)

    assert read_cards(tmp_path) == {"lgbm": card}


def test_cards_of_two_backends_share_a_file(card, tmp_path):
    other = msgspec.structs.replace(card, backend="mlx", seed=9)
    write_card(tmp_path, card)
    write_card(tmp_path, other)
    write_card(tmp_path, msgspec.structs.replace(card, seed=3))

    assert read_cards(tmp_path)["mlx"] == other
    assert read_cards(tmp_path)["lgbm"].seed == 3


def test_a_verdict_stays_when_the_other_backend_is_trained(card, tmp_path):
    write_card(tmp_path, card)
    write_verdict(tmp_path, "lgbm", {"verdict": "failed", "measures": {"trades": 61.0}})

    write_card(tmp_path, msgspec.structs.replace(card, backend="mlx"))

    assert verdict_on(tmp_path, "lgbm") == {"verdict": "failed", "measures": {"trades": 61.0}}
    assert read_cards(tmp_path)["lgbm"].gate == verdict_on(tmp_path, "lgbm")
    assert "gate" not in as_plain(read_cards(tmp_path)["mlx"])


def test_a_model_trained_anew_has_no_verdict(card, tmp_path):
    write_card(tmp_path, card)
    write_verdict(tmp_path, "lgbm", {"verdict": "passed"})

    write_card(tmp_path, msgspec.structs.replace(card, seed=9))

    assert verdict_on(tmp_path, "lgbm") is None


def test_a_card_tells_where_its_numbers_come_from(card):
    plain = as_plain(card)

    assert plain["data"]["rows"] == 600
    assert plain["data"]["ones"] == material(edge=1.0).sample.label.sum()
    assert [fold["test_rows"] for fold in plain["folds"]] == [150] * 3
    for before, fold in zip(plain["folds"], plain["folds"][1:], strict=False):
        assert fold["test_from_ms"] > before["test_from_ms"]
    for fold in plain["folds"]:
        assert fold["train_to_ms"] <= fold["test_from_ms"] - plain["embargo_ms"]
    assert plain["ranking"]["rows"] == 450
    assert sum(group["rows"] for group in plain["calibration"]["groups"]) == 300
    assert plain["threshold"]["all_of_these"]["rows"] == 300
    assert plain["strategy"] == {"SIGNAL_THRESHOLD": "3"}


def test_what_cannot_be_told_is_null_and_never_nan(card, tmp_path):
    assert number(float("nan")) is None
    assert number(float("inf")) is None
    write_card(tmp_path, msgspec.structs.replace(card, folds=()))

    text = (tmp_path / CARD_FILE).read_text()

    json.loads(text, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"format": 1, "cards": {"lgbm": {}}}', b"\x80\x04N.",
                b'{"format": 99, "cards": {}}', b"[" * 5_000]
)  # fmt: skip
def test_a_card_that_nobody_can_read_says_so_and_is_replaced(card, tmp_path, content):
    (tmp_path / CARD_FILE).write_bytes(content)

    with pytest.raises(DataError, match="model card cannot be read"):
        read_cards(tmp_path)
    write_card(tmp_path, card)
    assert read_cards(tmp_path) == {"lgbm": card}


def test_every_key_of_a_card_is_in_the_documentation():
    text = DOCS.read_text()
    structs = [each for each in vars(cards).values()
               if isinstance(each, type) and issubclass(each, msgspec.Struct)]  # fmt: skip
    keys = {name for each in structs for name in each.__struct_fields__ if each.__name__ != "_File"}

    assert len(keys) > 50
    assert not {key for key in keys if f"`{key}`" not in text}
