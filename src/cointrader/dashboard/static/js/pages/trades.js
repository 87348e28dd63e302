// Closed trades, and where the money went: fees, slippage, funding.

import { CSV, get, query } from "../api.js";
import { h } from "../dom.js";
import { inR, money, moment, number, percent, price, quantity } from "../format.js";
import { named, t } from "../i18n.js";
import { card, choice, dates, empty, net, side, symbolLink, table } from "../parts.js";
import { older, withOlder } from "./pages.js";

export const title = () => t("page.trades");
export const KINDS = ["trades", "funding"];

const ENDS = ["SL", "SL_GAP", "TP", "REVERSE", "END", "MANUAL", "UNPROTECTED", "LIQUIDATED"];

export async function load({ filters, data }) {
  const [list, costs] = await Promise.all([get("/trades", { ...filters, limit: 60 }), get("/trades/costs", filters)]);
  return { costs, ...withOlder(list, "trades", data, JSON.stringify(filters), (row) => `${row.trade_id} ${row.exit_ms}`) };
}

export function view({ data, shared, filters, change, draw }) {
  return [
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, title()), h("p", { class: "more" }, t("trades.count", { count: number(data.count) }), " ", net(data.net))),
    card(t("costs"), costs(data.costs, filters), { key: "costs", more: t("costs.hint") }),
    card(t("trades"), [controls(shared, filters, change), rows(data, filters, draw)], { key: "trades", more: t("trades.times"), last: h("a", { class: "button", href: `${CSV}${query(filters)}`, download: "trades.csv" }, t("csv")) }),
  ];
}

function controls(shared, filters, change) {
  const any = ["", t("filter.any")];
  return h("form", { class: "filters", onsubmit: (event) => event.preventDefault() },
    choice("symbol", t("symbol"), [any, ...shared.run.symbols.map((each) => [each, each])], filters.symbol, (event) => change({ symbol: event.target.value })),
    choice("side", t("side"), [any, ...["long", "short"].map((each) => [each, named("side", each)])], filters.side, (event) => change({ side: event.target.value })),
    choice("result", t("result"), [any, ["win", t("result.win")], ["loss", t("result.loss")]], filters.result, (event) => change({ result: event.target.value })),
    choice("reason", t("ended_by"), [any, ...ENDS.map((each) => [each, named("exit", each)])], filters.reason, (event) => change({ reason: event.target.value })),
    dates(filters, change),
    h("button", { type: "button", onclick: () => { location.hash = "#/trades"; } }, t("filter.clear")));
}

function costs({ total, symbols, why_no_slippage: noSlippage }, filters) {
  if (!total.trades) return nothing(filters);
  const minus = (value) => (value === null ? t("unknown") : money(value === 0 ? 0 : -value, { sign: true }));
  const columns = [
    { name: t("symbol"), cell: (row) => (row === total ? t("total") : symbolLink(row.key)) },
    { name: t("trades"), number: true, cell: (row) => number(row.trades) },
    { name: t("wins"), number: true, cell: (row) => percent(row.trades ? row.wins / row.trades : null, 0) },
    { name: t("before_costs"), number: true, cell: (row) => net(row.before_costs) },
    { name: t("slippage"), number: true, cell: (row) => minus(row.slippage) },
    { name: t("fee"), number: true, cell: (row) => minus(row.fee) },
    { name: t("funding"), number: true, cell: (row) => money(row.funding, { sign: true }) },
    { name: t("net"), number: true, cell: (row) => net(row.net) },
  ];
  return [table(t("costs"), columns, symbols, { key: "costs", foot: [total], tall: true }), noSlippage && h("p", { class: "note" }, noSlippage)];
}

function nothing(filters) {
  const isFiltered = Object.values(filters).some(Boolean);
  return isFiltered ? empty(t("trades.filtered"), t("filtered.todo")) : empty(t("trades.none"), t("trades.none.todo"));
}

function rows(data, filters, draw) {
  if (!data.trades.length) return nothing(filters);
  const columns = [
    { name: t("symbol"), cell: (row) => symbolLink(row.symbol) },
    { name: t("side"), cell: (row) => side(row.side) },
    { name: t("entry"), number: true, cell: (row) => [price(row.entry_price), h("small", {}, moment(row.entry_ms))] },
    { name: t("exit"), number: true, cell: (row) => [price(row.exit_price), h("small", {}, moment(row.exit_ms))] },
    { name: t("ended_by"), cell: (row) => named("exit", row.reason, row.reason_text) },
    { name: t("quantity"), number: true, cell: (row) => quantity(row.quantity) },
    { name: t("gross"), number: true, cell: (row) => money(row.gross, { sign: true }) },
    { name: t("fee"), number: true, cell: (row) => money(row.fee === 0 ? 0 : -row.fee, { sign: true }) },
    { name: t("funding"), number: true, cell: (row) => money(row.funding, { sign: true }) },
    { name: "R", number: true, cell: (row) => inR(row.r) },
    { name: t("net"), number: true, cell: (row) => net(row.net) },
  ];
  return [table(t("trades"), columns, data.trades, { key: "trades" }), older(data, "trades", (cursor) => get("/trades", { ...filters, limit: 60, cursor }), draw)];
}
