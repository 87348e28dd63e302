"""The manager's state as plain values, for the journal, and back.

Only str, int, float, bool, None, lists and dicts; a Decimal is its string.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from cointrader.domain.errors import JournalError
from cointrader.domain.order import Side
from cointrader.domain.ports import Account
from cointrader.risk.book import Slot
from cointrader.risk.standing import Standing
from cointrader.risk.switches import Switch

VERSION = 1


class StateWriter:
    """Writes the state down. Switches change only with a trade, so their part is kept."""

    def __init__(self) -> None:
        self._switches: Mapping[str, Switch] = {}
        self._rows: dict[str, object] = {}

    def state(self, standing: Standing, slots: Mapping[str, Slot]) -> dict[str, object]:
        if standing.switches is not self._switches:
            self._switches = standing.switches
            self._rows = {symbol: _of_switch(each) for symbol, each in self._switches.items()}
        return {
            "version": VERSION,
            "base": _of_money(standing.base),
            "account": _of_account(standing.account),
            "reading": standing.reading,
            "bar_ms": standing.bar_ms,
            "snapshot_ms": standing.snapshot_ms,
            "day": standing.day,
            "day_start": _of_account(standing.day_start),
            "daily_pnl": str(standing.daily_pnl),
            "is_day_latched": standing.is_day_latched,
            "last_halted_day": standing.last_halted_day,
            "halted_days": standing.halted_days,
            "high_water": _of_money(standing.high_water),
            "is_drawdown_halted": standing.is_drawdown_halted,
            "is_paused": standing.is_paused,
            "unknown": list(standing.unknown),
            "refusals": dict(standing.refusals),
            "switches": self._rows,
            "slots": {symbol: _of_slot(slot) for symbol, slot in slots.items()},
        }


def restored(state: Mapping[str, Any]) -> tuple[Standing, dict[str, Slot]]:
    """What `StateWriter.state` wrote down. `JournalError` for a state of another kind."""
    if state.get("version") != VERSION:
        raise JournalError(
            "the risk state in the journal is of another version",
            found=state.get("version"),
            allowed=str(VERSION),
            todo="trade with the version that wrote it, or begin a new journal",
        )
    standing = Standing(
        base=_money(state["base"]),
        account=_account(state["account"]),
        reading=state["reading"],
        bar_ms=state["bar_ms"],
        snapshot_ms=state["snapshot_ms"],
        day=state["day"],
        day_start=_account(state["day_start"]),
        daily_pnl=Decimal(state["daily_pnl"]),
        is_day_latched=state["is_day_latched"],
        last_halted_day=state["last_halted_day"],
        halted_days=state["halted_days"],
        high_water=_money(state["high_water"]),
        is_drawdown_halted=state["is_drawdown_halted"],
        is_paused=state["is_paused"],
        unknown=tuple(state["unknown"]),
        switches={symbol: _switch(row) for symbol, row in state["switches"].items()},
        refusals=Counter(state["refusals"]),
    )
    return standing, {symbol: _slot(row) for symbol, row in state["slots"].items()}


def _of_money(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _money(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _of_account(account: Account | None) -> list[str] | None:
    if account is None:
        return None
    known = [account.wallet, account.equity, account.available]
    return [str(value) for value in (*known, account.transfers) if value is not None]


def _account(row: list[str] | None) -> Account | None:
    return None if row is None else Account(*map(Decimal, row))


def _of_switch(switch: Switch) -> dict[str, object]:
    return {
        "losses_running": switch.losses_running,
        "nets": list(switch.nets),
        "fast": switch.is_fast_tripped,
        "slow": switch.is_slow_tripped,
    }


def _switch(row: Mapping[str, Any]) -> Switch:
    return Switch(row["losses_running"], tuple(row["nets"]), row["fast"], row["slow"])


def _of_slot(slot: Slot) -> dict[str, object]:
    return {
        "side": slot.side.value,
        "is_open": slot.is_open,
        "margin": slot.margin,
        "risk": slot.risk,
        "ticket": slot.ticket,
        "reading": slot.reading,
        "quantity": slot.quantity,
        "mark": slot.mark,
        "stop": slot.stop,
    }


def _slot(row: Mapping[str, Any]) -> Slot:
    return Slot(**{**row, "side": Side(row["side"])})
