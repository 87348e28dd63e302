"""Models on their way to where they trade: whole or not at all, and only those that may."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from cointrader.app.deploy.deploy import NotPassed, require_allowed, shipment
from cointrader.app.deploy.target import Target, deploy, roll_back
from cointrader.domain.errors import CointraderError, ConfigError, ModelError, UsageError
from cointrader.model.errors import ModelBroken, ModelMissing
from cointrader.model.manifest import FAILED, PASSED
from tests.full import IS_FULL
from tests.unit.deploy.far_side import (
    SYMBOL,
    a_shipment,
    active,
    active_manifest,
    active_sha,
    an_ssh,
    deadly_tools,
    only_tools,
)
from tests.unit.model.making import constant, published

STEPS = range(1, 200, 1 if IS_FULL else 3)  # programs that are ended, one after the other


@pytest.fixture
def old(tmp_path):
    return a_shipment(tmp_path / "old", 0.25)


@pytest.fixture
def new(tmp_path):
    return a_shipment(tmp_path / "new", 0.75)


@pytest.fixture
def far(tmp_path):
    return tmp_path / "far side, with a blank and a 'quote'"


def test_a_model_arrives_as_it_was_published(old, far):
    (far / "models").mkdir(parents=True)

    done = deploy(old, Target(str(far)))

    assert (done.result, done.before, done.made_folder) == ("installed", None, False)
    assert active_manifest(far) == old.manifest
    names = {path.name for path in (far / "models" / "xrpusdt").iterdir()}
    assert names >= {"active.json", "lgbm_filter.json", "lgbm_filter.onnx"}
    assert names <= {"active.json", "lgbm_filter.json", "lgbm_filter.onnx", ".publish.lock"}
    assert [path.name for path in (far / "models").glob(".deploy.*")] in ([], [".deploy.lock"])


def test_a_folder_that_was_not_there_is_made_and_told(old, far):
    assert deploy(old, Target(str(far))).made_folder
    assert active_sha(far) == old.manifest.sha256


def test_the_card_goes_along(tmp_path, far):
    published(tmp_path / "models", constant(0.5))
    (tmp_path / "models" / "xrpusdt" / "training_log.json").write_text("{}")

    deploy(shipment(tmp_path / "models", SYMBOL), Target(str(far)))

    assert (far / "models" / "xrpusdt" / "training_log.json").read_text() == "{}"


def test_the_same_model_again_changes_nothing(old, new, far):
    deploy(old, Target(str(far)))
    deploy(new, Target(str(far)))

    assert deploy(new, Target(str(far))).result == "same"

    assert roll_back(SYMBOL, Target(str(far))).sha256 == old.manifest.sha256


def test_rollback_brings_the_one_before_and_rollback_again_the_newer_one(old, new, far):
    target = Target(str(far))
    deploy(old, target)
    deploy(new, target)

    back = roll_back(SYMBOL, target)

    assert (back.sha256, back.before) == (old.manifest.sha256, new.manifest.sha256)
    assert active_manifest(far) == old.manifest
    assert roll_back(SYMBOL, target).sha256 == new.manifest.sha256
    assert active_manifest(far) == new.manifest


def test_rollback_brings_the_other_backend_back(old, tmp_path, far):
    deploy(old, Target(str(far)))
    deploy(a_shipment(tmp_path / "net", 0.6, backend="mlx"), Target(str(far)))
    assert active_manifest(far).backend == "mlx"

    assert roll_back(SYMBOL, Target(str(far))).backend == "lgbm"
    assert active_manifest(far) == old.manifest


def test_nothing_to_go_back_to_is_said(old, far):
    with pytest.raises(ModelMissing, match="no previous model"):
        roll_back(SYMBOL, Target(str(far)))
    deploy(old, Target(str(far)))

    with pytest.raises(ModelMissing, match="no previous model"):
        roll_back(SYMBOL, Target(str(far)))
    assert active_sha(far) == old.manifest.sha256


def test_the_same_graph_with_another_manifest_is_another_model(tmp_path, far):
    target = Target(str(far))
    strict = a_shipment(tmp_path / "a", 0.5, threshold=0.7)
    loose = a_shipment(tmp_path / "b", 0.5, threshold=0.4)
    deploy(strict, target)

    assert deploy(loose, target).result == "installed"
    assert active_manifest(far).threshold == 0.4

    roll_back(SYMBOL, target)
    assert active_manifest(far).threshold == 0.7


def test_killed_before_any_program_there_is_the_old_model_or_the_new_one(
    old, new, tmp_path, far, monkeypatch
):
    fresh = Target(str(far))
    deploy(old, fresh)
    kept = shutil.copytree(far, tmp_path / "as it was")
    outcomes, begun = set(), 0
    for step in STEPS:
        shutil.rmtree(far)
        shutil.copytree(kept, far)
        with monkeypatch.context() as disturbed:
            disturbed.setenv("PATH", deadly_tools(tmp_path / f"tools{step}", step))
            try:
                deploy(new, fresh)
            except CointraderError:
                begun += 1
            else:
                break
        found = active_manifest(far)
        assert found in (old.manifest, new.manifest), step
        outcomes.add(found.sha256)
        deploy(new, fresh)  # whoever tries again gets there
        assert active_manifest(far) == new.manifest, step
        assert roll_back(SYMBOL, fresh).sha256 == old.manifest.sha256, step
        assert active_manifest(far) == old.manifest, step
    else:
        raise AssertionError("it never came to its end")
    assert begun > 12 / STEPS.step
    assert outcomes == {old.manifest.sha256, new.manifest.sha256}


def test_killed_on_the_first_deployment_a_model_for_all_symbols_serves_on(
    old, new, tmp_path, far, monkeypatch
):
    published(far, constant(0.25), folder="models")
    kept = shutil.copytree(far, tmp_path / "as it was")
    outcomes = set()
    for step in STEPS:
        shutil.rmtree(far)
        shutil.copytree(kept, far)
        with monkeypatch.context() as disturbed:
            disturbed.setenv("PATH", deadly_tools(tmp_path / f"tools{step}", step))
            try:
                deploy(new, Target(str(far)))
            except CointraderError:
                pass
            else:
                break
        outcomes.add(active_manifest(far).sha256)
    assert outcomes == {old.manifest.sha256, new.manifest.sha256}
    assert active_manifest(far) == new.manifest


def test_a_file_that_changes_on_its_way_is_not_installed(old, new, far):
    deploy(old, Target(str(far)))
    broken = replace(
        new, files={**new.files, "lgbm_filter.onnx": new.files["lgbm_filter.onnx"][:-1]}
    )

    with pytest.raises(ModelError, match="did not arrive"):
        deploy(broken, Target(str(far)))
    assert active_manifest(far) == old.manifest


def test_a_damaged_model_there_is_replaced_and_not_kept(old, new, far):
    target = Target(str(far))
    deploy(old, target)
    (far / "models" / "xrpusdt" / "lgbm_filter.onnx").write_bytes(b"half")

    assert deploy(new, target).result == "installed"
    assert active_manifest(far) == new.manifest
    with pytest.raises(ModelMissing, match="no previous"):
        roll_back(SYMBOL, target)


def test_without_a_program_it_needs_nothing_happens(old, far, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", only_tools(tmp_path / "few", "sh", "tar", "mkdir", "cat", "cp", "rm",
                                          "find", "mv", "sed"))  # fmt: skip

    with pytest.raises(ConfigError, match=r"(?s)a program is missing there.*sha256sum or shasum"):
        deploy(old, Target(str(far)))
    assert active(far) is None


def test_a_folder_nobody_may_write_is_told(old, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(CointraderError, match="could not be deployed"):
        deploy(old, Target(str(tmp_path / "file")))


# ------------------------------------------------------------------ behind ssh


def test_ssh_is_asked_as_people_ask_it_and_the_model_is_there(old, tmp_path):
    program = an_ssh(tmp_path / "host")

    deploy(old, Target("~/bot", "me@host", (program, "-p", "2222")))

    arguments = (tmp_path / "host" / "arguments").read_text().splitlines()
    assert arguments[:2] == ["-p", "2222"]
    assert "me@host" in arguments[arguments.index("--") + 1 :]
    assert active_manifest(tmp_path / "host" / "bot") == old.manifest


@pytest.mark.parametrize("size", [0, 700, 3_000])
def test_a_line_that_breaks_leaves_the_old_model(old, new, tmp_path, size):
    whole, broken = an_ssh(tmp_path / "host"), tmp_path / "broken"
    deploy(old, Target("bot", "me@host", (whole,)))
    broken.write_text(
        f'#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\ncd {tmp_path}/host\n'
        f'head -c {size} | sh -c "$3"\nexit 255\n'
    )
    broken.chmod(0o755)

    with pytest.raises(CointraderError, match="does not answer"):
        deploy(new, Target("bot", "me@host", (str(broken),)))

    assert active_manifest(tmp_path / "host" / "bot") == old.manifest
    deploy(new, Target("bot", "me@host", (whole,)))
    assert active_manifest(tmp_path / "host" / "bot") == new.manifest


def test_a_host_that_does_not_answer_is_told_with_its_words(old, tmp_path):
    program = an_ssh(tmp_path / "host", "echo 'Permission denied (publickey).' >&2; exit 255")

    with pytest.raises(CointraderError, match=r"(?s)does not answer.*Permission denied"):
        deploy(old, Target("bot", "me@host", (program,)))


def test_no_ssh_client_is_a_matter_of_configuration(old, tmp_path):
    with pytest.raises(ConfigError, match="cannot be started"):
        deploy(old, Target("bot", "me@host", (str(tmp_path / "nothing"),)))


@pytest.mark.parametrize(
    ("folder", "host"), [("", None), ("a\nb", None), ("bot", "-oProxyCommand=x"), ("~you/bot", "h")]
)
def test_what_is_no_place_is_refused(folder, host):
    with pytest.raises(UsageError):
        Target(folder, host)


# ------------------------------------------------------------------ what may go


def test_a_model_goes_where_its_verdict_allows(old):
    passed = old.manifest
    failed = replace(passed, gate={"verdict": FAILED})
    forced = replace(passed, gate={"verdict": FAILED, "forced_for_paper": True})

    require_allowed(passed, is_paper=False)
    require_allowed(forced, is_paper=True)
    for manifest, is_paper in ((failed, False), (failed, True), (forced, False)):
        with pytest.raises(NotPassed):
            require_allowed(manifest, is_paper=is_paper)


def test_a_damaged_model_is_not_sent(tmp_path):
    published(tmp_path, constant(0.5))
    (tmp_path / "xrpusdt" / "lgbm_filter.onnx").write_bytes(b"half")

    with pytest.raises(ModelBroken):
        shipment(tmp_path, SYMBOL)
    with pytest.raises(ModelMissing):
        shipment(tmp_path / "nowhere", SYMBOL)


def test_the_other_backend_can_be_asked_for(tmp_path):
    published(tmp_path, constant(0.4), backend="mlx")
    published(tmp_path, constant(0.5), gate={"verdict": PASSED})

    assert shipment(tmp_path, SYMBOL).manifest.backend == "lgbm"
    other = shipment(tmp_path, SYMBOL, "mlx")
    assert json.loads(other.files["active.json"])["sha256"] == other.manifest.sha256
    assert other.manifest.backend == "mlx"
