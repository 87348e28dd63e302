"""What pages ask a journal: parts of lists, counts, what is new."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cointrader.domain.order import Side
from cointrader.domain.position import CloseReason, Trade
from cointrader.domain.records import Alert, Decision, EquityMarked, PositionOpened, TradeClosed
from cointrader.journal.page_reader import PageReader, ReasonCount
from cointrader.journal.page_trades import TradeFilter
from cointrader.journal.paging import Place
from cointrader.journal.sqlite import SqliteJournal

BAR_MS = 900_000
T0 = 1_767_225_600_000


@pytest.fixture
def written(tmp_path):
    """Writes records into a journal, and reads it."""
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path, threaded=False)
    readers = []

    async def write(*records):
        await journal.commit(*records)
        readers.append(PageReader(path))
        return readers[-1]

    yield write
    for reader in readers:
        reader.close()
    journal.close()


def a_decision(bar, symbol="XRPUSDT", action="HOLD", **changes):
    values = {"side": None, "strength": 1, "reasons": ("ema+1", "below-threshold"),
              "detail": "no-signal"}  # fmt: skip
    return Decision(symbol, T0 + bar * BAR_MS, action, **(values | changes))


def a_trade(bar, net, symbol="XRPUSDT", side=Side.LONG, reason=CloseReason.STOP):
    at_ms = T0 + bar * BAR_MS
    return TradeClosed(
        Trade(symbol, side, at_ms - BAR_MS, at_ms, Decimal(1), Decimal(1), Decimal(1), reason,
              Decimal(net), Decimal(0), Decimal(0), Decimal(net), f"ct-{symbol}-{bar}")
    )  # fmt: skip


def pages(ask, **conditions):
    """Every record of a list, page by page, and how many pages it took."""
    found, after, count = [], None, 0
    while True:
        page = ask(after=after, **conditions)
        found += page.records
        count += 1
        if page.next is None:
            return found, count
        after = page.next


async def test_pages_of_decisions_tell_each_once_newest_first(written):
    told = [a_decision(bar, symbol) for bar in range(5) for symbol in ("XRPUSDT", "TRXUSDT")]
    reader = await written(*told)

    found, count = pages(reader.decisions_page, limit=3)

    assert found == told[::-1]
    assert count == 4


async def test_what_comes_meanwhile_does_not_move_a_list(written):
    reader = await written(*[a_decision(bar) for bar in range(4)])
    first = reader.decisions_page(limit=2)
    await written(a_decision(9))

    rest = reader.decisions_page(limit=2, after=first.next)

    assert [d.bar_open_ms for d in rest.records] == [T0 + BAR_MS, T0]
    assert rest.next is None


@pytest.mark.parametrize(
    ("conditions", "bars"),
    [
        ({"symbol": "TRXUSDT"}, [4]),
        ({"action": "ENTER"}, [3, 2]),
        ({"reason": "max-positions"}, [3]),
        ({"reason": "volume"}, [1]),
        ({"reason": "same-side"}, [0]),
        ({"reason": "vol"}, []),
        ({"side": "LONG"}, [3, 2]),
        ({"from_ms": T0 + BAR_MS, "to_ms": T0 + 3 * BAR_MS}, [2, 1]),
        ({"action": "ENTER", "to_ms": T0 + 3 * BAR_MS}, [2]),
    ],
)
async def test_decisions_are_filtered(written, conditions, bars):
    reader = await written(
        a_decision(0, detail="same-side"),
        a_decision(1, reasons=("rsi+1", "volume")),
        a_decision(2, action="ENTER", side=Side.LONG, detail=""),
        a_decision(3, action="ENTER", side=Side.LONG, refusal="max-positions"),
        a_decision(4, "TRXUSDT"),
    )

    found, _ = pages(reader.decisions_page, **conditions)

    assert [(d.bar_open_ms - T0) // BAR_MS for d in found] == bars


async def test_a_rare_decision_is_found_over_several_looks_each_of_which_is_short(written):
    told = [a_decision(bar) for bar in range(50)]
    told[3] = a_decision(3, action="ENTER", side=Side.LONG)
    reader = await written(*told)

    first = reader.decisions_page(action="ENTER", most_looked=10)
    found, count = pages(reader.decisions_page, action="ENTER", most_looked=10)

    assert first.records == []
    assert first.looked_to_ms == T0 + 39 * BAR_MS
    assert found == [told[3]]
    assert count == 5


async def test_short_looks_leave_nothing_out(written):
    told = [a_decision(bar, s) for bar in range(30) for s in ("XRPUSDT", "TRXUSDT", "DOGEUSDT")]
    reader = await written(*told)

    found, _ = pages(reader.decisions_page, symbol="TRXUSDT", most_looked=7, limit=2)

    assert found == [d for d in told[::-1] if d.symbol == "TRXUSDT"]


@pytest.mark.parametrize(
    ("conditions", "bars"),
    [
        ({}, [4, 3, 2, 1]),
        ({"result": "win"}, [4, 1]),
        ({"result": "loss"}, [3, 2]),
        ({"symbol": "TRXUSDT"}, [3]),
        ({"side": "SHORT"}, [4]),
        ({"reason": "TP"}, [4]),
        ({"from_ms": T0 + 2 * BAR_MS, "to_ms": T0 + 4 * BAR_MS}, [3, 2]),
    ],
)
async def test_trades_are_filtered_alike_in_lists_and_sums(written, conditions, bars):
    reader = await written(
        a_trade(1, "2"),
        a_trade(2, "0"),
        a_trade(3, "-1", "TRXUSDT"),
        a_trade(4, "3.5", side=Side.SHORT, reason=CloseReason.TARGET),
    )

    wanted = TradeFilter(**conditions)
    found, _ = pages(reader.trades_page, limit=2, wanted=wanted)
    summed = reader.nets(wanted)
    everything = list(reader.all_trades(wanted))

    assert [(t.exit_time_ms - T0) // BAR_MS for t in found] == bars
    assert everything == found[::-1]
    assert sum(count for count, _ in summed.values()) == len(found)
    assert sum(net for _, net in summed.values()) == pytest.approx(float(sum(t.net for t in found)))
    assert set(summed) == {t.symbol for t in found}


async def test_sums_tell_apart_what_costs_differently(written):
    reader = await written(
        a_trade(1, "2"),
        a_trade(2, "-1"),
        a_trade(3, "1", side=Side.SHORT),
        a_trade(4, "-5", reason=CloseReason.LIQUIDATED),
    )

    assert sorted((s.side, s.is_liquidated, s.trades, s.wins, s.net) for s in reader.sums()) == [
        (Side.LONG, False, 2, 1, 1.0),
        (Side.LONG, True, 1, 0, -5.0),
        (Side.SHORT, False, 1, 1, 1.0),
    ]
    assert {(s.entered, s.left) for s in reader.sums(TradeFilter(side="SHORT"))} == {(1.0, 1.0)}


async def test_first_stops_are_those_that_trades_began_with(written):
    def position(trade_id, stop):
        return PositionOpened("XRPUSDT", trade_id, Side.LONG, Decimal(1), Decimal(2), T0,
                              Decimal(0), Decimal(stop), Decimal(3), 2.0)  # fmt: skip

    reader = await written(position("a", "1.5"), position("b", "1.6"), position("a", "1.8"))

    assert reader.first_stops(["a", "b", "c"]) == {
        "a": Decimal("1.5"),
        "b": Decimal("1.6"),
    }
    assert reader.first_stops([]) == {}


async def test_open_positions_are_those_that_no_trade_has_ended(written):
    def position(symbol, trade_id, bar, stop="1.5"):
        return PositionOpened(symbol, trade_id, Side.LONG, Decimal(1), Decimal(2),
                              T0 + bar * BAR_MS, Decimal(0), Decimal(stop), Decimal(3),
                              2.0)  # fmt: skip

    moved = position("TRXUSDT", "t2", 3, "1.7")
    reader = await written(
        position("XRPUSDT", "ct-XRPUSDT-2", 1),
        a_trade(2, "1"),
        position("TRXUSDT", "t2", 3),
        moved,
        position("DOGEUSDT", "d", 4),
    )
    symbols = ["DOGEUSDT", "XRPUSDT", "TRXUSDT", "NOTUSDT"]

    assert list(reader.open_positions(symbols).items()) == [
        ("DOGEUSDT", position("DOGEUSDT", "d", 4)),
        ("TRXUSDT", moved),
    ]
    assert reader.open_positions(symbols) == {
        symbol: held for symbol in symbols if (held := reader.open_position(symbol)) is not None
    }


async def test_the_last_decision_of_each_symbol_is_that_of_its_newest_bar(written):
    told = [a_decision(0, "OLDUSDT"), a_decision(5), a_decision(6, "TRXUSDT"), a_decision(4)]
    reader = await written(*told)

    both = {"XRPUSDT": told[1], "TRXUSDT": told[2]}
    assert reader.last_decisions(list(both), 48 * BAR_MS) == both
    assert reader.last_decisions([*both, "OLDUSDT"], 4 * BAR_MS) == both
    assert reader.last_decisions([*both, "OLDUSDT"], 7 * BAR_MS) == both | {"OLDUSDT": told[0]}
    assert reader.decision_span() == (T0, T0 + 6 * BAR_MS)


async def test_equal_answers_are_counted_and_numbers_in_details_make_no_difference(written):
    reader = await written(
        a_decision(0),
        a_decision(1),
        a_decision(2, refusal="open-risk", detail="it would pass 5.00% of 870.1"),
        a_decision(3, refusal="open-risk", detail="it would pass 5.00% of 861.3"),
        a_decision(4, "TRXUSDT"),
    )

    reasons = ("ema+1", "below-threshold")
    assert sorted(reader.reasons("XRPUSDT", T0, None), key=str) == sorted(
        [
            ReasonCount("HOLD", reasons, "", "no-signal", 2),
            ReasonCount("HOLD", reasons, "open-risk", "", 2),
        ],
        key=str,
    )


async def test_probabilities_fall_into_equal_ranges(written):
    reader = await written(
        a_decision(0, probability=0.5),
        a_decision(1, probability=0.05, refusal="filter"),
        a_decision(2, probability=1.0),
        a_decision(3, probability=0.59),
        a_decision(4),
    )

    bins, total, passed = reader.probabilities(T0)["XRPUSDT"]

    assert bins == [1, 0, 0, 0, 0, 2, 0, 0, 0, 1]
    assert total == pytest.approx(2.14)
    assert passed == 3


async def test_a_curve_is_told_in_floats_from_a_moment_on(written):
    marks = [EquityMarked(T0 + i, Decimal(9), Decimal(f"{i}.5")) for i in range(4)]
    reader = await written(*marks)

    assert reader.equity_curve(T0 + 2) == [(T0 + 2, 2.5, 9.0), (T0 + 3, 3.5, 9.0)]
    assert len(reader.equity_curve()) == 4


async def test_an_empty_journal_has_empty_pages(written):
    reader = await written()

    assert reader.decisions_page().records == []
    assert reader.trades_page().next is None
    assert reader.equity_curve() == []
    assert reader.decision_span() is None
    assert reader.last_decisions(["XRPUSDT"], BAR_MS) == {}
    assert set(reader.newest().values()) == {0}


async def test_what_is_new_is_told_by_kind(written):
    reader = await written(a_decision(0))
    before, version = reader.newest(), reader.data_version()
    assert reader.data_version() == version

    await written(Alert(T0, "info", "", "hear"))
    after = reader.newest()

    assert reader.data_version() != version
    assert {kind for kind in after if after[kind] != before[kind]} == {"alerts"}


async def test_what_is_read_at_one_moment_is_of_one_moment(written):
    reader = await written(a_decision(0))

    with reader.at_one_moment():
        assert len(reader.decisions_page().records) == 1
        await written(a_decision(1))
        assert len(reader.decisions_page().records) == 1
    assert len(reader.decisions_page().records) == 2


async def test_a_place_is_a_time_and_a_row(written):
    reader = await written(*[a_decision(bar) for bar in range(3)])

    assert reader.decisions_page(limit=1).next == Place(T0 + 2 * BAR_MS, 3)
