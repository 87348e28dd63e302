import io
import json
from dataclasses import replace
from decimal import Decimal

from cointrader.domain.order import Side
from cointrader.domain.position import CloseReason
from cointrader.journal.export import as_dicts, in_result_order, write_csv
from tests.unit.journal.examples import a_trade

TRADE = a_trade().trade
ORDER = ("XRPUSDT", "TRXUSDT", "DOGEUSDT")


def csv_of(*trades) -> str:
    target = io.StringIO()
    write_csv(trades, target)
    return target.getvalue()


def test_csv_has_the_agreed_columns_and_plain_numbers():
    assert csv_of(TRADE) == (
        "symbol,side,entry_time_ms,exit_time_ms,entry_price,exit_price,quantity,reason,"
        "gross,fee,funding,net\n"
        "XRPUSDT,long,1700001000000,1700004600000,0.6123,0.64,120.5,TP,"
        "3.33785,0.07,-0.07785,3.19\n"
    )


def test_csv_never_uses_scientific_notation_and_keeps_all_digits():
    trade = replace(
        TRADE,
        side=Side.SHORT,
        entry_price=Decimal("1E-10"),
        exit_price=Decimal("2.5E+7"),
        quantity=Decimal("1234567890.123456789012345678"),
        gross=Decimal("-1.0E-27"),
        fee=Decimal("0E-12"),
        funding=Decimal("-0.00"),
    )

    assert csv_of(trade).splitlines()[1] == (
        "XRPUSDT,short,1700001000000,1700004600000,0.0000000001,25000000,"
        "1234567890.123456789012345678,TP,-0.0000000000000000000000000010,0.000000000000,0.00,3.19"
    )


def test_csv_of_no_trades_is_its_header():
    assert csv_of().count("\n") == 1


def test_dicts_hold_the_same_with_numbers_for_json():
    (values,) = json.loads(json.dumps(as_dicts([TRADE])))

    assert values == {
        "symbol": "XRPUSDT",
        "side": "long",
        "entry_time_ms": 1700001000000,
        "exit_time_ms": 1700004600000,
        "entry_price": 0.6123,
        "exit_price": 0.64,
        "quantity": 120.5,
        "reason": "TP",
        "gross": 3.33785,
        "fee": 0.07,
        "funding": -0.07785,
        "net": 3.19,
    }


def test_trades_are_ordered_by_exit_then_reversals_first_then_configured_symbols():
    def trade(symbol: str, exit_bar: int, reason: CloseReason):
        return a_trade(symbol=symbol, exit_bar=exit_bar, reason=reason).trade

    stop, reverse = CloseReason.STOP, CloseReason.REVERSE
    wanted = [
        trade("DOGEUSDT", 4, stop),
        trade("TRXUSDT", 5, reverse),
        trade("DOGEUSDT", 5, reverse),
        trade("XRPUSDT", 5, stop),
        trade("TRXUSDT", 5, stop),
        trade("ADAUSDT", 5, stop),
        trade("ZECUSDT", 5, stop),
        trade("XRPUSDT", 6, reverse),
    ]

    assert in_result_order(wanted[::-1], ORDER) == wanted
