// How it stands: the money, what is at risk, what is open, what the bots do.

import { control, flatten, resetDrawdown } from "../controls.js";
import { equityChart } from "../charts.js";
import { h } from "../dom.js";
import { gridOf, money, moment, number, percent, price, quantity, signed, inR } from "../format.js";
import { named, t } from "../i18n.js";
import { alerts, badge, card, counted, empty, gauge, net, side, symbolLink, table, tile } from "../parts.js";

const MOST_ALERTS = 4;

export const title = () => t("page.overview");

export async function load({ shared }) {
  return shared;
}

export function view({ data }) {
  return [
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, title()), told(data)),
    withoutLevels(data),
    tiles(data),
    h("div", { class: "cards split" }, curve(data), h("div", { class: "cards" }, bots(data), latest(data))),
    positions(data),
    data.refusals_today.length ? h("div", { class: "cards split" }, lastTrades(data), refusals(data)) : lastTrades(data),
  ];
}

export function enter() {
  let chart = null;
  let place = null;
  return {
    update({ data }) {
      const box = document.querySelector("[data-keep=equity]");
      if (box !== place) {
        chart?.remove();
        chart = box && equityChart(box);
        place = box;
      }
      if (!chart) return;
      chart.show({
        points: data.equity.map((each) => [each.at_ms, each.equity]),
        wallets: data.equity.map((each) => [each.at_ms, each.wallet]),
        start: data.account.base,
      });
    },
    leave: () => chart?.remove(),
  };
}

function told({ run }) {
  return h("p", { class: "more" }, [run.models && t("overview.models", { models: run.models }), run.verdict].filter(Boolean).join(" · "));
}

// -- numbers --------------------------------------------------------------------------------------

function tiles({ account, slots, trades, net: sum, controls, positions: held }) {
  const change = account.equity - account.base;
  return h("dl", { class: "tiles" },
    tile(t("equity"), money(account.equity),
      h("span", {}, signed(change), " ", signed(change, `(${percent(change / account.base, 1, { sign: true })})`)),
      `${t("wallet")} ${money(account.wallet)}`),
    today(account),
    tile(t("open_risk"), money(account.open_risk),
      limit(account.day_loss_with_open_risk_ratio, account.max_daily_loss, t("open_risk.meter")),
      account.max_daily_loss === null ? t("limit.off") : t("open_risk.of", { now: percent(Math.max(0, account.day_loss_with_open_risk_ratio)), most: percent(account.max_daily_loss) })),
    tile(t("drawdown"), percent(account.drawdown_ratio),
      limit(account.drawdown_ratio, account.max_drawdown, t("drawdown.meter")),
      account.is_drawdown_halted ? h("div", { class: "more" }, badge("phase", "halted", "bad"), " ", control(controls, t("drawdown.action"), () => resetDrawdown(account), { small: true }))
        : account.max_drawdown === null ? t("limit.off") : t("drawdown.of", { most: percent(account.max_drawdown, 0) })),
    tile(t("positions"), slots.most === null ? number(slots.used) : t("slots.of", { used: slots.used, most: slots.most }), slotsOf(slots, held),
      slots.most_same_direction === null ? t("slots.sides", slots) : t("slots.most", { most: slots.most_same_direction })),
    tile(t("trades"), number(trades), h("span", {}, net(sum))));
}

function today(account) {
  if (account.day_loss === null) return tile(t("today"), "–", t("today.none"));
  const result = -account.day_loss;
  return tile(t("today"), signed(result),
    limit(account.day_loss_ratio, account.max_daily_loss, t("today.meter")),
    h("span", {}, signed(result, percent(-account.day_loss_ratio, 2, { sign: true })),
      ` · ${account.max_daily_loss === null ? t("limit.off") : t("today.limit", { most: percent(-account.max_daily_loss) })}`),
    account.is_day_halted && h("div", { class: "more" }, badge("phase", "day-halted", "bad")));
}

function limit(now, most, label) {
  return most === null || now === null ? null : gauge(label, now / most);
}

function slotsOf(slots, held) {
  if (slots.most === null || slots.most > 8) return null;
  const taken = held.slice(0, slots.most).map((each) => h("li", { class: each.side, title: `${each.symbol} ${named("side", each.side)}` }, `${each.side === "long" ? "▲" : "▼"}${each.symbol.replace(/USD[TC]$/, "")}`));
  const free = Array.from({ length: Math.max(0, slots.most - taken.length) }, () => h("li", {}));
  return h("ul", { class: "slots", "aria-label": t("slots.in_use") }, taken, free);
}

// -- the curve and what was told ------------------------------------------------------------------

function curve({ equity, account, equity_marks: marks }) {
  if (equity.length < 2) return card(t("equity.curve"), empty(t("equity.none"), t("equity.none.todo")));
  const label = t("equity.label", {
    from: money(equity[0].equity), to: money(account.equity),
    low: money(Math.min(...equity.map((each) => each.equity))), high: money(Math.max(...equity.map((each) => each.equity))),
  });
  return card(t("equity.curve"), [
    h("div", { class: "chart", role: "img", "aria-label": label, "data-keep": "equity" }),
    h("ul", { class: "legend" }, h("li", { class: "solid-gain" }, t("equity.legend")), h("li", { class: "dotted" }, t("wallet.legend"))),
  ], { more: t("equity.marks", { count: number(marks) }), key: "equity", grows: true });
}

function latest({ last_alerts: rows }) {
  const content = rows.length ? alerts([...rows].sort((a, b) => b.at_ms - a.at_ms).slice(0, MOST_ALERTS)) : empty(t("alerts.none"), t("alerts.none.todo"));
  return card(t("alerts"), content, { key: "alerts" });
}

// -- what is open ---------------------------------------------------------------------------------

function positions({ positions: rows, controls }) {
  if (!rows.length) return card(t("positions.open"), empty(t("positions.none"), t("positions.none.todo")), { key: "positions" });
  const grid = (row) => gridOf(row.stop, row.target);
  const distance = (ratio, level, row) => [percent(ratio), h("small", {}, price(level, grid(row)))];
  const columns = [
    { name: t("symbol"), cell: (row) => [symbolLink(row.symbol), row.is_protected === false && [" ", badge("protection", "none", "bad")]] },
    { name: t("side"), cell: (row) => side(row.side) },
    { name: t("quantity"), number: true, cell: (row) => quantity(row.quantity) },
    { name: t("entry"), number: true, cell: (row) => [price(row.entry_price, grid(row) + 1), h("small", {}, moment(row.entry_ms, { short: true }))] },
    { name: t("mark"), number: true, cell: (row) => [price(row.mark, grid(row) + 1), h("small", {}, row.mark_ms ? moment(row.mark_ms, { short: true }) : t("mark.judged"))] },
    { name: t("unrealised"), number: true, cell: (row) => [net(row.unrealised), h("small", {}, percent(row.unrealised_ratio, 2, { sign: true }))] },
    { name: t("to_stop"), number: true, cell: (row) => distance(row.stop_distance, row.stop, row) },
    { name: t("to_target"), number: true, cell: (row) => distance(row.target_distance, row.target, row) },
    { name: t("to_liquidation"), number: true, cell: (row) => [percent(row.liquidation_distance), h("small", {}, price(row.liquidation_price, grid(row)), !row.is_liquidation_told && row.liquidation_price !== null && ` ${t("reckoned")}`)] },
    { name: t("at_stop"), number: true, cell: (row) => net(row.at_stop) },
    { name: t("close"), cell: (row) => control(controls, t("close"), () => flatten(row), { tone: "grave", small: true, name: `${t("close")} ${row.symbol}` }) },
  ];
  return card(t("positions.open"), table(t("positions.open"), columns, rows, { key: "positions" }), { key: "positions", more: t("positions.hint") });
}

/** What nobody protects stands above everything else that is open. */
function withoutLevels({ without_levels: rows, controls }) {
  if (!rows.length) return null;
  const columns = [
    { name: t("symbol"), cell: (row) => [symbolLink(row.symbol), " ", badge("protection", row.is_ours ? "none" : "foreign", row.is_ours ? "bad" : "unsure")] },
    { name: t("side"), cell: (row) => side(row.side) },
    { name: t("quantity"), number: true, cell: (row) => quantity(row.quantity) },
    { name: t("entry"), number: true, cell: (row) => price(row.entry_price) },
    { name: t("mark"), number: true, cell: (row) => [price(row.mark), row.mark_ms && h("small", {}, moment(row.mark_ms, { short: true }))] },
    { name: t("unrealised"), number: true, cell: (row) => net(row.unrealised) },
    { name: t("to_liquidation"), number: true, cell: (row) => [percent(row.liquidation_distance), row.liquidation_price !== null && h("small", {}, price(row.liquidation_price))] },
    { name: t("why"), wide: true, cell: (row) => t(row.is_ours ? "bare.ours" : "bare.foreign") },
    { name: t("close"), cell: (row) => control(controls, t("close"), () => flatten(row), { tone: "grave", small: true, name: `${t("close")} ${row.symbol}` }) },
  ];
  return card(t("bare.title"), table(t("bare.title"), columns, rows, { key: "bare" }), { key: "bare", tone: "wrong" });
}

// -- what was done --------------------------------------------------------------------------------

function lastTrades({ last_trades: rows }) {
  if (!rows.length) return card(t("trades.last"), empty(t("trades.none"), t("trades.none.todo")));
  const columns = [
    { name: t("symbol"), cell: (row) => symbolLink(row.symbol) },
    { name: t("side"), cell: (row) => side(row.side) },
    { name: t("exit.time"), cell: (row) => moment(row.exit_ms), keep: true },
    { name: t("ended_by"), cell: (row) => named("exit", row.reason, row.reason_text) },
    { name: "R", number: true, cell: (row) => inR(row.r) },
    { name: t("net"), number: true, cell: (row) => net(row.net) },
  ];
  return card(t("trades.last"), table(t("trades.last"), columns, rows, { key: "last-trades" }), { last: h("a", { href: "#/trades" }, t("all")) });
}

function bots({ symbols }) {
  const rows = symbols.map((row) => h("li", { "data-key": row.symbol }, symbolLink(row.symbol), badge("bot", row.state),
    row.kill_switches.map((each) => badge("refusal.short", each, "bad")),
    row.side && side(row.side), h("span", { class: "last" }, net(row.net))));
  return card(t("bots"), h("div", { class: "scroll short", role: "group", "aria-label": t("bots"), "data-key": "bots" }, h("ul", { class: "list" }, rows)), { key: "bots", more: t("bots.net") });
}

function refusals({ refusals_today: rows }) {
  return card(t("refusals.today"), counted(rows.map((row) => ({ ...row, words: named("refusal", row.key, row.text) }))), { key: "refusals" });
}
