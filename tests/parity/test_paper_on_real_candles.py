"""A year of real candles: the bots' trades are the reference's, one by one."""

import pytest

from cointrader.market.source import FolderSource
from tests import reference
from tests.full import only_in_full
from tests.parity.playing import SHARED, assert_same_run, founding, play

FOLDER = SHARED / "combined"
SYMBOLS = ["XRPUSDT", "TRXUSDT", "DOGEUSDT"]

pytestmark = [
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared real candles are not here"),
    pytest.mark.slow,
]


def histories(symbols):
    return [
        reference.load_combined(FOLDER / symbol.lower() / "combined_15m.parquet")
        for symbol in symbols
    ]


@only_in_full  # a backtest's trades are held to both by the tests beside this one
def test_three_symbols_trade_a_year_as_the_rules_say(tmp_path):
    outcome, summary = play(
        founding(SYMBOLS, correlation_symbols=["BTCUSDT", "ETHUSDT"]),
        FolderSource(FOLDER, SYMBOLS),
        tmp_path / "journal.db",
    )

    assert_same_run(outcome, summary, reference.run(histories(SYMBOLS), reference.Settings()))
    assert len(summary.trades) == 1398
    assert float(outcome.final_wallet) == pytest.approx(77.617049, abs=1e-6)
    assert summary.refusals == {"daily-loss": 52, "same-direction": 35}
    assert outcome.halted_days == 43
    assert {line.symbol: (line.long_signals, line.short_signals) for line in summary.symbols} == {
        "XRPUSDT": (261, 270),
        "TRXUSDT": (280, 209),
        "DOGEUSDT": (265, 286),
    }


@only_in_full
def test_two_symbols_trade_a_year_as_the_rules_say(tmp_path):
    """Tells a day's halt that is tested anew at each snapshot from one that is latched."""
    symbols = SYMBOLS[:2]

    outcome, summary = play(
        founding(symbols), FolderSource(FOLDER, symbols), tmp_path / "journal.db"
    )

    assert_same_run(outcome, summary, reference.run(histories(symbols), reference.Settings()))
    assert len(summary.trades) == 939
    assert float(outcome.final_wallet) == pytest.approx(67.267900, abs=1e-6)
