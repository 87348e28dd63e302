"""`cointrader exchange`: its first line, its end, its refusals."""

from __future__ import annotations

import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode

import pytest

from cointrader.cli.main import main

SOURCE = Path(__file__).parents[3] / "src"
PEM = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----"""


@pytest.fixture
def started(tmp_path):
    """Start the command in a process of its own; it is ended with the test."""
    running = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "cointrader", "exchange", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def asked(url, data=None):
    with urllib.request.urlopen(url, data=data, timeout=5) as answer:
        return json.load(answer)


def test_its_first_line_tells_programs_where_it_is(started):
    process = started("--symbols", "XRPUSDT", "--pace", "stepped", "--key", "k", "--secret", "s")

    line = json.loads(process.stdout.readline())

    assert list(line) == ["rest", "ws", "ws_api", "control", "key", "secret"]
    assert (line["key"], line["secret"]) == ("k", "s")
    assert line["rest"].startswith("http://127.0.0.1:")
    symbols = [each["symbol"] for each in asked(line["rest"] + "/fapi/v1/exchangeInfo")["symbols"]]
    assert symbols == ["XRPUSDT", "BTCUSDT", "ETHUSDT"]
    rows = asked(line["rest"] + "/fapi/v1/klines?symbol=XRPUSDT&interval=15m&limit=1500")
    assert len(rows) == 302  # what warms indicators up, and the bar that is open

    asked(line["control"] + "/stop", data=b"{}")
    _, said = process.communicate(timeout=10)
    assert process.returncode == 0
    assert said.endswith("stopped\n")


def test_ctrl_c_ends_it_cleanly_and_every_run_has_its_own_keys(started):
    processes = [started("--symbols", "XRPUSDT"), started("--symbols", "XRPUSDT")]
    lines = [json.loads(process.stdout.readline()) for process in processes]

    for process, number in zip(processes, (signal.SIGINT, signal.SIGTERM), strict=True):
        process.send_signal(number)
        out, said = process.communicate(timeout=20)
        assert (process.returncode, out) == (130, "")
        assert "Traceback" not in said
        assert said.endswith("stopped\n")
    assert len({line["key"] for line in lines} | {line["secret"] for line in lines}) == 4


def test_a_public_key_may_be_given_with_its_lines(started):
    process = started("--symbols", "XRPUSDT", "--key", "k", "--secret", PEM)

    line = json.loads(process.stdout.readline())

    assert (line["key"], line["secret"]) == ("k", PEM)


@pytest.mark.parametrize(
    ("settings", "told"), [((), ("0.0002", "0.0005")), (("TAKER_FEE=0.0001",), ("0.0001",) * 2)]
)
def test_an_order_that_rested_costs_what_is_told(started, settings, told):
    process = started(
        "--symbols", "XRPUSDT", "--pace", "stepped", *(f"--set={s}" for s in settings)
    )
    line = json.loads(process.stdout.readline())

    def signed(method, path, **params):
        query = urlencode({**params, "timestamp": 1})
        signature = hmac.new(line["secret"].encode(), query.encode(), "sha256").hexdigest()
        request = urllib.request.Request(
            f"{line['rest']}{path}?{query}&signature={signature}",
            method=method,
            headers={"X-MBX-APIKEY": line["key"]},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    rates = signed("GET", "/fapi/v1/commissionRate", symbol="XRPUSDT")
    price = float(asked(line["rest"] + "/fapi/v2/ticker/price?symbol=XRPUSDT")["price"])
    order = {"symbol": "XRPUSDT", "type": "LIMIT", "timeInForce": "GTC", "quantity": 10}
    for side, level in (("BUY", price - 0.0002), ("SELL", price + 0.0002)):
        signed("POST", "/fapi/v1/order", side=side, price=f"{level:.4f}", **order)
    while not (trades := signed("GET", "/fapi/v1/userTrades", symbol="XRPUSDT")):
        asked(line["control"] + "/step", data=b"{}")

    assert (rates["makerCommissionRate"], rates["takerCommissionRate"])[: len(told)] == told
    assert trades[0]["maker"]
    paid, worth = Decimal(trades[0]["commission"]), Decimal(trades[0]["quoteQty"])
    assert paid == worth * Decimal(told[0])


def test_a_busy_port_is_told(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code = main(["exchange", "--symbols", "XRPUSDT", "--port", str(taken.getsockname()[1])])

    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert "cannot listen there" in err
    assert "0 takes one that is free" in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--pace", "fast"], 2, "real, stepped"),
        (["--pace", "0"], 2, "--pace"),
        (["--balance", "-1"], 2, "--balance"),
        (["--port", "70000"], 2, "--port"),
        (["--from", "2025-02-30"], 2, "--from"),
        (["--from", "2025-02-03", "--to", "2025-02-01"], 2, "--from is not before --to"),
        (["--key", "ключ"], 2, "--key"),
        (["--data", "nowhere"], 2, "nowhere"),
        (["--faults", "stop-vanish"], 2, "did you mean stop-vanishes?"),
        (["--faults", "kline-late:3"], 2, "above 0, at most 1"),
        (["--faults", "none.toml"], 2, "cannot be read"),
        (["--faults", ""], 2, "no fault is named"),
        (["--faults", "deposit", "--fault-log", "nowhere/log"], 2, "cannot be written"),
    ],
)
def test_bad_input_is_refused_clearly(capsys, monkeypatch, tmp_path, arguments, code, words):
    monkeypatch.chdir(tmp_path)

    assert main(["exchange", "--symbols", "XRPUSDT", *arguments]) == code
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("word", ["list", "help"])
def test_all_faults_are_listed_in_one_line_each(capsys, word):
    assert main(["exchange", "--faults", word]) == 0

    shown = capsys.readouterr().out
    assert "  stop-vanishes " in shown
    assert "(seconds=1, call=stop, symbol=any)" in shown


@pytest.mark.parametrize("has_file", [False, True])
def test_faults_bite_and_are_written_down(started, tmp_path, has_file):
    (tmp_path / "plan.toml").write_text('faults = "deposit(5)"\nseed = 3\n')
    where = ["--fault-log", "log"] if has_file else []
    process = started("--symbols", "XRPUSDT", "--pace", "stepped", "--faults", "plan.toml", *where)
    line = json.loads(process.stdout.readline())

    asked(line["control"] + "/step", data=b"{}")
    wallet = asked(line["control"] + "/state")["wallet"]
    seen = asked(line["control"] + "/faults")
    asked(line["control"] + "/stop", data=b"{}")
    _, said = process.communicate(timeout=10)

    told = (tmp_path / "log").read_text() if has_file else said
    written = [json.loads(row) for row in told.splitlines() if row.startswith("{")]
    assert wallet == "1005.00000000"
    assert [(row["fault"], row["did"]) for row in written] == [("deposit", "5.0 USDT came")]
    assert seen["log"] == written
    assert "faults, seed 3: deposit" in said


def test_its_help_has_examples(capsys):
    assert main(["exchange", "--help"]) == 0

    shown = capsys.readouterr().out
    assert "cointrader exchange --symbols XRPUSDT,TRXUSDT --pace 60" in shown
    assert "cointrader exchange --data data --from 2025-06-01 --pace stepped --port 18080" in shown
