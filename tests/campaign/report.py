"""The campaign as a table for people."""

from __future__ import annotations

from tests.campaign.running import Campaign, Times, replay

_KINDS = {
    "duplicate": "duplicate entries",
    "naked": "positions without a stop beyond the deadline",
    "orphan": "orphan orders",
    "ledger": "lost, doubled or other trades than the ledger's",
    "limit": "limit breaches",
    "failure": "traders that ended by themselves",
}
_TIMES = {
    "to_stop_ms": "fill to lasting stop",
    "to_confirmed_ms": "fill to confirmed stop (seen, and seen again 3 s later)",
    "to_flat_ms": "fill to flat, where no stop could be confirmed",
    "later_ms": "stop lost later, to stop or flat",
}


def as_markdown(result: Campaign) -> str:
    """Counts, times, which faults bit, and the runs that failed."""
    verdicts = result.verdicts
    apart = [verdict for verdict in verdicts if verdict.is_apart]
    lines = [
        f"{len(verdicts)} runs, {sum(v.entries for v in verdicts)} entries, "
        f"{sum(v.trips for v in verdicts)} positions, {sum(result.bites.values())} injections, "
        f"{len(result.failed)} runs failed.",
        "",
        "| what must not happen | times |",
        "|---|---|",
        *(f"| {words} | {result.count(kind)} |" for kind, words in _KINDS.items()),
        "",
        "| seconds | cases | p50 | p99 | max |",
        "|---|---|---|---|---|",
        *(_row(words, result.times(name)) for name, words in _TIMES.items()),
    ]
    if apart:
        lines += [
            "",
            f"Of {len(apart)} runs in which the exchange refused every call for long:",
            "",
            "| seconds | cases | p50 | p99 | max |",
            "|---|---|---|---|---|",
            *(_row(words, result.times(name, is_apart=True)) for name, words in _TIMES.items()),
        ]
    lines += ["", "| fault | injections |", "|---|---|"]
    lines += [f"| {name} | {count} |" for name, count in sorted(result.bites.items())]
    if result.toothless:
        lines += ["", f"Never injected: {', '.join(result.toothless)}."]
    for verdict in result.failed:
        lines += ["", f"`{replay(verdict)}`", ""]
        lines += [f"- {violation}" for violation in verdict.violations]
    return "\n".join(lines) + "\n"


def _row(words: str, times: Times) -> str:
    if not times.count:
        return f"| {words} | 0 | – | – | – |"
    return f"| {words} | {times.count} | {times.p50:.1f} | {times.p99:.1f} | {times.most:.1f} |"
