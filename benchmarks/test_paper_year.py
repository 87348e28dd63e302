"""A year of three symbols through the real bots, as a whole process."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import reference

FOLDER = Path(__file__).parents[1].parent / "shared" / "data" / "combined"
SYMBOLS = ["XRPUSDT", "TRXUSDT", "DOGEUSDT"]
BOT_BARS = 103_788

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared real candles are not here")


def run_and_measure(folder: Path) -> dict[str, float]:
    """CPU seconds, wall seconds and peak memory of one `cointrader paper`."""
    command = [
        sys.executable, "-m", "cointrader", "paper", "--data", str(FOLDER),
        "--symbols", ",".join(SYMBOLS), "--speed", "max", "--profile", "founding",
        "--balance", "1000", "--json", "--trades", "trades.csv",
    ]  # fmt: skip
    started = time.perf_counter()
    with (folder / "out.json").open("w") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.perf_counter() - started
    assert status == 0
    assert json.loads((folder / "out.json").read_text())["trades"] == 1398
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return {
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "wall_s": wall_s,
        "peak_mb": kilobytes / 1024,
    }


def reference_s() -> float:
    histories = [
        reference.load_combined(FOLDER / symbol.lower() / "combined_15m.parquet")
        for symbol in SYMBOLS
    ]
    started = time.process_time()
    reference.run(histories, reference.Settings())
    return time.process_time() - started


def test_a_year_of_three_symbols(benchmark, tmp_path):
    figures = benchmark.pedantic(run_and_measure, args=(tmp_path,), rounds=1)
    yardstick_s = reference_s()
    benchmark.extra_info.update(figures, reference_s=yardstick_s)
    print(
        f"\n{platform.machine()}, Python {platform.python_version()}: "
        f"{figures['cpu_s']:.1f} s CPU, {figures['wall_s']:.1f} s wall, "
        f"{figures['peak_mb']:.0f} MB for {BOT_BARS:,} bot-bars "
        f"({1e6 * figures['cpu_s'] / BOT_BARS:.0f} µs each); "
        f"the one-pass reference took {yardstick_s:.1f} s: "
        f"{figures['cpu_s'] / yardstick_s:.0f} times"
    )
