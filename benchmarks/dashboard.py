"""The dashboard over a year of a hundred symbols: how long pages take, and what they cost the bots.

    python -m benchmarks.dashboard [--symbols 100] [--days 365] [--keep FILE]

The journal is that of a real paper run (three symbols, fourteen days, this program), laid side by
side for a hundred symbols and end to end for a year: decisions, orders, fills, positions and trades
in their real proportions. A hundred symbols with three slots would trade far less, so its trades
are more than any account's. Told are wall milliseconds of answers over HTTP by a dashboard that is
a process of its own; how long after a commit a listening page hears of it; and the commits of a
writer on the same file, with nobody looking and with a page that never stops asking for overviews.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from pathlib import Path

import aiohttp

from cointrader.domain.records import Decision, EquityMarked
from cointrader.journal.sqlite import SqliteJournal

DAY_MS, BAR_MS = 86_400_000, 900_000
SOURCES = ("XRPUSDT", "TRXUSDT", "DOGEUSDT")
PAGES = (
    "healthz",
    "overview",
    "symbols",
    "decisions",
    "decisions?reason=open-risk",
    "decisions?reason=no-such-reason",
    "decisions/reasons",
    "trades",
    "trades/costs",
    "models",
    "health",
    "alerts",
)
ROUNDS = 20
_WARM_UP_S = 15.0  # until the server has read what is long past


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--keep", type=Path, help="Make the journal there, or use it if it is.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = asked.keep or Path(folder) / "year.db"
        if not path.exists():
            _make(path, Path(folder) / "fortnight.db", asked.symbols, asked.days)
        with sqlite3.connect(path) as journal:
            rows = {
                name: journal.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
                for name in ("decisions", "orders", "trades", "equity")
            }
        print(f"{path.stat().st_size / 1e6:,.0f} MB, {rows}")
        with _served(path) as (url, token, pid):
            asyncio.run(_measure(path, url, token, pid))


async def _measure(path: Path, url: str, token: str, pid: int) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(url, headers=headers) as client:
        symbol = (await _json(client, "symbols"))["symbols"][0]["symbol"]
        await asyncio.sleep(_WARM_UP_S)
        print(f"{'page':<34} {'first':>7} {'p50':>7} {'max':>7} {'CPU':>7} ms")
        for page in (*PAGES, f"symbols/{symbol}", f"decisions?symbol={symbol}"):
            first = await _timed(client, page)
            used = _processor_ms(pid)
            times = [await _timed(client, page) for _ in range(ROUNDS)]
            used = (_processor_ms(pid) - used) / ROUNDS
            print(
                f"{page:<34} {first:7.1f} {statistics.median(times):7.1f} {max(times):7.1f} "
                f"{used:7.1f}"
            )
        with SqliteJournal(path, threaded=False) as journal:
            bars = _bars_after(path)
            heard = await _heard(client, journal, bars)
            print(f"heard of a commit after: p50 {statistics.median(heard):.0f} ms, "
                  f"max {max(heard):.0f} ms of {len(heard)}")  # fmt: skip
            quiet = await _commits(journal, bars, 200)
            looking = asyncio.create_task(_look(client))
            watched = await _commits(journal, bars, 200)
            looking.cancel()
            again = await _commits(journal, bars, 200)
        for name, times in (
            ("nobody looks", quiet), ("a page looks all the time", watched), ("nobody", again)
        ):  # fmt: skip
            cuts = statistics.quantiles(times, n=100)
            print(f"a bar of 100 answers committed, {name:<26} p50 {cuts[49]:.2f} "
                  f"p90 {cuts[89]:.2f} p99 {cuts[98]:.2f} ms")  # fmt: skip


async def _json(client: aiohttp.ClientSession, page: str) -> dict[str, list[dict[str, str]]]:
    async with client.get("/healthz" if page == "healthz" else f"/api/v1/{page}") as answer:
        answer.raise_for_status()
        told: dict[str, list[dict[str, str]]] = await answer.json()
        return told


async def _timed(client: aiohttp.ClientSession, page: str) -> float:
    began = time.perf_counter()
    await _json(client, page)
    return (time.perf_counter() - began) * 1000


def _processor_ms(pid: int) -> float:
    """What a process has used of processors so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


async def _look(client: aiohttp.ClientSession) -> None:
    while True:
        await _json(client, "overview")


async def _heard(
    client: aiohttp.ClientSession, journal: SqliteJournal, bars: Iterator[int]
) -> list[float]:
    """Milliseconds from the end of a commit to the event of it."""
    times = []
    async with client.get("/api/v1/events") as stream:
        await _next_event(stream, "hello")
        await asyncio.sleep(1.0)
        while True:  # what the first look tells
            try:
                await asyncio.wait_for(_next_event(stream, "changed"), 1.0)
            except TimeoutError:
                break
        for _ in range(20):
            await journal.commit(EquityMarked(next(bars), Decimal(1000), Decimal(1000)))
            done = time.perf_counter()
            await _next_event(stream, "changed")
            times.append((time.perf_counter() - done) * 1000)
            await asyncio.sleep(0.13)  # not in step with the looks
    return times


async def _next_event(stream: aiohttp.ClientResponse, name: str) -> None:
    while (await stream.content.readline()).strip() != f"event: {name}".encode():
        pass


def _bars_after(path: Path) -> Iterator[int]:
    """The bars after the last one in the journal."""
    with sqlite3.connect(path) as journal:
        tables = ("SELECT max(at_ms) FROM equity", "SELECT max(bar_open_ms) FROM decisions")
        last = max(journal.execute(query).fetchone()[0] for query in tables)
    return count(last + BAR_MS, BAR_MS)


async def _commits(journal: SqliteJournal, bars: Iterator[int], many: int) -> list[float]:
    """Milliseconds of each commit of a bar with a hundred answers."""
    times = []
    for _ in range(many):
        bar_ms = next(bars)
        decided = [
            Decision(f"S{n:03}USDT", bar_ms, "HOLD", None, 1, ("ema+1", "below-threshold"), "",
                     "no-signal")
            for n in range(100)
        ]  # fmt: skip
        await asyncio.sleep(0.01)
        began = time.perf_counter()
        await journal.commit(*decided)
        times.append((time.perf_counter() - began) * 1000)
    return times


@contextmanager
def _served(journal: Path) -> Iterator[tuple[str, str, int]]:
    command = [sys.executable, "-m", "cointrader", "dashboard", "--json", "--port", "0"]
    command += ["--journal", str(journal)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        token = Path(told["token_file"]).read_text(encoding="ascii").strip()
        yield told["url"], token, process.pid
    finally:
        process.terminate()
        process.wait()


def _make(path: Path, fortnight: Path, symbols: int, days: int) -> None:
    """Lay a real run side by side and end to end."""
    command = [sys.executable, "-m", "cointrader", "paper", "--quiet", "--no-dashboard"]
    subprocess.run([*command, "--journal", str(fortnight)], check=True, stderr=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    fortnight.with_name(f"{fortnight.name}.lock").unlink(missing_ok=True)
    source = sqlite3.connect(fortnight)
    source.execute("PRAGMA journal_mode=DELETE")
    source.close()
    with SqliteJournal(path, threaded=False):  # an empty journal of this version
        pass
    names = [f"S{n:03}USDT" for n in range(symbols)]
    with sqlite3.connect(path, isolation_level=None) as journal:
        journal.execute("ATTACH ? AS f", (str(fortnight),))
        journal.execute("PRAGMA synchronous=OFF")
        journal.execute("CREATE TEMP TABLE names (n INTEGER, name TEXT, source TEXT)")
        journal.executemany(
            "INSERT INTO names VALUES (?, ?, ?)",
            [(n, name, SOURCES[n % len(SOURCES)]) for n, name in enumerate(names)],
        )
        span = journal.execute(
            "SELECT max(at_ms) - min(at_ms) + ? FROM f.equity", (BAR_MS,)
        ).fetchone()[0]
        times = -(-days * DAY_MS // span)
        journal.execute("BEGIN")
        for number in range(times):
            _lay(journal, number * span, number)
        _state(journal, names, (times - 1) * span)
        journal.execute("COMMIT")


def _lay(journal: sqlite3.Connection, shift_ms: int, number: int) -> None:
    own = f"replace({{0}}, n.source, n.name) || '-{number}'"
    shifted = ("bar_open_ms", "at_ms", "updated_ms", "entry_time_ms", "exit_time_ms",
               "entry_bar_ms")  # fmt: skip
    named = ("client_order_id",)
    for table, time_column in (
        ("decisions", "bar_open_ms"), ("intents", "at_ms"), ("orders", "updated_ms"),
        ("fills", "at_ms"), ("funding", "at_ms"), ("positions", "entry_bar_ms"),
        ("trades", "exit_time_ms"),
    ):  # fmt: skip
        columns = [row[1] for row in journal.execute(f"PRAGMA table_info({table})")]
        chosen = []
        for column in columns:
            if column == "symbol":
                chosen.append("n.name")
            elif column in shifted:
                chosen.append(f"{column} + {shift_ms}")
            elif column in named or (column == "trade_id" and table != "fills"):
                chosen.append(own.format(column))
            elif column == "trade_id":
                chosen.append(f"{column} + {number * 1_000_000}")
            else:
                chosen.append(column)
        journal.execute(
            f"INSERT INTO {table} SELECT {', '.join(chosen)} FROM f.{table} t "
            f"JOIN names n ON n.source = t.symbol ORDER BY t.{time_column}, t.rowid, n.n"
        )
    journal.execute(
        "INSERT INTO equity SELECT at_ms + ?, wallet, equity FROM f.equity", (shift_ms,)
    )
    journal.execute(
        "INSERT INTO risk_events SELECT at_ms + ?, kind, symbol, reason, detail "
        "FROM f.risk_events", (shift_ms,)
    )  # fmt: skip


def _state(journal: sqlite3.Connection, names: list[str], shift_ms: int) -> None:
    run = dict(
        zip(
            [row[1] for row in journal.execute("PRAGMA table_info(runs)")],
            journal.execute("SELECT * FROM f.runs").fetchone(),
            strict=True,
        )
    )
    settings = {**json.loads(run["settings"]), "SYMBOLS": ",".join(names)}
    run |= {"symbols": json.dumps(names), "source": "{}", "settings": json.dumps(settings)}
    marks = ", ".join("?" * len(run))
    journal.execute(f"INSERT INTO runs VALUES ({marks})", list(run.values()))
    journal.execute("INSERT INTO owner SELECT id, mode, account FROM f.owner")
    journal.execute(
        "INSERT INTO risk_state SELECT id, at_ms + ?, state FROM f.risk_state", (shift_ms,)
    )
    journal.execute(
        "INSERT INTO bots SELECT b.at_ms + ?, n.name, b.state, b.detail FROM f.bots b "
        "JOIN names n ON n.source = b.symbol ORDER BY b.rowid", (shift_ms,)
    )  # fmt: skip


if __name__ == "__main__":
    main()
