"""From the shell a backtest takes hardly more than its imports: it imports only what it needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import cointrader
from tests.unit.backtest.folders import stored

RUN = """
import sys
from cointrader.cli.main import main
code = main(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
sys.exit(code)
"""
UNNEEDED = {
    "aiohttp", "asyncio", "email", "importlib.metadata", "logging", "numba", "numpy.ma",
    "onnxruntime", "pandas", "polars", "scipy", "ssl",
    "cointrader.app.config.money", "cointrader.app.models", "cointrader.app.paper.edge",
    "cointrader.backtest.filtered", "cointrader.bot.foreign",
    "cointrader.domain.events", "cointrader.domain.records",
    "cointrader.exchange.simulated.adapter", "cointrader.journal.reader",
    "cointrader.market.synthetic", "cointrader.model.artifact", "cointrader.signals.user_rules",
}  # fmt: skip


@pytest.mark.parametrize("judged", [[], ["--no-verdict"]], ids=["judged", "not judged"])
def test_a_backtest_of_known_candles_imports_nothing_that_only_others_need(tmp_path, judged):
    """No event loop, compiler, reader of files, models and journal, once it has run before."""
    folder = stored(tmp_path / "data", ["AAAUSDT"], bars=3_000)

    def imported():
        done = subprocess.run(
            [
                sys.executable, "-c", RUN, "backtest", "--data", str(folder),
                "--symbol", "AAAUSDT", *judged,
            ],
            env={
                **os.environ,
                "XDG_STATE_HOME": str(tmp_path / "state"),
                "PYTHONPATH": str(Path(cointrader.__file__).parents[1]),
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return set(done.stderr.split())

    imported()  # leaves its machine code behind, and the numbers of the candles
    found = imported()

    assert "cointrader.backtest.kernel" in found
    assert sorted(found & UNNEEDED) == []
