// The entry filters: how each was made, what its gate said, and whether live rows look like those
// it learned from.

import { get } from "../api.js";
import { h } from "../dom.js";
import { moment, number, percent } from "../format.js";
import { named, t } from "../i18n.js";
import { badge, card, counted, empty, facts, symbolLink, table } from "../parts.js";

export const title = () => t("page.models");
export const KINDS = ["decisions", "runs"];

const USUAL_OUTSIDE = 0.01; // training calls that share of its own rows outside
const FAR_OUTSIDE = 0.05;

export async function load() {
  return get("/models");
}

export function view({ data }) {
  const { models, folder } = data;
  const isAny = models.some((each) => each.identity);
  const head = h("div", { class: "head" }, h("h1", { tabindex: "-1" }, title()), folder && h("p", { class: "more" }, t("models.folder"), " ", h("code", {}, folder)));
  if (!isAny) {
    return [head, card(t("models.none"), [empty(t("models.none.why"), t("models.none.todo")), summary(models)])];
  }
  return [head, card(t("models.all"), summary(models), { key: "all" }), ...models.filter((each) => each.identity).flatMap(one)];
}

function summary(models) {
  const columns = [
    { name: t("symbol"), cell: (row) => symbolLink(row.symbol) },
    { name: t("state"), cell: (row) => badge("model", row.state) },
    { name: t("gate"), cell: (row) => (row.gate ? badge("gate.verdict", row.gate, gateTone(row.gate)) : "–") },
    { name: t("threshold"), number: true, cell: (row) => percent(row.threshold) },
    { name: t("judged"), number: true, cell: (row) => number(row.probabilities.count) },
    { name: t("passed"), number: true, cell: (row) => (row.probabilities.count ? percent(row.probabilities.passed / row.probabilities.count, 0) : "–") },
    { name: t("probability.mean"), number: true, cell: (row) => percent(row.probabilities.mean) },
    { name: t("in_words"), wide: true, cell: (row) => row.words },
  ];
  return table(t("models.all"), columns, models, { key: "models" });
}

const gateTone = (gate) => ({ passed: "good", failed: "bad" })[gate] ?? "unsure";

function one(model) {
  return [card(model.symbol, h("div", { class: "cards halves" }, h("div", {}, made(model)), h("div", {}, answers(model), drift(model))), {
    key: model.symbol, more: model.identity,
  })];
}

function made(model) {
  const scalars = Object.entries(model.gate_facts).filter(([name, value]) => name !== "verdict" && (value === null || typeof value !== "object"));
  return [
    h("h3", {}, t("card")),
    facts([
      [t("state"), badge("model", model.state)],
      [t("backend"), model.backend ?? "–"],
      [t("rule"), model.rule ?? "–"],
      [t("made"), moment(model.made_ms)],
      [t("trained"), model.trained_from_ms === null ? "–" : [moment(model.trained_from_ms), " – ", moment(model.trained_to_ms)]],
      [t("rows"), number(model.rows)],
      [t("threshold"), percent(model.threshold)],
      [t("features"), number(model.features.length)],
      model.left_out.length > 0 && [t("left_out"), model.left_out.join(", ")],
      ...Object.entries(model.metrics).map(([name, value]) => [named("metric", name), number(value, 3)]),
    ]),
    h("h3", {}, t("gate")),
    model.gate ? facts([[t("gate.says"), badge("gate.verdict", model.gate, gateTone(model.gate))], ...scalars.map(([name, value]) => [name, value === null ? "–" : String(value)])])
      : h("p", { class: "note" }, t("gate.none")),
    model.card && h("details", {}, h("summary", {}, t("card.whole")), h("div", { class: "scroll tall", role: "group", "aria-label": t("card.whole") }, h("pre", {}, JSON.stringify(model.card, null, 1)))),
  ];
}

function answers({ probabilities }) {
  if (!probabilities.count) return [h("h3", {}, t("probabilities")), h("p", { class: "note" }, t("probabilities.none"))];
  const bins = probabilities.bins.map((count, at) => ({ key: String(at), count, words: `${percent(at / 10, 0)} – ${percent((at + 1) / 10, 0)}` }));
  return [h("h3", {}, t("probabilities")), counted(bins.filter((each) => each.count), { total: probabilities.count })];
}

function drift(model) {
  const told = model.drift;
  if (!told) return [h("h3", {}, t("drift")), h("p", { class: "note" }, model.why_no_drift || t("drift.none"))];
  const tone = (share) => (share === null ? "" : share > FAR_OUTSIDE ? "bad" : share > 3 * USUAL_OUTSIDE ? "unsure" : "good");
  const columns = [
    { name: t("feature"), cell: (row) => h("code", {}, row.feature) },
    { name: t("outside"), number: true, cell: (row) => percent(row.outside_share) },
    { name: t("missing"), number: true, cell: (row) => percent(row.missing_share) },
    { name: t("state"), cell: (row) => badge("drift", tone(row.outside_share) || "unknown", tone(row.outside_share)) },
  ];
  const rows = [...told.features].sort((a, b) => (b.outside_share ?? 0) - (a.outside_share ?? 0));
  return [h("h3", {}, t("drift")), h("p", { class: "note" }, t("drift.hint", { rows: number(told.rows), usual: percent(USUAL_OUTSIDE, 0) })), table(t("drift"), columns, rows, { key: `drift-${model.symbol}`, tall: true })];
}
