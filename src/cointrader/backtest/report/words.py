"""Numbers as people read them, and the verdict in plain sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime

from cointrader.backtest.report.data import Account, ReportData
from cointrader.backtest.verdict import Answer, Verdict
from cointrader.domain.clock import INTERVALS_MS

UNKNOWN = "–"
_MINUS = str.maketrans("-", "−")

HEADLINES: Mapping[Answer, str] = {
    Answer.EDGE: "Edge",
    Answer.NO_EDGE: "No edge",
    Answer.TOO_LITTLE_DATA: "Too little data",
}


def told(value: float, unit: str) -> str:
    """A value in one of the units of `statistics.evidence.Measure`; a dash where it is none."""
    if math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    match unit:
        case "count":
            text = f"{value:,.0f}"
        case "days":
            text = f"{value:,.0f} {'day' if value == 1 else 'days'}"
        case "share":
            text = percent(value)
        case "money":
            text = f"{value:+,.2f}"
        case "R":
            text = f"{value:+.3f} R"
        case _:
            text = f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return text.translate(_MINUS)


def bound(value: float, unit: str) -> str:
    """A bound: as short as it was written."""
    match unit:
        case "share":
            text = f"{100 * value:g} %"
        case "R":
            text = f"{value:g} R"
        case "days":
            text = f"{value:,g} days"
        case _:
            text = f"{value:,g}"
    return text.translate(_MINUS)


def r_sum(value: float) -> str:
    """R of many trades added up."""
    return UNKNOWN if math.isnan(value) else f"{value:+,.1f} R".translate(_MINUS)


def percent(value: float) -> str:
    """A fraction as a percentage with as many digits as say something."""
    if math.isnan(value):
        return UNKNOWN
    hundred = 100 * value
    if 0 < abs(hundred) < 0.01:
        text = "below 0.01 %" if hundred > 0 else "above -0.01 %"
    else:
        text = f"{hundred:.2f} %" if abs(hundred) < 10 else f"{hundred:.1f} %"
    return text.translate(_MINUS)


def signed_percent(value: float) -> str:
    """A gain or a loss as a percentage with its sign."""
    return UNKNOWN if math.isnan(value) else f"{100 * value:+,.1f} %".translate(_MINUS)


def money(value: float) -> str:
    """An amount without a sign of its own, such as a balance."""
    return f"{value:,.2f}".translate(_MINUS)


def day(at_ms: int) -> str:
    """A UTC day, such as 2025-03-05."""
    return datetime.fromtimestamp(at_ms // 1_000, UTC).strftime("%Y-%m-%d")


def minute(at_ms: int) -> str:
    """A time, UTC, such as 2025-03-05 15:00."""
    return datetime.fromtimestamp(at_ms // 1_000, UTC).strftime("%Y-%m-%d %H:%M")


def interval_name(interval_ms: int) -> str:
    """``15m`` for 900,000 ms."""
    names = {length: name for name, length in INTERVALS_MS.items()}
    return names.get(interval_ms, f"{interval_ms / 60_000:g}m")


def number_of(count: int, what: str) -> str:
    """``1 trade``, ``2 trades``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def headline(verdict: Verdict | None) -> str:
    """The answer in two or three words."""
    return "Not judged" if verdict is None else HEADLINES[verdict.answer]


def summary(verdict: Verdict) -> str:
    """Why it is the answer, in a sentence."""
    failed = sum(not finding.passed for finding in verdict.findings)
    of = len(verdict.findings)
    if verdict.answer is Answer.EDGE:
        return f"All {of} criteria are met."
    if verdict.answer is Answer.TOO_LITTLE_DATA:
        return "What was played is too short or too uncertain to tell an edge from luck."
    return f"{failed} of {of} criteria {'is' if failed == 1 else 'are'} not met."


def sentences(data: ReportData) -> list[str]:
    """What came out, in plain words: the own trades first, then what became of the account."""
    judged = data.inputs.judged
    if judged is None:
        return [
            "The strategy’s own trades were not judged in this run, so nothing here says whether "
            "they beat chance. What follows is how one account fared.",
            *account_sentences(data.account),
        ]
    return [*_own_sentences(data, judged.verdict.measures), *account_sentences(data.account)]


def _own_sentences(data: ReportData, measures: Mapping[str, float]) -> list[str]:
    trades, mean = int(measures["trades"]), measures["mean_r"]
    played = number_of(round(measures["days"]), "day")
    if trades == 0:
        return [f"In {played} the strategy made no trade."]
    low, high = measures["mean_r_low"], measures["mean_r_high"]
    found = [
        f"In {played} the strategy’s own {number_of(trades, 'trade')} "
        f"{_came_to(mean)} each on average, all costs paid: {_interval_words(low, high)}."
    ]
    if "mean_r_no_costs" in measures:
        found.append(_cost_sentence(mean, measures["mean_r_no_costs"]))
    if not math.isnan(chance := measures.get("random_p", math.nan)):
        found.append(
            f"Entries at random moments, with the same exits and costs, did at least as well in "
            f"{percent(chance)} of the plays."
        )
    trials = int(measures.get("trials", 1))
    if trials > 1:
        found.append(f"{trials:,} configurations have been tried on these candles so far.")
    return found


def _came_to(mean: float) -> str:
    return f"{'lost' if mean < 0 else 'earned'} {abs(mean):.3f} R"


def _interval_words(low: float, high: float) -> str:
    between = f"chance leaves it anywhere from {told(low, 'R')} to {told(high, 'R')}"
    if low > 0:
        return f"{between}, all of it a gain"
    if high < 0:
        return f"{between}, all of it a loss"
    return f"{between}, so it may be nothing"


def _cost_sentence(mean: float, without: float) -> str:
    if without <= 0:
        return f"Costs are not the reason: before them it is {told(without, 'R')} a trade."
    if mean <= 0:
        return f"Costs take more than there is: {told(without, 'R')} a trade before them."
    return f"Without fees and slippage it would be {told(without, 'R')} a trade."


def account_sentences(account: Account) -> list[str]:
    """How the account ended, and when a halt ended it for good."""
    start, final = account.start_wallet, account.final_wallet
    change = final / start - 1.0 if start > 0 else math.nan
    found = [
        f"The account went from {money(start)} to {money(final)} ({signed_percent(change)}) in "
        f"{number_of(account.trades.trades, 'trade')}; at worst it was "
        f"{percent(account.max_drawdown_ratio)} below its highest value."
    ]
    if account.drawdown_halt_ms is not None:
        found.append(
            f"The drawdown limit halted it on {minute(account.drawdown_halt_ms)} UTC: from then on "
            "it made no entry, so what follows that day says nothing about the strategy."
        )
    return found
