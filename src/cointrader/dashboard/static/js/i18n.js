// Words of the pages, by key, in the language that was chosen.

export const LANGUAGES = { en: "English", ko: "한국어" };
const KEPT = "cointrader.language";

let words = {};
let spare = {};
let chosen = "en";

/** The language that was chosen before, else the browser's where we speak it. */
export function preferred() {
  const kept = localStorage.getItem(KEPT);
  if (kept in LANGUAGES) return kept;
  return (navigator.languages || []).some((each) => each.startsWith("ko")) &&
    !navigator.language.startsWith("en") ? "ko" : "en";
}

export function language() {
  return chosen;
}

export async function speak(name) {
  spare = await read("en");
  words = name === "en" ? spare : await read(name);
  chosen = name;
  document.documentElement.lang = name;
}

export function remember(name) {
  localStorage.setItem(KEPT, name);
}

async function read(name) {
  const answer = await fetch(`/static/i18n/${name}.json`);
  return answer.json();
}

/** The sentence for `key`, with {name} replaced by `values.name`. */
export function t(key, values = {}) {
  const said = words[key] ?? spare[key] ?? key;
  return said.replace(/\{(\w+)\}/g, (slot, name) => (name in values ? String(values[name]) : slot));
}

/** The words for a value the server names by a key, e.g. a reason.
 *
 * `text` is what the server says of it in English; the key itself is shown where there is neither.
 */
export function named(kind, value, text = "") {
  if (text && chosen === "en") return text;
  const key = `${kind}.${value}`;
  return words[key] ?? (text || (spare[key] ?? String(value)));
}
