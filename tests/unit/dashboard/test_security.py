"""Who may ask: names, origins, tokens, sessions, and how often."""

from __future__ import annotations

import pytest

from cointrader.dashboard.security import (
    MOST_SESSIONS,
    SESSION_S,
    Access,
    Hosts,
    Limiter,
    comes_from_here,
    is_loopback,
    new_token,
)

TOKEN = "a-token-of-some-length"


class Watch:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    "header",
    [
        "127.0.0.1:8787",
        "127.0.0.1",
        "localhost:8787",
        "LOCALHOST",
        "localhost.:1",
        "[::1]:8787",
        "[::1]",
        "192.168.1.5:80",
        "bots.example.org",
        "Bots.Example.ORG:443",
    ],
)
def test_numbers_localhost_and_given_names_lead_here(header):
    assert Hosts.of(["bots.example.org"]).allows(header)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "evil.example.org",
        "evil.example.org:8787",
        "127.0.0.1.evil.org",
        "localhost.evil.org",
        "notlocalhost",
        "127.0.0.1:8787@evil.org",
        "127.0.0.1:x",
        "[::1",
        "[::1]x",
        "[evil.org]:80",
        "127.1",
        "0x7f000001",
    ],
)
def test_foreign_names_do_not(header):
    assert not Hosts.of(["bots.example.org"]).allows(header)


@pytest.mark.parametrize(
    ("origin", "site", "is_ours"),
    [
        (None, None, True),  # a script
        ("http://127.0.0.1:8787", None, True),
        ("https://127.0.0.1:8787", "same-origin", True),  # behind a proxy
        (None, "none", True),  # typed by a person
        ("http://127.0.0.1:8788", None, False),  # another port is another site
        ("http://evil.example.org", None, False),
        ("null", None, False),
        ("", None, False),
        ("http://127.0.0.1:8787.evil.org", None, False),
        ("file://127.0.0.1:8787", None, False),
        ("http://127.0.0.1:8787", "cross-site", False),
        (None, "same-site", False),
        (None, "cross-site", False),
    ],
)
def test_only_requests_of_this_site_or_of_no_site_pass(origin, site, is_ours):
    assert comes_from_here("127.0.0.1:8787", origin, site) is is_ours


@pytest.mark.parametrize(
    ("host", "is_own"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("127.9.9.9", True),
     ("0.0.0.0", False), ("192.168.1.5", False), ("::", False), ("example.org", False)],
)  # fmt: skip
def test_only_loopback_is_this_machine_alone(host, is_own):
    assert is_loopback(host) is is_own


@pytest.mark.parametrize(
    ("text", "is_right"),
    [(TOKEN, True), ("", False), (TOKEN[:-1], False), (TOKEN + "x", False), (TOKEN.upper(), False),
     ("\ud800" + TOKEN, False)],
)  # fmt: skip
def test_only_the_token_is_the_token(text, is_right):
    assert Access(TOKEN).is_token(text) is is_right


def test_a_session_is_known_by_its_cookie_until_it_ends():
    access = Access(TOKEN)
    cookie, session = access.begin()

    assert access.session(cookie) is session
    assert access.session(cookie + "x") is None
    assert access.session(None) is None
    assert session.csrf != cookie

    access.end(cookie)
    assert access.session(cookie) is None


def test_a_session_is_over_after_a_day():
    watch = Watch()
    access = Access(TOKEN, seconds=watch)
    cookie, _ = access.begin()

    watch.now += SESSION_S - 1
    assert access.session(cookie) is not None
    watch.now += 1
    assert access.session(cookie) is None


def test_the_oldest_session_makes_room_for_one_too_many():
    access = Access(TOKEN)
    cookies = [access.begin()[0] for _ in range(MOST_SESSIONS + 1)]

    assert access.session(cookies[0]) is None
    assert all(access.session(cookie) for cookie in cookies[1:])


def test_no_secret_stands_in_what_is_kept():
    access = Access(TOKEN)
    cookie, _ = access.begin()

    kept = repr(vars(access))
    assert TOKEN not in kept
    assert cookie not in kept


def test_a_limiter_counts_each_name_within_its_time():
    watch = Watch()
    limiter = Limiter(2, 60.0, seconds=watch)

    assert limiter.wait_s("a") == 0
    limiter.count("a")
    watch.now += 10
    limiter.count("a")
    assert limiter.wait_s("a") == 50
    assert limiter.wait_s("b") == 0

    watch.now += 50
    assert limiter.wait_s("a") == 0
    limiter.count("a")
    assert limiter.wait_s("a") == 10


def test_a_limiter_does_not_grow_with_the_names_it_hears():
    limiter = Limiter(1, 60.0, seconds=Watch())
    for number in range(3 * Limiter.MOST_NAMES):
        limiter.count(str(number))

    assert len(limiter._seen) == Limiter.MOST_NAMES


def test_tokens_are_long_and_never_the_same():
    made = {new_token() for _ in range(100)}

    assert len(made) == 100
    assert min(map(len, made)) >= 40
