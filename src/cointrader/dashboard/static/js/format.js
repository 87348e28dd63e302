// Numbers, money and times for people. Money comes as decimal text and is shown, never counted with.

import { h } from "./dom.js";
import { language } from "./i18n.js";

const NONE = "–";
const made = new Map();

function formatter(options) {
  const name = language() + JSON.stringify(options);
  if (!made.has(name)) made.set(name, new Intl.NumberFormat(language(), options));
  return made.get(name);
}

const isMissing = (value) => value === null || value === undefined || value === "" || Number.isNaN(Number(value));
const typed = (text) => text.replace("-", "−");

export function number(value, digits = 0) {
  if (isMissing(value)) return NONE;
  return typed(formatter({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(Number(value)));
}

/** Money in quote currency, two digits; more where there is less than a cent. */
export function money(value, { sign = false } = {}) {
  if (isMissing(value)) return NONE;
  const amount = Number(value);
  const digits = amount !== 0 && Math.abs(amount) < 0.01 ? 4 : 2;
  const signDisplay = sign ? "exceptZero" : "auto";
  return typed(formatter({ minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay }).format(amount));
}

const MOST_DIGITS = 8;

function digitsOf(value) {
  const text = String(Number(Number(value).toPrecision(7))); // an average of fills has no end
  return Math.min(MOST_DIGITS, (text.split(".")[1] || "").length);
}

/** As many digits as these prices have, which are on the symbol's grid. */
export function gridOf(...prices) {
  return Math.max(...prices.filter((each) => !isMissing(each)).map(digitsOf));
}

/** A price with `digits` behind the point; with as many as it has where none are given. */
export function price(value, digits) {
  if (isMissing(value)) return NONE;
  return number(value, digits ?? Math.max(2, digitsOf(value)));
}

export function quantity(value) {
  if (isMissing(value)) return NONE;
  return typed(formatter({ maximumFractionDigits: 8 }).format(Number(value)));
}

/** A fraction as percent. */
export function percent(value, digits = 1, { sign = false } = {}) {
  if (isMissing(value)) return NONE;
  const signDisplay = sign ? "exceptZero" : "auto";
  return typed(formatter({ style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay }).format(Number(value)));
}

export function inR(value) {
  if (isMissing(value)) return NONE;
  return typed(formatter({ minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "exceptZero" }).format(Number(value))) + " R";
}

export function seconds(ms) {
  if (isMissing(ms)) return NONE;
  const value = Number(ms);
  if (value < 1000) return `${number(value)} ms`;
  if (value < 120_000) return `${number(value / 1000, value < 10_000 ? 1 : 0)} s`;
  return span(value);
}

/** How long something took: two units at most. */
export function span(ms) {
  if (isMissing(ms)) return NONE;
  const units = [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1000]];
  let rest = Number(ms);
  const parts = [];
  for (const [name, size] of units) {
    const whole = Math.floor(rest / size);
    if (whole && parts.length < 2) parts.push(`${whole}${name}`);
    rest -= whole * size;
  }
  return parts.join(" ") || "0s";
}

const two = (value) => String(value).padStart(2, "0");

export function day(ms) {
  const at = new Date(ms);
  return `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
}

export function clock(ms) {
  const at = new Date(ms);
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
}

export const minute = (ms) => `${day(ms)} ${clock(ms)}`;

/** A moment in UTC that tells the local time when it is pointed at. */
export function moment(ms, { short = false } = {}) {
  if (isMissing(ms)) return NONE;
  const at = new Date(Number(ms));
  const local = new Intl.DateTimeFormat(language(), { dateStyle: "medium", timeStyle: "long" }).format(at);
  return h("time", { datetime: at.toISOString(), title: local }, short ? minute(at).slice(5) : minute(at));
}

/** A signed amount: its sign is written, its colour only repeats it. */
export function signed(value, text) {
  const amount = isMissing(value) ? 0 : Number(value);
  const tone = amount > 0 ? "gain" : amount < 0 ? "loss" : "";
  return h("span", { class: tone || undefined }, text ?? money(value, { sign: true }));
}
