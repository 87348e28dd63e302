"""May this configuration trade real money? What its verdict says of that, or a person's word.

Real money asks for the answer `edge`, about exactly this configuration and model, on candles of a
real market that are not too old. A person may override that: with a reason, for some days, written
down in the journal. Exits are never asked about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cointrader.app.config import Config
from cointrader.app.verdict.kept import VERDICTS, KeptVerdict, default_path, kept_verdict
from cointrader.app.verdict.subject import NO_MODEL, Identity, model_of
from cointrader.app.words import moment
from cointrader.backtest.criteria import load_criteria
from cointrader.backtest.verdict import Answer
from cointrader.domain.clock import DAY_MS
from cointrader.domain.errors import DataError, JournalError, UsageError
from cointrader.domain.records import VerdictOverridden
from cointrader.journal.reader import JournalReader
from cointrader.journal.schema import has_begun
from cointrader.signals.rules import SignalRule
from cointrader.strategy.decide import (
    EntryFilter,
    FilterAnswer,
    MarketView,
    Unfiltered,
    reads_features,
)

OLD_DAYS = 30  # since the last candle that was judged: a warning
MOST_DAYS = 90  # from here on the verdict counts no more: markets change
MOST_OVERRIDE_DAYS = 30
SHORTEST_REASON = 10  # characters
NO_VERDICT = "no-verdict"  # the reason key of a refused entry
_NAMED = 3  # settings that differ, named one by one
_MAKE_ONE = "cointrader backtest --data FOLDER, with these same settings"
_OVERRIDE = '--override-verdict "WHY" --override-days N trades all the same, for N days'


@dataclass(frozen=True, slots=True)
class Override:
    """What a person asks for: to trade without an edge, for some days, and why.

    `UsageError` where the reason is no reason, or for longer than `MOST_OVERRIDE_DAYS`.
    """

    reason: str
    days: int
    who: str = ""

    def __post_init__(self) -> None:
        if len(" ".join(self.reason.split())) < SHORTEST_REASON:
            raise UsageError(
                "this is no reason to trade without an edge",
                where="--override-verdict",
                found=self.reason,
                allowed=f"a sentence; at least {SHORTEST_REASON} characters",
                todo="write down for yourself, later, why it is worth the money",
            )
        if not 1 <= self.days <= MOST_OVERRIDE_DAYS:
            raise UsageError(
                "a verdict is overridden for some days",
                where="--override-days",
                found=self.days,
                allowed=f"1 to {MOST_OVERRIDE_DAYS}",
            )


@dataclass(frozen=True, slots=True)
class Asked:
    """How a process wants its verdict looked up.

    Parameters
    ----------
    file : the verdict; by default the one of this configuration in `folder`
    override : asked for now
    """

    file: Path | None = None
    override: Override | None = None
    folder: Path = VERDICTS


@dataclass(frozen=True, slots=True)
class VerdictState:
    """What is known of a configuration's verdict at one moment.

    Parameters
    ----------
    found : how it stands, in words
    refusal : why no entry may be made; "" where entries may be
    todo : what a person can do about it
    until_ms : entries may be made before this
    override : what lets entries be made though no verdict does; `is_new` where it is not in the
        journal yet
    is_doubtful : entries may be made, and a person should look
    """

    found: str
    refusal: str = ""
    todo: str = ""
    until_ms: int = 0
    override: VerdictOverridden | None = None
    is_new: bool = False
    is_doubtful: bool = False

    @property
    def end(self) -> str:
        """What is said of an entry after `until_ms`."""
        if self.override is None:
            return f"the verdict counted until {moment(self.until_ms)} UTC: judge again"
        return f"the override of the verdict ended on {moment(self.until_ms)} UTC"


def verdict_now(
    config: Config,
    *,
    journal: Path,
    now_ms: int,
    asked: Asked | None = None,
    in_code: Sequence[str] = (),
    judged: Mapping[str, SignalRule] | None = None,
) -> VerdictState:
    """Look up how the verdict on a configuration stands. Writes nothing.

    Parameters
    ----------
    journal : where overrides are written down; may not exist yet
    in_code : symbols whose rules no configuration names
    judged : rules whose signals a model judges, as `app.backtest.judged_rules` has them
    """
    asked = asked or Asked()
    identity = Identity.of(config)
    if judged:
        from cointrader.app.verdict.trial import rule_in_code  # polars and more: only when needed

        named = {f"SIGNAL_{symbol}": rule_in_code(rule) for symbol, rule in judged.items()}
        identity = identity.with_settings(named)
    model = model_of(config.symbols, judged or {})
    path = asked.file or default_path(identity.hash, asked.folder)
    refusal, todo = "", _MAKE_ONE
    kept: KeptVerdict | None = None
    if in_code:
        refusal = f"the rules of {', '.join(in_code)} were given in code: no verdict names them"
    elif not path.exists():
        refusal = f"there is none on this configuration ({path}){_nearest(identity, asked.folder)}"
    else:
        try:
            kept = kept_verdict(path)
        except DataError as error:
            refusal = f"{error.what} ({error.where}: {error.found})"
    if kept is not None:
        refusal = speaks_against(kept, identity, model, now_ms) or ""
        if not refusal:
            return _in_force(kept, path, now_ms)
    written = overrides_in(journal)
    return _overridden(identity, model, refusal, todo, written, asked.override, now_ms)


def speaks_against(kept: KeptVerdict, identity: Identity, model: str, now_ms: int) -> str | None:
    """Why a verdict does not let real money trade; None when it does."""
    verdict, occasion = kept.verdict, kept.occasion
    if verdict.subject.configuration != identity.hash:
        changed = _listed(identity.differences(occasion.settings))
        return f"the verdict is about another configuration ({changed})"
    refusal = verdict.refusal(configuration=identity.hash, model=model)
    if refusal is not None:
        return refusal if verdict.answer is Answer.EDGE else f"{refusal} ({verdict.summary})"
    if occasion.is_made_up or occasion.end_ms > now_ms:
        return "the verdict is about a made-up market"
    days = (now_ms - occasion.end_ms) // DAY_MS
    if days >= MOST_DAYS:
        return f"the verdict is about candles that ended {days} days ago, and {MOST_DAYS} count"
    return None


def overrides_in(journal: Path) -> list[VerdictOverridden]:
    """Every override that a journal tells of; none where it cannot be read yet."""
    if not has_begun(journal):
        return []
    try:
        with JournalReader(journal) as reader:
            return list(reader.verdict_overrides())
    except JournalError:  # an older one has none, and is led on when a run opens it
        return []


class WhileAllowed:
    """An entry filter that lets nothing pass unless the verdict allows it at that moment."""

    def __init__(self, state: VerdictState, inner: EntryFilter | None) -> None:
        self._state = state
        self._inner = inner or Unfiltered()

    @property
    def reads_features(self) -> bool:
        return reads_features(self._inner)

    def judge(self, view: MarketView) -> FilterAnswer:
        """Exits are decided elsewhere: an opposite signal still closes."""
        refusal = self._state.refusal
        if not refusal and view.closed_at_ms >= self._state.until_ms:
            refusal = self._state.end
        if refusal:
            return FilterAnswer(passed=False, refusal=NO_VERDICT, detail=refusal)
        return self._inner.judge(view)


def _in_force(kept: KeptVerdict, path: Path, now_ms: int) -> VerdictState:
    verdict, occasion = kept.verdict, kept.occasion
    days = (now_ms - occasion.end_ms) // DAY_MS
    own = "" if verdict.criteria_hash == load_criteria().hash else (
        f", by criteria of your own ({verdict.criteria_source})"
    )  # fmt: skip
    until_ms = occasion.end_ms + MOST_DAYS * DAY_MS
    is_old = days >= OLD_DAYS
    return VerdictState(
        found=(
            f"edge, on candles up to {moment(occasion.end_ms)} UTC, {days} days ago{own} ({path})"
        ),
        todo=f"judge again before {moment(until_ms)} UTC: {_MAKE_ONE}" if is_old else "",
        until_ms=until_ms,
        is_doubtful=is_old or bool(own),
    )


def _overridden(
    identity: Identity,
    model: str,
    refusal: str,
    todo: str,
    written: Sequence[VerdictOverridden],
    asked: Override | None,
    now_ms: int,
) -> VerdictState:
    """The same, unless a person has overridden it, or does so now."""
    # Older ones name no model; the hash of their configuration is that of the model too.
    own = [o for o in written if o.configuration == identity.hash and o.model in (model, NO_MODEL)]
    valid = [o for o in own if now_ms < o.until_ms]
    override = max(valid, key=lambda o: o.until_ms, default=None)
    is_new = False
    if asked is not None:
        same = [o for o in own if _same(o.reason, asked.reason)]
        if not same:
            override, is_new = _made(identity, model, refusal, asked, now_ms), True
        elif override is None:
            ended = max(o.until_ms for o in same)
            refusal += f"; it was overridden for this reason before, until {moment(ended)} UTC"
            todo = f"{todo}; or override it for a new reason, if there is one"
    if override is None:
        mine = "" if asked is not None else f"; or {_OVERRIDE}"
        return VerdictState(f"NO ENTRIES: {refusal}", refusal, f"{todo}{mine}")
    return VerdictState(
        found=(
            f"OVERRIDDEN until {moment(override.until_ms)} UTC by {override.who or 'somebody'}: "
            f"{override.reason}. {refusal}"
        ),
        until_ms=override.until_ms,
        override=override,
        is_new=is_new,
        is_doubtful=True,
    )


def _made(
    identity: Identity, model: str, found: str, asked: Override, now_ms: int
) -> VerdictOverridden:
    return VerdictOverridden(
        at_ms=now_ms,
        until_ms=now_ms + asked.days * DAY_MS,
        configuration=identity.hash,
        model=model,
        found=found,
        reason=" ".join(asked.reason.split()),
        who=asked.who,
    )


def _same(reason: str, other: str) -> bool:
    return reason.split() == other.split()


def _nearest(identity: Identity, folder: Path) -> str:
    """What the newest verdict in the folder is about instead, if there is one."""
    newest: tuple[int, Mapping[str, str]] | None = None
    for path in folder.glob("*.json"):
        try:
            occasion = kept_verdict(path).occasion
        except DataError:
            continue
        if newest is None or occasion.made_ms > newest[0]:
            newest = occasion.made_ms, occasion.settings
    if newest is None:
        return ""
    return f"; the newest there is about another: {_listed(identity.differences(newest[1]))}"


def _listed(differences: Sequence[str]) -> str:
    named = ", ".join(differences[:_NAMED])
    return named if len(differences) <= _NAMED else f"{named}, and {len(differences) - _NAMED} more"
