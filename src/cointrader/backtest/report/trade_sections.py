"""Curves, candles, and the trades counted in every way."""

from __future__ import annotations

import math

from cointrader.backtest.report.data import ReportData
from cointrader.backtest.report.drawing import histogram_svg
from cointrader.backtest.report.figures import Group, Month
from cointrader.backtest.report.markup import Html, element, joined, section, table
from cointrader.backtest.report.words import (
    UNKNOWN,
    day,
    interval_name,
    number_of,
    percent,
    r_sum,
    signed_percent,
    told,
)


def curves_section(data: ReportData) -> Html:
    """Equity and drawdown of the account, and beside it the own trades in R."""
    account = data.account
    figures = []
    if account.curve is not None:
        label = (
            f"Marked equity of the account from {account.start_wallet:,.2f} to "
            f"{account.final_wallet:,.2f}, largest fall {percent(account.max_drawdown_ratio)}"
        )
        if account.drawdown_halt_ms is not None:
            label += f", halted on {day(account.drawdown_halt_ms)}"
        figures.append(_chart("account", "The account: marked equity, and its fall below", label))
    if data.own is not None:
        total, worst = data.own.curve.value[-1], data.own.curve.fall.min()
        label = (
            f"The strategy’s own trades added up: {r_sum(total)}, largest fall "
            f"{r_sum(-worst).lstrip('+')}"
        )
        figures.append(
            _chart("own", "The strategy’s own trades: R added up, and its fall below", label)
        )
    if not figures:
        return Html("")
    return section("Equity and drawdown", "curves", element("div", *figures, class_="pair"))


def candles_section(data: ReportData) -> Html:
    """Candles with entries and exits; one trade after the other, or all of them as a table."""
    if not data.candles:
        return Html("")
    drawn, played = data.candles[0].interval_ms, data.inputs.account.interval_ms
    symbols = joined(
        element("button", each.symbol, type="button", data_symbol=str(i), aria_pressed="false")
        for i, each in enumerate(data.candles)
    )
    groups = [element("span", symbols, class_="buttons", role="group", aria_label="symbol")]
    if data.own is not None:
        runs = joined(
            element("button", words, type="button", data_run=name, aria_pressed="false")
            for name, words in (("own", "own trades"), ("account", "account"))
        )
        groups.append(element("span", runs, class_="buttons", role="group", aria_label="trades of"))
    spans = joined(
        element("button", words, type="button", data_span=bars)
        for words, bars in (("trade", "0"), ("week", "7"), ("month", "30"), ("all", "-1"))
    )
    groups.append(element("span", spans, class_="buttons", role="group", aria_label="show"))
    hint = (
        "Arrow: entry; dot: exit; dashed: first stop. Times are UTC. Drag to move, wheel or pinch "
        "to zoom."
    )
    if drawn != played:
        hint += (
            f" Played on {interval_name(played)} candles, drawn as {interval_name(drawn)}: so many "
            "would make this file too large. Trades are exact."
        )
    steps = element(
        "div",
        element("button", "‹ trade before", type="button", id="trade-before"),
        element("p", "", id="trade-told", aria_live="polite"),
        element("button", "next trade ›", type="button", id="trade-next"),
        class_="steps",
    )
    return section(
        "Candles with entries and exits",
        "candles",
        element("div", *groups, class_="controls"),
        element(
            "figure",
            element(
                "div",
                class_="chart tall",
                id="chart-candles",
                role="img",
                aria_label="Candles with entries and exits; the trades are in the table below",
            ),
            steps,
            element("figcaption", hint),
        ),
        element(
            "details",
            element("summary", "These trades as a table"),
            element("div", id="trade-table"),
            id="trades",
        ),
    )


def results_section(data: ReportData) -> Html:
    """How often a trade came to how many R, by side and by symbol."""
    histogram = data.histogram
    whose = "The strategy’s own trades" if data.own is not None else "The account’s trades"
    parts = []
    if histogram.counts:
        total = sum(histogram.counts)
        label = (
            f"{whose}: {number_of(total, 'result')} in R, mean {told(histogram.mean, 'R')}, median "
            f"{told(histogram.median, 'R')}"
        )
        caption = f"{label}. Results beyond the ends are in the outermost bars."
        if histogram.without_r:
            caption += f" {number_of(histogram.without_r, 'trade')} risked nothing and has no R."
        parts.append(
            element("figure", histogram_svg(histogram, label), element("figcaption", caption))
        )
    else:
        parts.append(element("p", "There was no trade.", class_="hint"))
    parts.append(_groups("By side", "side", data.sides, data.account_sides, data))
    if len(data.symbols) > 1:
        parts.append(_groups("By symbol", "symbol", data.symbols, data.account_symbols, data))
    return section("Results of single trades", "results", *parts)


def months_section(data: ReportData) -> Html:
    """Every calendar month, the own trades beside the account."""
    own = data.own is not None
    head = [
        "month",
        *(("own trades", "R", "R a trade") if own else ()),
        "account trades",
        "net",
        "equity",
    ]
    most = max((abs(month.own_r if own else month.account_net) for month in data.months), default=0)
    rows = [_month(month, own, most) for month in data.months]
    trades = sum(month.own_trades for month in data.months)
    total = math.fsum(month.own_r for month in data.months)
    account = data.account
    foot = [
        "all",
        *(
            (f"{trades:,}", r_sum(total), told(total / trades if trades else math.nan, "R"))
            if own
            else ()
        ),
        f"{account.trades.trades:,}",
        told(account.trades.net, "money"),
        signed_percent(account.final_wallet / account.start_wallet - 1.0),
    ]
    hint = (
        "A trade belongs to the month, UTC, in which it ended; equity is marked at each month’s "
        "ends, open positions included."
    )
    return section(
        "Month by month",
        "months",
        table("Results by month", head, rows, foot=foot, class_="compact"),
        element("p", hint, class_="hint"),
    )


def _month(month: Month, own: bool, most: float) -> list[str]:
    cells = [month.name]
    if own:
        each = month.own_r / month.own_trades if month.own_trades else math.nan
        shown = r_sum(month.own_r) if month.own_trades else UNKNOWN
        cells += [f"{month.own_trades:,}", _shaded(shown, month.own_r, most), told(each, "R")]
    net = told(month.account_net, "money") if month.account_trades else UNKNOWN
    cells += [f"{month.account_trades:,}"]
    cells.append(net if own else _shaded(net, month.account_net, most))
    return [*cells, signed_percent(month.account_ratio)]


def _shaded(text: str, value: float, most: float) -> Html:
    """A cell whose ground tells gain or loss, the stronger the more."""
    if not most or not value:
        return element("td", text, class_="n")
    kind = "gain" if value > 0 else "loss"
    return element("td", text, class_=f"n {kind}", style=f"--a:{6 + 34 * abs(value) / most:.0f}%")


def _groups(
    title: str, what: str, own: list[Group], account: list[Group], data: ReportData
) -> Html:
    if data.own is None:
        head = [what, "trades", "won", "R a trade", "profit factor", "net"]
        rows = [[*_group(each), told(each.net, "money")] for each in account]
    else:
        head = [what, "own trades", "won", "R a trade", "interval", "profit factor", "account net"]
        rows = [
            [*_group(mine, with_interval=True), told(its.net, "money")]
            for mine, its in zip(own, account, strict=True)
        ]
    return joined([element("h3", title), table(title, head, rows, class_="compact")])


def _group(group: Group, *, with_interval: bool = False) -> list[str]:
    won = percent(group.wins / group.trades) if group.trades else UNKNOWN
    cells = [group.name, f"{group.trades:,}", won, told(group.mean_r, "R")]
    if with_interval:
        known = not math.isnan(group.low)
        cells.append(f"{told(group.low, 'R')} to {told(group.high, 'R')}" if known else UNKNOWN)
    return [*cells, told(group.profit_factor, "times")]


def _chart(name: str, caption: str, label: str) -> Html:
    return element(
        "figure",
        element("figcaption", caption, class_="above"),
        element("div", id=f"chart-{name}", class_="chart", role="img", aria_label=label),
        element("p", label + ".", class_="hint"),
    )
