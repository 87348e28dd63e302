"""Which configurations a search tries: every combination of some values, or a draw of them.

space = search_space(config, ["atr_sl_mult=1,1.5,2", "signal_threshold=3,4"])
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING

from cointrader.app.config import Config
from cointrader.app.config.resolve import judged
from cointrader.app.config.settings import Setting
from cointrader.app.config.types import Number, Whole
from cointrader.app.search.cell import (
    LIVE_ONLY,
    NOT_PLAYED,
    NOT_SEARCHED,
    Cell,
    Identifier,
    configured,
    setting_named,
)
from cointrader.domain.errors import ConfigError, UsageError

if TYPE_CHECKING:  # which knows models: seldom needed
    from cointrader.app.search.model_filter import ModelFilter

# The grid that this field usually searches: 324 cells.
USUAL = (
    "ATR_SL_MULT=1,1.5,2", "ATR_TP_MULT=2,3,4", "SIGNAL_THRESHOLD=3,4,5",
    "ADX_THRESHOLD=0,20,25,30", "VOL_MULTIPLIER=1.5,2,2.5",
)  # fmt: skip
MOST_CELLS = 1_000_000
OWN_SIZE = "fixed:1000"  # at which a strategy's own trades are judged


@dataclass(frozen=True, slots=True)
class Axis:
    """One setting of a search and its values, as text in the order in which they were given."""

    name: str  # NAME, or NAME_SYMBOL
    setting: Setting
    symbol: str | None
    values: tuple[str, ...]
    span: tuple[float, float] | None = None  # instead of values: anything between, when drawn


@dataclass(frozen=True, slots=True)
class Space:
    """A search: the configuration it starts from, and its cells.

    Parameters
    ----------
    cells, identities : what each cell changes, and the hash of the configuration that results;
        no two are the same
    twins : combinations left out because another cell is the same configuration: a setting that
        has no effect there
    impossible : combinations left out because their settings do not fit together
    """

    base: Config
    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]
    identities: tuple[str, ...]
    twins: int
    impossible: int

    def config_of(self, cell: Cell) -> Config:
        """The configuration of one cell."""
        return configured(self.base, cell)


def with_own_size(config: Config) -> Config:
    """A strategy is judged by its own trades: of a fixed size, without halts.

    The configured sizing counts where it is fixed already, or was asked for on the command line.
    """
    is_asked_for = config.source("sizing").startswith("flag")
    if config.fixed_notional is not None or is_asked_for:
        return config
    return config.replace(sizing=OWN_SIZE)


def search_space(
    base: Config,
    assignments: Sequence[str],
    *,
    draws: int | None = None,
    seed: int = 1,
    models: ModelFilter | None = None,
) -> Space:
    """The cells of ``NAME=V,V,...`` for each setting; of the usual grid where none is given.

    Parameters
    ----------
    draws : so many different cells drawn at random, None for all combinations. Only then may a
        value be ``LOW..HIGH``
    seed : of the draw
    models : judge the signals of every cell; then its threshold may be searched too

    Raises
    ------
    ModelBroken : a model that may not be used
    UsageError : no such setting, or one that cannot be searched
    ConfigError : a value that a setting cannot take; a setting that changes nothing
    """
    axes = tuple(
        _axis(base, text, is_drawn=draws is not None, is_filtered=models is not None)
        for text in assignments or USUAL
    )
    names = [axis.name for axis in axes]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"{name} is given twice", where="--set", todo="write its values in one, with commas"
            )
    identify = Identifier(base)
    found: dict[str, Cell] = {}
    twins = impossible = 0
    for cell in _combinations(axes, draws, seed):
        identity = identify(cell)
        if identity not in found and not identify.is_possible(cell):
            impossible += 1
            continue
        if models is not None:
            identity = models.identity(cell, identity)
        if identity in found:
            twins += 1
        else:
            found[identity] = cell
            if len(found) == draws:
                break
    _require_cells(found, axes, impossible)
    _require_effect(axes, list(found.values()))
    return Space(base, axes, tuple(found.values()), tuple(found), twins, impossible)


# ------------------------------------------------------------------ what was written


def _axis(base: Config, text: str, *, is_drawn: bool, is_filtered: bool) -> Axis:
    name, equals, values = text.partition("=")
    name = name.strip().upper()
    if not equals or not name or not values.strip():
        raise UsageError(
            "this is not NAME=VALUE,VALUE", where="--set", todo="write --set ATR_SL_MULT=1,1.5,2"
        )
    setting, symbol = setting_named(base, name)
    reason = NOT_SEARCHED.get(setting.name)
    is_of_model = setting.name == "ml_threshold"
    if is_of_model and not is_filtered:
        reason = "it counts where a model judges: say --model"
    is_played = setting.group not in NOT_PLAYED or is_of_model
    if reason is not None or not is_played or setting.name in LIVE_ONLY:
        raise UsageError(
            f"{name} is nothing to search over",
            where="--set",
            todo=reason or "it changes no trade of a backtest",
        )
    own = [each for each in base.symbols if setting.name in base.own_values(each)]
    if symbol is None and own:
        raise UsageError(
            f"{name} has a value of its own for {', '.join(own)}, which a search of {name} "
            "would not change",
            where="--set",
            todo=f"search {name}_{own[0]}, or remove that value",
        )
    low, dots, high = values.partition("..")
    if dots:
        if not is_drawn:
            raise UsageError(
                f"{name} is a span, of which a grid has no end",
                where="--set",
                found=values,
                todo="write values with commas, or draw from it with --random N",
            )
        return Axis(name, setting, symbol, (), _span(name, setting, low, high))
    given = [setting.type.text(_value(setting, each, name)) for each in values.split(",")]
    return Axis(name, setting, symbol, tuple(dict.fromkeys(given)))


def _value(setting: Setting, text: str, name: str) -> object:
    return judged(setting, text.strip(), "flag --set", name).value


def _span(name: str, setting: Setting, low: str, high: str) -> tuple[float, float]:
    if not isinstance(setting.type, Number | Whole):
        raise UsageError(f"{name} is no number", where="--set", todo="write its values with commas")
    ends = tuple(float(str(_value(setting, end, name))) for end in (low, high))
    if not ends[0] < ends[1]:
        raise UsageError(
            f"the span of {name} is empty",
            where="--set",
            found=f"{low}..{high}",
            allowed="LOW..HIGH",
        )
    return ends[0], ends[1]


# ------------------------------------------------------------------ cells


def _combinations(axes: Sequence[Axis], draws: int | None, seed: int) -> Iterator[Cell]:
    names = [axis.name for axis in axes]
    has_span = any(axis.span for axis in axes)
    size = math.prod(len(axis.values) for axis in axes if not axis.span)
    if draws is None:
        if size > MOST_CELLS:
            raise UsageError(
                f"{size:,} combinations are too many",
                where="--set",
                allowed=f"at most {MOST_CELLS:,}",
                todo="draw some of them with --random N",
            )
        for values in product(*(axis.values for axis in axes)):
            yield dict(zip(names, values, strict=True))
        return
    rng = random.Random(seed)
    if not has_span and size <= MOST_CELLS:
        for number in rng.sample(range(size), size):
            yield _numbered(axes, number)
        return
    for _ in islice(iter(int, 1), 100 * draws):  # many draws may be the same configuration
        yield {axis.name: _drawn(axis, rng) for axis in axes}


def _numbered(axes: Sequence[Axis], number: int) -> Cell:
    cell = {}
    for axis in reversed(axes):
        number, place = divmod(number, len(axis.values))
        cell[axis.name] = axis.values[place]
    return {axis.name: cell[axis.name] for axis in axes}


def _drawn(axis: Axis, rng: random.Random) -> str:
    if axis.span is None:
        return rng.choice(axis.values)
    low, high = axis.span
    if isinstance(axis.setting.type, Whole):
        return axis.setting.type.text(rng.randint(math.ceil(low), math.floor(high)))
    value = float(f"{rng.uniform(low, high):.4g}")  # more digits mean nothing in a market
    return axis.setting.type.text(min(max(value, low), high))


def _require_cells(found: Mapping[str, Cell], axes: Sequence[Axis], impossible: int) -> None:
    if not found:
        raise ConfigError(
            "no combination is a possible configuration",
            where=", ".join(axis.name for axis in axes),
            found=f"{impossible} combinations whose settings do not fit together",
        )


def _require_effect(axes: Sequence[Axis], cells: Sequence[Cell]) -> None:
    """A setting of several values must tell some cells apart."""
    for axis in axes:
        is_alone = len(cells) > 1 and len({cell[axis.name] for cell in cells}) < 2
        if len(axis.values) > 1 and (is_alone or len(cells) == 1):
            raise ConfigError(
                f"{axis.name} changes nothing here",
                where="--set",
                found=", ".join(axis.values),
                todo="cointrader config check tells what a setting needs; leave it out",
            )
