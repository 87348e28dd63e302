"""Which input of an entry is too old, and that a fresh one is not."""

from dataclasses import dataclass, field

import pytest

from cointrader.exchange.binance.input_ages import BinanceInputs, OldestInputs

OLDEST = OldestInputs(market_ms=60_000, account_ms=10_000, rules_ms=100_000, clock_ms=7_000)


@dataclass
class Sources:
    """The four places that ages are asked of."""

    market: int = 0
    account: int = 0
    rules: int | None = 0
    clock: int | None = 0
    status: str | None = "TRADING"

    def inputs(self):
        return BinanceInputs(
            market=_Market(self.market),
            account=_Aged(self.account),
            rules=_Rules(self.rules, self.status),
            server_clock=_Aged(self.clock),
            oldest=OLDEST,
        )


@dataclass
class _Aged:
    age_ms: int | None


@dataclass
class _Market:
    age: int

    def age_ms(self, symbol):
        assert symbol == "XRPUSDT"
        return self.age


@dataclass
class _Rules:
    age_ms: int | None
    status: str | None
    doubts: list[str] = field(default_factory=list)

    def doubt(self, symbol):
        self.doubts.append(symbol)

    def known_status(self, symbol):
        assert symbol == "XRPUSDT"
        return self.status


@pytest.mark.parametrize(
    "sources",
    [
        Sources(),
        Sources(market=60_000, account=10_000, rules=100_000, clock=7_000),
        Sources(rules=None, status=None),  # an entry reads them itself
    ],
)
def test_inputs_up_to_their_age_are_fresh_enough(sources):
    assert sources.inputs().too_old("XRPUSDT") is None


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        (Sources(market=60_001), "the candle stream of XRPUSDT is 60 s old, 60 s is the most"),
        (Sources(account=11_000), "the account's event stream is 11 s old, 10 s is the most"),
        (
            Sources(rules=200_000),
            "the list of the exchange's filters is 200 s old, 100 s is the most",
        ),
        (Sources(clock=None), "the measured time difference is not known"),
        (Sources(clock=9_000), "the measured time difference is 9 s old, 7 s is the most"),
        (
            Sources(status="SETTLING"),
            "XRPUSDT is not open for trading: the exchange says SETTLING",
        ),
    ],
)
def test_one_that_is_older_or_not_known_is_named(sources, words):
    assert sources.inputs().too_old("XRPUSDT") == words
