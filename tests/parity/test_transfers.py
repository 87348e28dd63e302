"""Money that comes or leaves while a position is open: no profit, no loss, no way out of a halt.

Trading rules, sections 4 and 5, from the simulated account through the bots to the next entry.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from cointrader.app.config import Config
from cointrader.domain.errors import Rejected
from cointrader.journal.reader import JournalReader
from tests.markets import BAR_MS, DAY_MS, START_MS, Scripted, TableSource
from tests.parity.mortal import World

XRP, TRX = "XRPUSDT", "TRXUSDT"
PROFILES = pytest.mark.parametrize("profile", ["founding", "default"])
CALM = (100.0, 100.0, 100.0, 100.0)
FALL = (100.0, 100.0, 97.0, 97.0)  # 3 below: of a position of 25 or more that is above 5 % of 1000
LOW = (97.0, 97.0, 97.0, 97.0)


def at(bar: int) -> int:
    return START_MS + bar * BAR_MS


def played(tmp_path, profile, stranger, *, xrp, script, trx_script):
    """Two symbols, 1000 at first, stops and targets far away, no costs."""
    config = Config(
        overrides={
            "profile": profile,
            "symbols": [XRP, TRX],
            "correlation_symbols": [],
            "exit_mode": "pct",
            "stop_loss_pct": 0.04,
            "take_profit_pct": 0.5,
            "open_risk_bound": False,
            "liquidation_distance": False,
            "taker_fee": 0,
            "slippage_bps": 0,
        },
        environ={},
        folder="/nonexistent",
    )
    world = World(
        config,
        TableSource({XRP: xrp, TRX: [CALM] * len(xrp)}),
        tmp_path / "j.db",
        rules={XRP: Scripted(script), TRX: Scripted(trx_script)},
        stranger=stranger,
    )
    world.run([])
    with JournalReader(tmp_path / "j.db") as reader:
        sizes = {p.symbol: p.quantity for p in reader.positions()}
        refusals = [(d.symbol, d.refusal) for d in reader.decisions() if d.refusal]
        told = [(e.at_ms, e.detail) for e in reader.risk_events(kind="deposit")]
    return world, sizes, refusals, told


def moving(bar, amount):
    """Somebody moves money in the middle of a bar."""

    async def stranger(exchange, clock):
        await clock.sleep_until_ms(at(bar) + 60_000)
        if amount > 0:
            exchange.deposit(Decimal(amount))
        else:
            exchange.withdraw(Decimal(-amount))

    return stranger


@PROFILES
def test_a_deposit_enlarges_the_next_entry_and_is_no_profit_that_shrinks_its_share(
    tmp_path, profile
):
    world, sizes, refusals, told = played(
        tmp_path,
        profile,
        moving(308, 1000),
        xrp=[CALM] * 320,
        script={at(305): 1},
        trx_script={at(310): 1},
    )

    assert sizes[XRP] == Decimal(25)  # 1000 / 2 x 0.5 x 10 / 100
    assert sizes[TRX] == Decimal(50)  # 2000 / 2 x 0.5 x 10 / 100: profit 0, so the ratio is 0.5
    assert refusals == []
    assert told == [(at(309), "1000")]
    assert world.halted_days == 0
    assert world.final_wallet == 2000


@PROFILES
def test_a_withdrawal_is_no_loss_and_halts_nothing(tmp_path, profile):
    world, sizes, refusals, told = played(
        tmp_path,
        profile,
        moving(308, -600),
        xrp=[CALM] * 320,
        script={at(305): 1},
        trx_script={at(310): 1},
    )

    assert sizes[TRX] == Decimal(10)  # 400 / 2 x 0.5 x 10 / 100
    assert refusals == []
    assert told == [(at(309), "-600")]
    assert world.halted_days == 0


def test_a_loss_that_halts_is_not_lifted_by_money_from_outside(tmp_path):
    """Marked: 25 x 3 lost of 1000, which would be less than 5 % of 6000."""
    world, _, refusals, _ = played(
        tmp_path,
        "default",
        moving(309, 5000),
        xrp=[*[CALM] * 308, FALL, *[LOW] * 100],
        script={at(305): 1},
        trx_script={at(310): 1, START_MS + 4 * DAY_MS: 1},
    )

    assert refusals == [(TRX, "daily-loss")]  # and not on the next day
    assert world.halted_days == 1


def test_in_the_founding_profile_a_realised_loss_stays_a_halt_too(tmp_path):
    """Closed by an opposite signal at 97: 75 realised, then 5000 come."""
    world, _, refusals, _ = played(
        tmp_path,
        "founding",
        moving(311, 5000),
        xrp=[*[CALM] * 308, FALL, *[LOW] * 100],
        script={at(305): 1, at(309): -1},
        trx_script={at(312): 1, START_MS + 4 * DAY_MS: 1},
    )

    assert refusals == [(XRP, "daily-loss"), (TRX, "daily-loss")]
    assert world.halted_days == 1


def test_what_positions_hold_cannot_be_withdrawn(tmp_path):
    refused = []

    async def stranger(exchange, clock):
        await clock.sleep_until_ms(at(308) + 60_000)
        before = await exchange.account()
        with pytest.raises(Rejected) as error:
            exchange.withdraw(Decimal(751))  # 250 of the 1000 are margin
        refused.append(error.value.code)
        assert await exchange.account() == before

    played(
        tmp_path,
        "default",
        stranger,
        xrp=[CALM] * 320,
        script={at(305): 1},
        trx_script={},
    )

    assert refused == ["-2018"]
