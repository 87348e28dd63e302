"""When faults bite, and how they are added, seen and lifted while the exchange runs."""

from __future__ import annotations

import pytest

from cointrader.exchange.simulated.wire.faults import FaultPlan, Rule
from tests.unit.exchange.simulated_fakes import M15, T0
from tests.unit.exchange.wire.serving import CALM, SYMBOL, served
from tests.unit.exchange.wire_faults.faulty import BUY_10, entered, faulty, injected, names

ORDER = "/fapi/v1/order"
REFUSALS = 40


async def refusals(spec, seed):
    """Which of many orders were refused."""
    async with faulty(spec, seed=seed) as client:
        replies = [await client.signed("POST", ORDER, **BUY_10) for _ in range(REFUSALS)]
        assert len(names(client)) == sum(reply.status != 200 for reply in replies)
        return [place for place, reply in enumerate(replies) if reply.status != 200]


async def test_the_same_seed_bites_at_the_same_places():
    one = await refusals("refused:0.3", 4)

    assert one == await refusals("refused:0.3", 4)
    assert one != await refusals("refused:0.3", 5)
    assert 4 < len(one) < 24


async def test_a_fault_more_does_not_move_the_others():
    assert await refusals("refused:0.3,kline-late:0.5", 4) == await refusals("refused:0.3", 4)


@pytest.mark.parametrize(
    ("spec", "bars"),
    [
        ("refused", [0, 1, 2, 3]),
        ("refused*2", [0, 1]),
        ("refused@900", [1]),
        ("refused*2@900", [1, 2]),
        ("refused@900..2700", [1, 2]),
        ("refused*1@900..2700", [1]),
        (f"refused@{'2027-01-15T08:15:00'}", [1]),
        ("refused@0..900", [0]),
    ],
)
async def test_a_fault_keeps_to_its_times(spec, bars):
    assert T0 == 1_800_000_000_000  # 2027-01-15T08:00
    async with faulty(spec, *[CALM] * 4) as client:
        bitten = []
        for bar in range(4):
            reply = await client.signed("POST", ORDER, **BUY_10)
            bitten += [bar] if reply.status != 200 else []
            await client.step()

    assert bitten == bars


@pytest.mark.parametrize(
    ("spec", "times"),
    [
        ("deposit", [0]),
        ("deposit@0", [0]),
        ("deposit@1800", [2]),
        ("deposit*3@900", [1, 2, 3]),
        ("deposit:1", [0, 1, 2, 3, 4]),
        ("deposit:1*2", [0, 1]),
        ("deposit:1@900..2700", [1, 2]),
    ],
)
async def test_an_act_keeps_to_its_times(spec, times):
    async with faulty(spec, *[CALM] * 3) as client:
        await client.step(4)
        log = client.server.faults.log.entries

    assert [(entry.at_ms - T0) // M15 for entry in log] == times


@pytest.mark.parametrize("seed", range(5))
async def test_time_that_is_stepped_over_both_ends_of_an_act_leaves_it_its_one_turn(seed):
    async with faulty("deposit@1000..1300,manual-entry@900..1800", CALM, CALM, seed=seed) as client:
        await client.step(3)

    assert sorted(names(client)) == ["deposit", "manual-entry"]


async def test_an_act_that_could_not_be_done_in_its_window_is_not_done_after_it():
    async with faulty("stop-cancelled-by-hand@1000..1300", *[CALM] * 3) as client:
        await client.step(2)
        await entered(client)  # a stop that could be cancelled now
        await client.step(2)

    assert names(client) == []


async def test_an_act_within_two_times_happens_once_between_them():
    plan = FaultPlan.parse("deposit@1000..3000", seed=3)
    async with served(*[CALM] * 4, faults=plan, pace=20_000.0) as client:
        while not (log := client.server.faults.log.entries):
            await client.now_ms()

    (entry,) = log
    assert T0 + 1_000_000 <= entry.at_ms < T0 + 3_000_000 + 200_000


async def test_faults_are_seen_added_and_lifted_by_control():
    async with faulty("kline-late:0.5") as client:
        added = await client.call(
            "POST",
            "/control/faults",
            json={"name": "refused", "times": 1, "parameters": {"code": -2019, "symbol": SYMBOL}},
        )
        more = await client.call("POST", "/control/faults", json={"spec": "deposit(7),unavailable"})
        seen = (await client.call("GET", "/control/faults")).body
        lifted = await client.call("DELETE", "/control/faults", json={"name": "unavailable"})
        reply = await client.signed("POST", ORDER, **BUY_10)
        told = (await client.call("GET", "/control/faults")).body
        rest = await client.call("DELETE", "/control/faults?id=1")
        every = await client.call("DELETE", "/control/faults")

    assert (added.body, more.body) == ({"ids": [2]}, {"ids": [3, 4]})
    assert [each["name"] for each in seen["in_force"]] == [
        "kline-late",
        "refused",
        "deposit",
        "unavailable",
    ]
    assert seen["in_force"][0]["probability"] == 0.5
    assert (lifted.body, rest.body, every.body) == ({"lifted": 1}, {"lifted": 1}, {"lifted": 2})
    assert reply.code == -2019
    assert told["in_force"][1]["times_left"] == 0
    assert [(each["fault"], each["did"]) for each in told["log"]] == [
        ("deposit", "7.0 USDT came"),
        ("refused", "refused with -2019"),
    ]
    assert {"name", "group", "summary", "parameters"} == set(told["known"][0])
    assert len(told["known"]) == 81


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"name": "refuse"}, "did you mean refused?"),
        ({"name": "refused", "probability": 7}, "above 0"),
        ({"name": "refused", "chance": 1}, "unknown key"),
        ({"spec": "refused(0)"}, "not a value that fits"),
        ({}, "has no name"),
    ],
)
async def test_control_refuses_what_makes_no_sense(body, words):
    async with faulty("kline-late") as client:
        reply = await client.call("POST", "/control/faults", json=body)

        assert reply.status == 400
        assert words in reply.body["error"]
        assert len(client.server.faults.in_force()) == 1


async def test_faults_are_not_changed_by_other_methods():
    async with faulty("kline-late") as client:
        reply = await client.call("PUT", "/control/faults", json={})

        assert (reply.status, reply.code) == (400, -1020)


async def test_a_fault_is_added_and_lifted_in_python():
    async with served(CALM) as client:
        faults = client.server.faults
        number = faults.add(Rule("refused", parameters={"code": "-2019"}))
        refused = await client.signed("POST", ORDER, **BUY_10)
        faults.lift(number=number)
        placed = await client.signed("POST", ORDER, **BUY_10)

        assert (refused.code, placed.status) == (-2019, 200)
        assert injected(client) == [("refused", "refused with -2019")]
        assert faults.log.count == 1


async def test_what_a_fault_holds_on_to_is_let_go_when_it_is_lifted():
    async with faulty("event-late(9999)") as client:
        key = await client.listen_key()
        async with client.socket(f"/private/ws/{key}") as stream:
            await client.market_order("BUY", "10")
            before = await stream.all_now()
            client.server.faults.lift()
            after = await stream.all_now()

        assert (before, len(after)) == ([], 4)


async def test_the_state_tells_the_speed():
    async with served(CALM) as client:
        stepped = (await client.call("GET", "/control/state")).body
    async with served(CALM, pace=25.0) as client:
        paced = (await client.call("GET", "/control/state")).body

    assert (stepped["speed"], paced["speed"]) == ("stepped", 25.0)
