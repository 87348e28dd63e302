// What several pages are made of: cards, tables, badges, and what is shown where there is nothing.

import { h } from "./dom.js";
import { money, moment, percent, signed } from "./format.js";
import { named, t } from "./i18n.js";

/** A box with a heading; `more` stands beside it, `last` at its end. */
export function card(title, content, { more, last, key, tone, grows = false } = {}) {
  return h("section", { class: ["card", grows && "grow", tone].filter(Boolean).join(" "), "data-key": key },
    h("header", {}, h("h2", {}, title), more && h("span", { class: "more" }, more), last && h("div", { class: "last" }, last)),
    content);
}

/** A table whose rows become cards on a narrow screen.
 *
 * `columns`: {name, cell(row), number, heading, wide}; `caption` is read aloud, not shown.
 */
export function table(caption, columns, rows, { key, foot, tall = false, row: rowAttributes } = {}) {
  const cell = (column, row, at) => {
    const classes = [column.number && "n", column.wide && "wide", column.keep && "keep"].filter(Boolean).join(" ");
    return h(at === 0 ? "th" : "td", { class: classes || undefined, scope: at === 0 ? "row" : undefined, "data-name": column.name }, whole(column.cell(row)));
  };
  return h("div", { class: `scroll${tall ? " tall" : ""}`, role: "group", "aria-label": caption, "data-key": key },
    h("table", { class: "stack" },
      h("caption", { class: "hidden" }, caption),
      h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col", class: column.number ? "n" : undefined }, column.name)))),
      h("tbody", {}, rows.map((row) => h("tr", rowAttributes ? rowAttributes(row) : {}, columns.map((column, at) => cell(column, row, at))))),
      foot && h("tfoot", {}, foot.map((row) => h("tr", {}, columns.map((column, at) => cell(column, row, at)))))));
}

/** Several parts of a cell stay together beside the cell's name. */
function whole(content) {
  return Array.isArray(content) ? h("div", { class: "cell" }, content) : content;
}

/** Nothing to show: what is missing, and what to do about it. */
export function empty(title, todo) {
  return h("div", { class: "empty" }, h("strong", {}, title), todo);
}

/** What went wrong, and a way on. */
export function wrong(error, again) {
  const isLost = error.code === "unreachable";
  return h("section", { class: "card wrong", role: "alert" },
    h("h2", {}, t(isLost ? "error.unreachable" : "error.title")),
    h("p", {}, isLost ? t("error.unreachable.todo") : [error.text || error.message, error.todo].filter(Boolean).join(" ")),
    h("button", { type: "button", onclick: again }, t("error.again")));
}

export function loading() {
  return h("p", { class: "loading", role: "status" }, t("loading"));
}

const TONES = {
  running: "good", protected: "good", ended: "", stopped: "", finished: "", resumable: "told",
  crashed: "unsure", "not-traded": "unsure", unprotected: "bad", quarantined: "bad",
  info: "told", warning: "unsure", critical: "bad",
  ENTER: "good", REFUSED: "unsure", EXIT: "told", REVERSE: "told", HOLD: "",
  served: "good", none: "", broken: "bad", off: "", deploy: "good",
};

/** A state in words; its colour only repeats it. */
export function badge(kind, value, tone = TONES[value] ?? "") {
  return h("span", { class: `badge ${tone}`.trim() }, named(kind, value));
}

/** What a bar came to: an entry that somebody said no to is none. */
export function answered(action, refusal) {
  return badge("action", action === "ENTER" && refusal ? "REFUSED" : action);
}

export function side(value) {
  return value ? h("span", { class: `side-${value}` }, named("side", value)) : "–";
}

export function symbolLink(symbol) {
  return h("a", { href: `#/symbol/${encodeURIComponent(symbol)}` }, symbol);
}

/** A number with what it is held against. */
export function tile(name, value, ...more) {
  return h("div", { "data-key": name }, h("dt", {}, name), h("dd", {}, value, more.filter(Boolean).map((each) => (each instanceof Element && each.tagName !== "SPAN" ? each : h("div", { class: "more" }, each)))));
}

/** How much of a limit is used, of 0 to 1. */
export function gauge(label, share) {
  const value = Math.max(0, Math.min(1, share || 0));
  return h("meter", { min: "0", max: "1", low: "0.6", high: "0.85", optimum: "0", value: String(value), "aria-label": label, title: percent(value, 0) });
}

export function alerts(rows) {
  return h("ul", { class: "list" }, rows.map((row) => h("li", {},
    badge("level", row.level), row.symbol && symbolLink(row.symbol), h("span", { class: "text" }, row.text), h("span", { class: "last" }, moment(row.at_ms)))));
}

/** A filter of a form, with its label. */
export function choice(name, label, options, chosen, onchange) {
  return h("label", {}, label,
    h("select", { name, onchange }, options.map(([value, words]) => h("option", { value, selected: value === (chosen || "") }, words))));
}

export function dates(filters, change) {
  const field = (name, label) => h("label", {}, label,
    h("input", { type: "date", name, value: filters[name] || "", onchange: (event) => change({ [name]: event.target.value }) }));
  return [field("from", t("filter.from")), field("to", t("filter.to"))];
}

/** A list of amounts as shares of the largest. */
export function counted(rows, { pick, total } = {}) {
  const most = Math.max(1, ...rows.map((row) => row.count));
  return h("ul", { class: "bars" }, rows.map((row) => h("li", { "data-key": row.key },
    pick ? h("button", { type: "button", onclick: () => pick(row.key), title: row.key }, row.words) : h("span", {}, row.words),
    h("span", { class: "soft" }, String(row.count), total ? ` · ${percent(row.count / total, 1)}` : ""),
    h("meter", { min: "0", max: String(most), value: String(row.count), "aria-label": row.words }))));
}

export function facts(pairs) {
  return h("dl", { class: "facts" }, pairs.filter(Boolean).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

export function net(value) {
  return signed(value, money(value, { sign: true }));
}
