"""Binance's error codes: who acts next, and what a person can do about it. Data only.

Every code that we know of is here once. `refusals` turns an answer into an error by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from cointrader.domain.clock import MINUTE_MS


class Act(Enum):
    """What the caller does next."""

    LOOK = auto()  # it may have been done: look it up
    RETRY = auto()  # it was not done: try again
    WAIT = auto()  # it was not done: wait, then try again
    SKIP = auto()  # the exchange said no; the same again changes nothing
    OWNER = auto()  # only a person can change this: key, permission, account
    CLOCK = auto()  # our stamp was off: measure the clock, try again


@dataclass(frozen=True, slots=True)
class Meaning:
    """`what` says what is wrong, `todo` what a person can do, where anything is to be done."""

    act: Act
    what: str
    todo: str
    wait_ms: int = 1_000  # where the exchange does not say how long


_OURS = "this is a mistake of cointrader: report it with this message"
_AGAIN = "nothing: the bot tries again"
_LOOKS = "nothing: the bot asks what became of it"
_KEYS = "check key, secret and IP list at Binance > API Management; enable futures, not withdrawals"
_FILTERS = "nothing: the symbol's rules are read again; if it stays, take it out of SYMBOLS"
_MARGIN = "deposit, lower LEVERAGE or MARGIN_MAX_RATIO, or trade fewer symbols"
_LEVERAGE = "lower LEVERAGE, or the size of positions"
_ORDERS = "cancel orders that you do not need at Binance > Futures > Open Orders"
_SYMBOL = "take the symbol out of SYMBOLS"
_FLAT = "close positions and cancel orders of the symbol, then start again"
_PROTECTED = "nothing: a position that stays without its stop is closed at market"
_THERE = "nothing: the bot uses the one that is there"
_SO = "nothing: it is as it should be"
_CLOCK = "let this machine's clock follow an NTP server"
_FEWER = "run one trading program per address; all that use it share its limit"

UNKNOWN = Meaning(Act.LOOK, "Binance does not say whether this was done", _LOOKS)
NOT_DONE = Meaning(Act.RETRY, "Binance could not do this now", _AGAIN)
ELSEWHERE = Meaning(Act.OWNER, "the exchange is elsewhere", "check the base URL of the exchange")
UNLISTED = Meaning(
    Act.SKIP, "the exchange refused this", "look the code up in Binance's list of error codes"
)
_OWNER_KEY = Meaning(Act.OWNER, "key, IP address or permission is wrong", _KEYS)
_TOO_MANY = Meaning(Act.WAIT, "too many requests", _FEWER, MINUTE_MS)
_TIME_OFF = Meaning(Act.CLOCK, "the request's time is off", _CLOCK)


def _skip(what: str, todo: str) -> Meaning:
    return Meaning(Act.SKIP, what, todo)


_RULES = (
    ((-1013,), _skip("the order breaks a rule of its symbol", _FILTERS)),
    ((-1111,), _skip("a price or quantity has too many digits", _FILTERS)),
    (
        (-4001, -4002, -4013, -4014, -4016, -4024, -4183, -4184, -4210, -4211),
        _skip("a price is outside what the symbol allows", _FILTERS),
    ),
    ((-4003, -4004, -4005, -4023), _skip("a quantity is outside what the symbol allows", _FILTERS)),
    ((-4164,), _skip("the order is below the smallest notional", _MARGIN)),
    ((-2027,), _skip("the position would be too large for this leverage", _LEVERAGE)),
    ((-4028,), _skip("the symbol does not have this leverage", _LEVERAGE)),
    ((-1122,), _skip("the symbol is not traded now", _SYMBOL)),
    ((-4140,), _skip("the symbol takes no new positions now", _SYMBOL)),
    ((-4141,), _skip("the symbol is closed", _SYMBOL)),
)
_TABLE = (
    *_RULES,
    # the service, the key, the clock
    ((-1000, -1001, -1006, -1007), UNKNOWN),
    ((-1002, -2015), _OWNER_KEY),
    ((-2014,), Meaning(Act.OWNER, "the API key has the wrong form", "copy the key again, whole")),
    ((-1022,), Meaning(Act.OWNER, "the signature is wrong", "copy the API secret again, whole")),
    ((-4109,), Meaning(Act.OWNER, "the futures account is inactive", "deposit to it once")),
    ((-1003,), _TOO_MANY),
    ((-1008,), Meaning(Act.WAIT, "Binance is overloaded and refuses new orders", _AGAIN)),
    ((-1015,), Meaning(Act.WAIT, "too many new orders", _FEWER, 10_000)),
    ((-1021, -5028), _TIME_OFF),
    ((-1016,), _skip("this service of Binance was shut down", "update cointrader")),
    ((-1125,), _skip("the listen key has ended", "nothing: the bot gets a new one")),
    ((-1121,), _skip("there is no such symbol", "check SYMBOLS for a mistake, or a delisting")),
    # what we should never send
    ((-1014, -1020), _skip("Binance does not know this combination of fields", _OURS)),
    (
        (-1100, -1101, -1102, -1103, -1104, -1105, -1106, -1115, -1116, -1117, -1127, -1128, -1130),
        _skip("the request is malformed", _OURS),
    ),
    ((-4015,), _skip("the client order id is not allowed", _OURS)),
    ((-2026, -4062), _skip("this order cannot be reduce-only", _OURS)),
    ((-4120,), _skip("this kind of order belongs to the algo service", _OURS)),
    ((-4135, -4137, -4138), _skip("fields of a conditional order exclude each other", _OURS)),
    (
        (-5024, -5025, -5026, -5027, -5029, -5043),
        _skip("the order cannot be changed so", _OURS),
    ),
    (
        (-5037, -5038, -5039, -5040, -5041),
        _skip("a field of the order is not allowed here", _OURS),
    ),
    # orders
    ((-1112,), Meaning(Act.WAIT, "there is nobody to trade with", _AGAIN)),
    ((-4131,), Meaning(Act.WAIT, "the best price is too far from the mark price", _AGAIN)),
    ((-2010,), _skip("the order was refused", "read what Binance says of it")),
    ((-2011,), _skip("there is no such open order", "nothing: it was executed or cancelled")),
    ((-2013,), _skip("there is no such order", "nothing: it never came to be, or is long over")),
    ((-2018, -2019), _skip("there is not enough free margin", _MARGIN)),
    ((-2020,), _skip("the order could not be filled", "nothing: the next signal is tried again")),
    ((-2021, -4142), _skip("the price is beyond this trigger already", _PROTECTED)),
    ((-2022,), _skip("there is nothing for this order to reduce", "nothing: it is closed already")),
    ((-2024,), _skip("the position is too small for this order", "nothing: it is read again")),
    ((-2025,), _skip("there are too many open orders", _ORDERS)),
    ((-4045,), _skip("the account has too many open stop orders", _ORDERS)),
    ((-4116,), _skip("an open order has this id already", _THERE)),
    ((-4117,), _skip("the stop order is being triggered now", "nothing: the bot looks again")),
    ((-4118,), _skip("other orders already reduce this position", _ORDERS)),
    ((-4129, -4509), _skip("there is no position that this order could close", _PROTECTED)),
    ((-4130,), _skip("a stop or target of this kind is there already", _THERE)),
    ((-5021, -5022), _skip("the order could not be filled as it was meant", "nothing")),
    # the account
    ((-2023,), _skip("the account is being liquidated", "deposit, or close positions, now")),
    ((-2028,), _skip("the leverage is too low for what is open", "raise LEVERAGE, or close some")),
    ((-4046,), _skip("the margin type is so already", _SO)),
    ((-4047, -4048), _skip("orders or a position block the change of margin type", _FLAT)),
    ((-4059,), _skip("the position mode is so already", _SO)),
    (
        (-4060, -4061),
        _skip(
            "the account's position mode was changed",
            "set Binance > Futures > Preferences > Position Mode to one-way",
        ),
    ),
    ((-4067, -4068), _skip("orders or a position block the change of position mode", _FLAT)),
    (
        (-4087, -4088, -4105, -4106, -4107, -4189, -4400, -4401),
        _skip(
            "the account or the symbol may only reduce positions now",
            "see the notices in your Binance account; ask its support",
        ),
    ),
    ((-4161,), _skip("an open position blocks a lower leverage", _FLAT)),
    (
        (-4167, -4168),
        _skip(
            "multi-assets mode excludes isolated margin",
            "set Binance > Futures > Preferences > Asset Mode to single-asset",
        ),
    ),
    ((-4171,), _skip("the asset mode is so already", _SO)),
    ((-4192,), _skip("the account is in a cooling-off period", "wait for its end: you chose it")),
    (
        (-4202, -4203, -4204, -4205, -4206, -4207, -4208, -4209, -4403),
        _skip("this leverage is not open to the account", _LEVERAGE),
    ),
    ((-4531,), _skip("coin-margined orders or positions block this change", _FLAT)),
)

CODES: Mapping[int, Meaning] = {code: meaning for codes, meaning in _TABLE for code in codes}
STATUSES: Mapping[int, Meaning] = {
    401: _OWNER_KEY,
    403: Meaning(Act.WAIT, "Binance's firewall refused the request", "ask for less", MINUTE_MS),
    404: Meaning(Act.OWNER, "there is nothing at this address", ELSEWHERE.todo),
    408: UNKNOWN,
    418: Meaning(Act.WAIT, "this IP address is banned", _FEWER, 2 * MINUTE_MS),
    429: _TOO_MANY,
    451: Meaning(Act.OWNER, "Binance does not serve this location", "see Binance's terms of use"),
}
# A status of 503 means four things, told apart by its text. -1008, the fourth, has its code.
SAID_WITH_503 = (
    ("unknown error", UNKNOWN),
    ("service unavailable", NOT_DONE),
    ("internal error", NOT_DONE),
)

ALREADY_SO = frozenset({"-4046", "-4059", "-4171"})
NO_SUCH_ORDER = frozenset({"-2011", "-2013"})
# Said where the symbol's rules are not what we think they are.
RULES_CHANGED = frozenset(str(code) for codes, _ in _RULES for code in codes)
