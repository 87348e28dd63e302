"""How the filter of one symbol stands, and how that is told to a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cointrader.app.model_words import BROKEN, NONE, OFF

UNFILTERED = "every signal trades unfiltered"


@dataclass(frozen=True, slots=True)
class ModelState:
    """How the filter of one symbol stands.

    Parameters
    ----------
    identity : of the model, as `Manifest.identity`; or `NONE`, `BROKEN`, `OFF`
    words : the same for a person
    todo : what is to be done where no model serves
    differences : settings that the model was trained with and that are others now
    """

    symbol: str
    identity: str
    words: str
    todo: str = ""
    differences: tuple[str, ...] = ()

    @property
    def is_served(self) -> bool:
        return self.identity not in (NONE, BROKEN, OFF)


def no_filter(symbol: str, why: str = "--no-model") -> ModelState:
    """Nothing judges its signals, and `why` says whose wish that is."""
    return ModelState(symbol, OFF, f"no filter ({why}): {UNFILTERED}")


def state_lines(states: Sequence[ModelState]) -> Iterator[str]:
    """How filters stand, in as few lines as say all of it."""
    same: dict[str, list[str]] = {}
    for state in states:
        same.setdefault(state.words, []).append(state.symbol)
    everyone = len(same) == 1
    for words, symbols in same.items():
        if everyone and words == f"no model: {UNFILTERED}":
            yield f"no model is loaded: {UNFILTERED}"
        elif everyone and words.endswith(UNFILTERED):
            yield words
        else:
            yield f"model of {', '.join(symbols)}: {words}"
    for state in states:
        if state.differences:
            yield f"  trained with other settings, {state.symbol}: {'; '.join(state.differences)}"
