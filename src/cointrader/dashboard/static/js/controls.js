// What a person may ask of the running process. Every question says what will happen, and to what.

import { command } from "./api.js";
import { confirm } from "./dialog.js";
import { h } from "./dom.js";
import { gridOf, money, percent, price, quantity } from "./format.js";
import { named, t } from "./i18n.js";

/** A button that asks first; where nobody can carry it out it is off and says why. */
export function control(controls, label, ask, { tone = "", small = false, name } = {}) {
  const isOff = !controls.are_possible;
  const why = isOff ? `${t("controls.off")} ${controls.why_not}` : undefined;
  return h("button", {
    type: "button", class: [tone, small && "small"].filter(Boolean).join(" ") || undefined,
    disabled: isOff, title: why, "aria-label": name, "data-key": name || label, onclick: ask,
  }, label);
}

export function pause() {
  return confirm({
    title: t("pause.title"), does: [t("pause.does"), t("pause.keeps")], action: t("pause.action"),
    act: () => command("pause"),
  });
}

export function resume() {
  return confirm({ title: t("resume.title"), does: [t("resume.does")], action: t("resume.action"), act: () => command("resume") });
}

export function flatten(position) {
  return confirm({
    title: t("flatten.title", { symbol: position.symbol }),
    does: [t("flatten.does"), t("flatten.pauses")],
    facts: factsOf(position), action: t("flatten.action", { symbol: position.symbol }), isGrave: true,
    act: () => command("flatten", position.symbol),
  });
}

export function flattenAll(positions) {
  return confirm({
    title: t("flatten.all.title"),
    does: [t("flatten.all.does"), t("flatten.pauses")],
    facts: positions.length ? positions.map((each) => [each.symbol, inWords(each)]) : [[t("positions"), t("positions.none")]],
    action: t("flatten.all.action"), isGrave: true, word: "FLATTEN",
    act: () => command("flatten"),
  });
}

export function resetKill(symbol, switches) {
  return confirm({
    title: t("reset.title", { symbol }), does: [t("reset.does")],
    facts: [[t("symbol"), symbol], [t("reset.tripped"), switches.map((each) => named("refusal", each)).join("; ")]],
    action: t("reset.action"), act: () => command("reset-kill", symbol),
  });
}

export function resetDrawdown(account) {
  return confirm({
    title: t("drawdown.title"), does: [t("drawdown.does")],
    facts: [[t("drawdown"), percent(account.drawdown_ratio)], [t("equity"), money(account.equity)]],
    action: t("drawdown.action"), isGrave: true, word: "LIFT", act: () => command("reset-drawdown"),
  });
}

function inWords(position) {
  return `${named("side", position.side)} ${quantity(position.quantity)} · ${money(position.unrealised, { sign: true })}`;
}

function factsOf(position) {
  const digits = position.stop === undefined ? undefined : gridOf(position.stop, position.target) + 1; // of no levels, none
  return [
    [t("symbol"), position.symbol],
    [t("position"), `${named("side", position.side)} ${quantity(position.quantity)}`],
    [t("entry"), price(position.entry_price, digits)],
    [t("mark"), price(position.mark, digits)],
    [t("unrealised"), money(position.unrealised, { sign: true })],
  ];
}
