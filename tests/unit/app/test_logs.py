"""Log events reach whoever listens on stderr, and harm nobody when nobody does."""

import io
import sys

import structlog

from cointrader.app import logs


def test_an_event_goes_to_the_stderr_of_the_moment(monkeypatch):
    logs.configure()
    heard = io.StringIO()
    monkeypatch.setattr(sys, "stderr", heard)

    structlog.get_logger().warning("fill.foreign", symbol="XRPUSDT")

    assert "fill.foreign" in heard.getvalue()
    assert "XRPUSDT" in heard.getvalue()


def test_a_stderr_that_is_closed_or_gone_stops_nobody(monkeypatch):
    logs.configure()
    closed = io.StringIO()
    closed.close()

    for stderr in (closed, None):
        monkeypatch.setattr(sys, "stderr", stderr)
        structlog.get_logger().error("bot.alert", text="protection lost")


def test_the_values_of_local_variables_stay_out_of_a_traceback(capsys):
    logs.configure()
    try:
        secret_of_this_test = "hush"  # noqa: F841
        raise RuntimeError("no luck")
    except RuntimeError as error:
        structlog.get_logger().error("bot.crashed", exc_info=error)

    told = capsys.readouterr().err
    assert "no luck" in told
    assert "hush" not in told
