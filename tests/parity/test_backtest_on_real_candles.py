"""A year of real candles: a backtest's trades and answers are paper's, one by one."""

import pytest

from cointrader.app.config import Config
from cointrader.market.source import FolderSource
from tests import reference
from tests.full import some
from tests.parity.backtests import backtested, compare
from tests.parity.playing import SHARED

FOLDER = SHARED / "combined"
SYMBOLS = ["XRPUSDT", "TRXUSDT", "DOGEUSDT"]

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared real candles are not here")


def configured(profile, symbols=SYMBOLS, **settings):
    given = {"profile": profile, "symbols": list(symbols), "correlation_symbols": []}
    return Config(overrides=given | settings, environ={}, folder="/nonexistent")


@pytest.mark.slow
@pytest.mark.parametrize("profile", some(["default", "founding"], 2))
def test_one_account_over_three_symbols_trades_the_year_as_paper_does(profile):
    compare(configured(profile), FolderSource(FOLDER, SYMBOLS))


@pytest.mark.slow
@pytest.mark.parametrize("profile", some(["founding", "default"], 2))
def test_one_symbol_at_a_fixed_notional_trades_the_year_as_paper_does(profile):
    """From half of the year on, so that it warms up on candles before --from."""
    config = configured(profile, ["DOGEUSDT"], sizing="fixed:1000")

    compare(config, FolderSource(FOLDER, ["DOGEUSDT"]), start_ms=1_755_000_000_000)


def test_the_founding_account_ends_where_the_rules_end():
    result = backtested(configured("founding"), FolderSource(FOLDER, SYMBOLS))
    expected = reference.run(
        [
            reference.load_combined(FOLDER / symbol.lower() / "combined_15m.parquet")
            for symbol in SYMBOLS
        ],
        reference.Settings(),
    )

    assert [
        (t.symbol, t.side.lower(), t.entry_time_ms, t.exit_time_ms, t.reason.value)
        for t in result.trade_list()
    ] == [(t.symbol, t.side, t.entry_time_ms, t.exit_time_ms, t.reason) for t in expected.trades]
    nets = result.trades["net"].tolist()
    assert nets == pytest.approx([t.net for t in expected.trades], rel=1e-9, abs=1e-9)
    assert len(nets) == 1398
    assert result.final_wallet == pytest.approx(expected.final_wallet, rel=1e-9)
    assert result.final_wallet == pytest.approx(77.61704858880962, rel=1e-9)
    assert result.refusals == {"daily-loss": 52, "same-direction": 35}
    assert result.halted_days == expected.halted_days == 43


def test_a_founding_halt_is_tested_anew_at_each_snapshot():
    result = backtested(configured("founding", SYMBOLS[:2]), FolderSource(FOLDER, SYMBOLS[:2]))

    assert len(result.trades) == 939
    assert result.final_wallet == pytest.approx(67.267900, abs=1e-6)


def test_the_default_account_is_halted_by_its_drawdown():
    result = backtested(configured("default"), FolderSource(FOLDER, SYMBOLS))

    assert len(result.trades) == 65
    assert result.final_wallet == pytest.approx(703.38, abs=0.005)
    assert result.drawdown_halt_ms is not None
    assert result.drawdown_halt_ms // 86_400_000 * 86_400_000 == 1_743_206_400_000  # 2025-03-29


@pytest.mark.parametrize(
    ("symbol", "trades", "net"),
    [("DOGEUSDT", 511, -318.7877), ("TRXUSDT", 473, -307.7455), ("XRPUSDT", 499, -492.7094)],
)
def test_the_founding_rule_loses_on_every_symbol_at_a_fixed_notional(symbol, trades, net):
    config = configured("founding", [symbol], sizing="fixed:1000")

    result = backtested(config, FolderSource(FOLDER, [symbol]))

    assert len(result.trades) == trades
    assert float(result.trades["net"].sum()) == pytest.approx(net, abs=1e-4)
