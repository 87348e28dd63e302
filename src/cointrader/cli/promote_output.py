"""What the gate said, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cointrader.cli.promote_work import Promotion
from cointrader.cli.search_options import share, shown
from cointrader.training.gate_params import ParamsVerdict


def promotion_as_plain(promotion: Promotion) -> dict[str, object]:
    """The verdict, and what became of the model."""
    manifest = promotion.manifest
    return {
        "symbol": manifest.symbol,
        "backend": manifest.backend,
        "model": manifest.identity,
        "published": promotion.is_published,
        "active": promotion.active or None,
        "gate": dict(manifest.gate),
    }


def promotion_lines(promotion: Promotion) -> Iterator[str]:
    """The answer first, then each criterion."""
    verdict, manifest = promotion.verdict, promotion.manifest
    found = verdict.measures
    answer = "promoted" if verdict.passed else "not promoted"
    if promotion.is_forced:
        answer = "FORCED, for paper only"
    yield ""
    yield f"{manifest.symbol} {manifest.interval}, {manifest.identity}: {answer}"
    yield f"  {verdict.summary}"
    if "LEARNED_FROM" in manifest.strategy:
        yield f"  learned from {manifest.strategy['LEARNED_FROM']}; judged by the first alone"
    again = "" if verdict.attempt.is_new else ", judged before"
    yield (
        f"  attempt {verdict.attempt.number} on these candles{again}: "
        f"judged at a level of {verdict.level:.2g}"
    )
    yield ""
    yield f"  {'out of fold':21}{'trades':>8}{'R a trade':>12}{'R in all':>12}"
    for name, prefix in (("every signal", "all_"), ("with the filter", "")):
        yield (
            f"  {name:21}{found[f'{prefix}trades']:>8,.0f}"
            f"{shown(found[f'{prefix}mean_r'], sign=True):>12}"
            f"{shown(found[f'{prefix}net_r'], 1, sign=True):>12}"
        )
    yield (
        f"  {'random filters':21}{'':>8}{shown(found['random_mean_r'], sign=True):>12}"
        f"   with as many signals passed ({share(found['kept_share'])})"
    )
    yield ""
    for finding in verdict.findings:
        yield f"  {finding.line}"
        if not finding.passed:
            yield f"          {finding.why}"
    yield ""
    if promotion.is_forced:
        yield f"  published in {promotion.folder}; live makes no entry by it"
    elif promotion.is_published:
        yield f"  published in {promotion.folder}; running bots take it at their next signal"
    else:
        yield f"  {promotion.folder} stays as it is: {promotion.active or 'no model'}"


def params_lines(verdict: ParamsVerdict, path: str) -> Iterator[str]:
    """Of tuned settings."""
    tuned = verdict.tuned
    gains = " ".join(shown(gain, 4, sign=True) for gain in tuned.gains)
    answer = "taken" if verdict.passed else "refused"
    yield f"{tuned.symbol}, settings of {tuned.backend}: {answer}"
    yield (
        f"  {tuned.score} by fold: {gains}; mean {shown(verdict.mean_gain, 4, sign=True)}, "
        f"spread {shown(verdict.spread, 4)}, better in {share(verdict.share_better)}"
    )
    for text in verdict.refusals:
        yield f"  failed: {text}"
    if path:
        yield f"  {path}: cointrader train begins with them from now on"


def failures_as_plain(failures: Mapping[str, Exception]) -> dict[str, str]:
    return {symbol: str(error) for symbol, error in failures.items()}
