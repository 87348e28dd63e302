// One symbol: its candles with what was done on them, and why each bar was answered as it was.

import { get } from "../api.js";
import { control, flatten, resetKill } from "../controls.js";
import { candleChart } from "../charts.js";
import { h } from "../dom.js";
import { gridOf, minute, moment, money, number, percent, price, quantity } from "../format.js";
import { named, t } from "../i18n.js";
import { answered, badge, card, choice, empty, facts, net, side, table } from "../parts.js";
import { why } from "./why.js";

export const title = ({ rest, shared }) => rest || shared?.run.symbols[0] || t("page.symbol");
export const KINDS = ["decisions", "trades", "positions", "bots", "risk"];

const LISTED = 60; // decisions below the chart
let picked = null; // the bar that was chosen, by its open; null: the newest

export async function load({ rest, shared, filters }) {
  const symbol = rest || shared.run.symbols[0];
  return get(`/symbols/${encodeURIComponent(symbol)}`, { bars: filters.bars || 300, to: filters.to });
}

export function view({ data, shared, filters, change, draw }) {
  const { state } = data;
  const position = newer(data.position, shared);
  const rows = data.decisions;
  const shown = rows.find((each) => each.bar_open_ms === picked) ?? newest(rows);
  const pick = (row) => { picked = row.bar_open_ms; draw(); };
  return [
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, data.symbol), badge("bot", state.state),
      state.detail && h("span", { class: "more" }, state.detail),
      state.kill_switches.map((each) => badge("refusal.short", each, "bad")),
      state.kill_switches.length > 0 && control(shared.controls, t("reset.action"), () => resetKill(data.symbol, state.kill_switches), { small: true })),
    h("div", { class: "filters" },
      choice("symbol", t("symbol"), shared.run.symbols.map((each) => [each, each]), data.symbol, (event) => { picked = null; location.hash = `#/symbol/${event.target.value}`; }),
      choice("bars", t("bars"), ["100", "300", "1000"].map((each) => [each, number(each)]), filters.bars || "300", (event) => change({ bars: event.target.value })),
      h("div", { class: "buttons" },
        h("button", { type: "button", disabled: data.from_ms <= data.first_ms, onclick: () => change({ to: String(data.from_ms) }) }, t("older")),
        h("button", { type: "button", disabled: !filters.to, onclick: () => change({ to: "" }) }, t("newest")))),
    chart(data),
    h("div", { class: "cards halves" }, answer(shown), held(data, position, shared)),
    list(rows, shown, pick),
  ];
}

const newest = (rows) => rows.reduce((one, other) => (!one || other.bar_open_ms > one.bar_open_ms ? other : one), null);

export function enter({ draw }) {
  let chart = null;
  let place = null;
  let told = null;
  return {
    update({ data }) {
      const box = document.querySelector("[data-keep=candles]");
      if (box !== place) {
        chart?.remove();
        chart = box && candleChart(box);
        chart?.onPick((ms) => { picked = ms; draw(); });
        [place, told] = [box, null];
      }
      if (!chart || told === data) return; // drawn again because of something else
      told = data;
      chart.show(drawn(data));
    },
    leave() {
      chart?.remove();
      picked = null;
    },
  };
}

/** The position as the overview has it, which is asked for more often. */
function newer(position, shared) {
  return position && (shared.positions.find((each) => each.trade_id === position.trade_id) ?? position);
}

/** What the chart draws: bars, trades, and where stops, targets and the entry were. */
function drawn(data) {
  const times = new Set(data.candles.map((each) => each.open_ms));
  const open = data.position;
  const levels = data.lines.map((each) => ({ from_ms: bar(each.from_ms, data), to_ms: each.to_ms === null ? null : bar(each.to_ms, data), value: each.price, kind: each.kind, isOpen: open?.trade_id === each.trade_id }));
  if (open) levels.push({ from_ms: bar(open.entry_ms, data), to_ms: null, value: open.entry_price, kind: "entry", isOpen: true });
  return {
    bars: data.candles.map((each) => ({ ...each, at_ms: each.open_ms })),
    trades: data.trades.map((each) => ({ ...each, entry_ms: bar(each.entry_ms, data), exit_ms: each.exit_ms === null ? null : bar(each.exit_ms, data) }))
      .filter((each) => times.has(each.entry_ms) || times.has(each.exit_ms)),
    levels: levels.filter((each) => (each.to_ms ?? data.to_ms) >= data.from_ms),
    digits: digitsOf(data.candles),
  };
}

/** The open of the bar a moment is in; the first shown bar for what was before. */
function bar(ms, { interval_ms: length, from_ms: from }) {
  return Math.max(Math.floor(ms / length) * length, Math.ceil(from / length) * length);
}

const digitsOf = (candles) => gridOf(0, ...candles.slice(-50).flatMap((each) => [each.high, each.close]));

function chart(data) {
  if (!data.candles.length) return card(t("candles"), empty(t("candles.none"), data.why_no_candles || t("candles.none.todo")));
  const last = data.candles[data.candles.length - 1];
  const label = t("candles.label", {
    symbol: data.symbol, from: minute(data.candles[0].open_ms), to: minute(last.open_ms), last: price(last.close), trades: data.trades.length,
  });
  return card(t("candles"), [
    h("div", { class: "chart tall", role: "img", "aria-label": label, "data-keep": "candles" }),
    h("ul", { class: "legend" },
      h("li", { class: "arrow" }, t("legend.entry")), h("li", { class: "dot" }, t("legend.exit")),
      h("li", { class: "dashed-loss" }, t("stop")), h("li", { class: "dashed-gain" }, t("target")), data.position && h("li", { class: "dotted-accent" }, t("legend.open"))),
  ], { more: [t("candles.more", { price: price(last.close) }), " ", moment(last.open_ms), data.candles_from && ` · ${data.candles_from}`], key: "candles" });
}

// -- one bar --------------------------------------------------------------------------------------

function answer(row) {
  if (!row) return card(t("answer"), empty(t("decisions.none"), t("decisions.none.todo")));
  const columns = [
    { name: t("indicator"), cell: (part) => named("part", part.name) },
    { name: t("side"), cell: (part) => side(part.side) },
    { name: t("points"), number: true, cell: (part) => number(part.points) },
    { name: t("because"), cell: (part) => named(`part.${part.name}`, part.side, part.text) },
  ];
  return card(t("answer"), [
    h("p", {}, answered(row.action, row.refusal), " ", row.side && side(row.side), " ", why(row)),
    row.parts.length > 0 ? table(t("score.parts"), columns, row.parts, { key: "parts" }) : h("p", { class: "note" }, t("score.none")),
    facts([
      [t("score"), row.threshold === null ? number(row.score) : t("score.of", { score: row.score, threshold: row.threshold })],
      [t("probability"), row.probability === null ? t("probability.none") : percent(row.probability)],
    ]),
  ], { more: [t("bar"), " ", moment(row.bar_open_ms)], key: "answer" });
}

function held(data, position, shared) {
  const { state } = data;
  const open = shared.without_levels.find((each) => each.symbol === data.symbol);
  if (!position && open) return bare(open, shared);
  if (!position) {
    return card(t("position"), [
      empty(t("position.none"), t("position.none.todo")),
      facts([[t("trades"), number(state.trades)], [t("net"), net(state.net)]]),
    ], { key: "held" });
  }
  const grid = gridOf(position.stop, position.target);
  return card(t("position"), [facts([
    [t("side"), [side(position.side), position.is_protected === false && [" ", badge("protection", "none", "bad")]]],
    [t("quantity"), quantity(position.quantity)],
    [t("entry"), [price(position.entry_price, grid + 1), " · ", moment(position.entry_ms)]],
    [t("mark"), price(position.mark, grid + 1)],
    [t("unrealised"), net(position.unrealised)],
    [t("stop"), `${price(position.stop, grid)} · ${percent(position.stop_distance)}`],
    [t("target"), `${price(position.target, grid)} · ${percent(position.target_distance)}`],
    [t("liquidation"), `${price(position.liquidation_price, grid)} · ${percent(position.liquidation_distance)}${position.is_liquidation_told ? "" : ` · ${t("reckoned")}`}`],
    [t("at_stop"), money(position.at_stop, { sign: true })],
    [t("trades"), [number(state.trades), " · ", net(state.net)]],
  ])], { key: "held", last: control(shared.controls, t("close"), () => flatten(position), { tone: "grave", small: true, name: `${t("close")} ${position.symbol}` }) });
}

/** What nobody protects. */
function bare(position, shared) {
  return card(t("bare.title"), [
    h("p", {}, badge("protection", position.is_ours ? "none" : "foreign", position.is_ours ? "bad" : "unsure"), " ", t(position.is_ours ? "bare.ours" : "bare.foreign")),
    facts([
      [t("side"), side(position.side)],
      [t("quantity"), quantity(position.quantity)],
      [t("entry"), price(position.entry_price)],
      [t("mark"), price(position.mark)],
      [t("unrealised"), net(position.unrealised)],
      position.liquidation_price !== null && [t("liquidation"), `${price(position.liquidation_price)} · ${percent(position.liquidation_distance)}`],
    ]),
  ], { key: "held", tone: "wrong", last: control(shared.controls, t("close"), () => flatten(position), { tone: "grave", small: true, name: `${t("close")} ${position.symbol}` }) });
}

function list(rows, shown, pick) {
  if (!rows.length) return null;
  const columns = [
    { name: t("bar"), cell: (row) => moment(row.bar_open_ms) },
    { name: t("action"), cell: (row) => answered(row.action, row.refusal) },
    { name: t("side"), cell: (row) => side(row.side) },
    { name: t("score"), number: true, cell: (row) => number(row.score) },
    { name: t("probability"), number: true, cell: (row) => percent(row.probability) },
    { name: t("why"), wide: true, cell: why },
    { name: t("show"), cell: (row) => h("button", { type: "button", class: "small", "aria-pressed": String(row === shown), "aria-label": t("show.bar", { bar: minute(row.bar_open_ms) }), onclick: () => pick(row) }, t("show")) },
  ];
  const newestFirst = [...rows].sort((a, b) => b.bar_open_ms - a.bar_open_ms).slice(0, LISTED);
  return card(t("answers"), table(t("answers"), columns, newestFirst, { key: "answers", tall: true }), {
    key: "answers", more: t("answers.more", { count: newestFirst.length }),
    last: h("a", { href: `#/decisions?symbol=${newestFirst[0].symbol}` }, t("all")),
  });
}
