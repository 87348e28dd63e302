"""From the shell a backtest takes hardly more than its imports: it imports only what it needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
    "aiohttp", "asyncio", "numba", "onnxruntime", "pandas", "scipy", "ssl",
    "cointrader.backtest.filtered", "cointrader.exchange.simulated.adapter",
    "cointrader.journal.reader", "cointrader.model.artifact", "cointrader.signals.user_rules",
}  # fmt: skip


def test_a_backtest_imports_no_event_loop_no_compiler_no_models_and_no_journal(tmp_path):
    folder = stored(tmp_path / "data", ["AAAUSDT"], bars=500)

    def imported():
        done = subprocess.run(
            [
                sys.executable, "-c", RUN, "backtest", "--data", str(folder),
                "--symbol", "AAAUSDT", "--no-verdict", "--json", "--quiet",
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

    found = imported()
    if "numba" in found:  # nothing was compiled on this machine yet
        found = imported()

    assert "cointrader.backtest.kernel" in found
    assert sorted(found & UNNEEDED) == []
