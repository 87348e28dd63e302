// Why each bar did or did not trade, and how often each reason spoke.

import { get } from "../api.js";
import { h } from "../dom.js";
import { minute, moment, number, percent } from "../format.js";
import { named, t } from "../i18n.js";
import { answered, badge, card, choice, counted, dates, empty, side, symbolLink, table } from "../parts.js";
import { older, withOlder } from "./pages.js";
import { why } from "./why.js";

export const title = () => t("page.decisions");
export const KINDS = ["decisions"];

const ACTIONS = ["HOLD", "ENTER", "REFUSED", "EXIT", "REVERSE"];
const BY_BAR = (row) => `${row.symbol} ${row.bar_open_ms}`;

export async function load({ filters, data }) {
  const { symbol, action, reason, side: of, from, to } = filters;
  const [list, reasons] = await Promise.all([
    get("/decisions", { symbol, action, reason, side: of, from, to, limit: 60 }),
    get("/decisions/reasons", { symbol, from, to }),
  ]);
  return { reasons, ...withOlder(list, "decisions", data, JSON.stringify(filters), BY_BAR) };
}

export function view({ data, shared, filters, change, draw }) {
  return [
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, title()), h("p", { class: "more" }, t("decisions.hint"))),
    reasons(data.reasons, change),
    card(t("answers"), [controls(shared, data, filters, change), rows(data, filters, draw)], { key: "answers" }),
  ];
}

function controls(shared, { reasons: told }, filters, change) {
  const any = ["", t("filter.any")];
  const keys = [...told.gates.map((each) => [each.key, named("gate", each.key, each.text)]), ...told.refusals.map((each) => [each.key, named("refusal", each.key, each.text)])];
  if (filters.reason && !keys.some(([key]) => key === filters.reason)) keys.push([filters.reason, filters.reason]);
  return h("form", { class: "filters", onsubmit: (event) => event.preventDefault() },
    choice("symbol", t("symbol"), [any, ...shared.run.symbols.map((each) => [each, each])], filters.symbol, (event) => change({ symbol: event.target.value })),
    choice("action", t("action"), [any, ...ACTIONS.map((each) => [each, named("action", each)])], filters.action, (event) => change({ action: event.target.value })),
    choice("side", t("side"), [any, ...["long", "short"].map((each) => [each, named("side", each)])], filters.side, (event) => change({ side: event.target.value })),
    choice("reason", t("reason"), [any, ...keys.map(([key, words]) => [key, shortened(words)])], filters.reason, (event) => change({ reason: event.target.value })),
    dates(filters, change),
    h("button", { type: "button", onclick: () => { location.hash = "#/decisions"; } }, t("filter.clear")));
}

const shortened = (words) => (words.length > 44 ? `${words.slice(0, 43)}…` : words);

function rows(data, filters, draw) {
  const all = data.decisions;
  if (!all.length && !data.next) {
    const isFiltered = Object.values(filters).some(Boolean);
    return isFiltered ? empty(t("decisions.filtered"), t("filtered.todo")) : empty(t("decisions.none"), t("decisions.none.todo"));
  }
  const columns = [
    { name: t("bar"), cell: (row) => moment(row.bar_open_ms), keep: true },
    { name: t("symbol"), cell: (row) => symbolLink(row.symbol) },
    { name: t("action"), cell: (row) => answered(row.action, row.refusal) },
    { name: t("side"), cell: (row) => side(row.side) },
    { name: t("score"), number: true, cell: (row) => (row.threshold === null ? number(row.score) : `${row.score} / ${row.threshold}`) },
    { name: t("probability"), number: true, cell: (row) => percent(row.probability) },
    { name: t("why"), wide: true, cell: why },
  ];
  const load = (cursor) => get("/decisions", { ...filters, limit: 60, cursor });
  return [
    table(t("answers"), columns, all, { key: "decisions" }),
    older(data, "decisions", load, draw),
    data.next && data.looked_to_ms && h("p", { class: "note" }, t("looked_to", { moment: minute(data.looked_to_ms) })),
  ];
}

function reasons(told, change) {
  if (!told.bars) return card(t("reasons"), empty(t("decisions.none"), t("decisions.none.todo")));
  const inWords = (kind) => (each) => ({ ...each, words: named(kind, each.key, each.text) });
  const pick = (reason) => change({ reason });
  const column = (name, rows) => h("div", {}, h("h3", {}, name), rows);
  return card(t("reasons"), h("div", { class: "cards thirds" },
    column(t("action"), counted(told.actions.map((each) => ({ ...each, words: named("action", each.key) })), { pick: (action) => change({ action: action === "REFUSED" ? "ENTER" : action }), total: told.bars })),
    told.gates.length > 0 && column(t("reasons.gates"), counted(told.gates.map(inWords("gate")), { pick, total: told.bars })),
    told.refusals.length > 0 && column(t("reasons.refusals"), counted(told.refusals.map(inWords("refusal")), { pick, total: told.bars }))), { key: "reasons", more: [t("reasons.bars", { bars: number(told.bars) }), " ", moment(told.from_ms), " – ", moment(told.to_ms)] });
}
