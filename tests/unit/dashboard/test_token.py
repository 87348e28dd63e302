"""The token: made once, for its owner alone, and never a weak one."""

from __future__ import annotations

import stat

import pytest

from cointrader.app.dashboard.token import token_file_of, token_for
from cointrader.domain.errors import ConfigError


def test_a_token_is_made_beside_the_journal_for_its_owner_alone(tmp_path):
    journal = tmp_path / "journals" / "live.db"

    token = token_for(journal)

    assert token.file is not None
    assert token.file == tmp_path / "journals" / "live.db.token"
    assert stat.S_IMODE(token.file.stat().st_mode) == 0o600
    assert token.file.read_text() == f"{token.text}\n"
    assert len(token.text) >= 40
    assert [path.name for path in token.file.parent.iterdir()] == ["live.db.token"]


def test_the_next_start_has_the_same_token(tmp_path):
    journal = tmp_path / "live.db"

    assert token_for(journal).text == token_for(journal).text


def test_a_given_token_is_taken_and_nothing_is_written(tmp_path):
    token = token_for(tmp_path / "live.db", given="sixteen-or-more-characters")

    assert (token.text, token.file) == ("sixteen-or-more-characters", None)
    assert list(tmp_path.iterdir()) == []


def test_a_named_file_counts_before_anything_else(tmp_path):
    file = tmp_path / "secret"
    file.write_text("a-token-from-a-file\n")
    file.chmod(0o600)

    token = token_for(tmp_path / "live.db", given="sixteen-or-more-characters", file=file)

    assert token.text == "a-token-from-a-file"


@pytest.mark.parametrize("text", ["", "short", "with blanks in the middle", "ümlaut-ümlaut-ümlaut"])
def test_a_weak_token_is_refused_and_not_shown(tmp_path, text):
    file = tmp_path / "secret"
    file.write_text(text)
    file.chmod(0o600)

    with pytest.raises(ConfigError) as refused:
        token_for(tmp_path / "live.db", file=file)

    assert not text or text not in str(refused.value)


def test_a_token_that_others_may_read_is_refused(tmp_path):
    journal = tmp_path / "live.db"
    token_for(journal)
    token_file_of(journal).chmod(0o644)

    with pytest.raises(ConfigError, match="others may read"):
        token_for(journal)


def test_a_link_in_the_tokens_place_is_not_followed(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("somebody-elses-secret-file")
    elsewhere.chmod(0o600)
    token_file_of(tmp_path / "live.db").symlink_to(elsewhere)

    with pytest.raises(ConfigError):
        token_for(tmp_path / "live.db")


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        token_for(tmp_path / "live.db", file=tmp_path / "nothing")


def test_the_token_is_not_in_what_is_printed_of_it(tmp_path):
    token = token_for(tmp_path / "live.db")

    assert token.text not in repr(token)
