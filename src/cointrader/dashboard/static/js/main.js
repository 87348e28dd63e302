// The frame around all pages: who is logged in, which page is shown, what changed meanwhile.

import * as api from "./api.js";
import { pause, resume, flattenAll, control } from "./controls.js";
import { h, morph, svg, watchScrolling } from "./dom.js";
import { moment } from "./format.js";
import { LANGUAGES, language, preferred, remember, speak, t } from "./i18n.js";
import { listen } from "./live.js";
import { badge, loading, wrong } from "./parts.js";
import { apply, setTheme, theme } from "./theme.js";
import { loginView } from "./pages/login.js";
import * as overview from "./pages/overview.js";
import * as symbol from "./pages/symbol.js";
import * as decisions from "./pages/decisions.js";
import * as trades from "./pages/trades.js";
import * as models from "./pages/models.js";
import * as health from "./pages/health.js";

const PAGES = { overview, symbol, decisions, trades, models, health };
const ICONS = {
  overview: "M3 13h5V3H3zM10 17h7V9h-7zM3 17h5v-2H3zM10 7h7V3h-7z",
  symbol: "M5 3v14M10 2v16M15 5v12M3.500 6h3v7h-3zM8.500 5h3v6h-3zM13.500 8h3v5h-3z",
  decisions: "M4 5h12M4 10h8M4 15h5M13 14l2 2 3-4",
  trades: "M4 7h12l-3-3M16 13H4l3 3",
  models: "M10 3v4M5 13l3-3M15 13l-3-3M10 7a2.500 2.500 0 1 0 .01 0M4 14a2 2 0 1 0 .01 0M16 14a2 2 0 1 0 .01 0",
  health: "M2 10h4l2-5 4 10 2-5h4",
};
const PRICES_MS = 5000; // between two looks at what is open: prices move, and the journal need not
const REST_MS = 400; // between two refreshes, however fast the journal grows

const app = document.getElementById("app");
const state = { name: "", rest: "", filters: {}, shared: null, data: null, error: null, isLost: false };
let place = null; // what is shown: {page, leave}
let stopListening = null;

// -- where we are ---------------------------------------------------------------------------------

function here() {
  const [path, asked = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/");
  return {
    name: name in PAGES ? name : "overview",
    rest: decoded(rest.join("/")),
    filters: Object.fromEntries(new URLSearchParams(asked)),
  };
}

/** What an address says; as it stands where it is none that can be read, such as a bare "%". */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function addressOf(name, rest, filters) {
  return `#/${name}${rest ? `/${encodeURIComponent(rest)}` : ""}${api.query(filters)}`;
}

/** Change filters: the address tells them, so going back works. */
function change(changes) {
  location.hash = addressOf(state.name, state.rest, { ...state.filters, ...changes });
}

async function go() {
  const next = here();
  const isFirst = !state.name; // a page that was just opened begins at its top, as pages do
  const isOther = next.name !== state.name || next.rest !== state.rest;
  Object.assign(state, next);
  if (isOther) {
    leave();
    Object.assign(state, { data: null, error: null });
    draw();
  }
  await refresh(null);
  if (isOther && !isFirst) app.querySelector("h1")?.focus({ preventScroll: true });
}

function leave() {
  place?.leave?.();
  place = null;
}

// -- what is known --------------------------------------------------------------------------------

let running = null; // the refresh under way
let waiting; // what changed since it began; undefined: nothing

/** Ask again for what these changes touch (null: everything), one refresh at a time. */
function refresh(kinds) {
  if (running) {
    waiting = waiting === undefined ? kinds : merged(waiting, kinds);
    return running;
  }
  running = ask(kinds).finally(async () => {
    running = null;
    if (waiting === undefined) return;
    const next = waiting;
    waiting = undefined;
    if (next !== null) await new Promise((resolve) => setTimeout(resolve, REST_MS));
    await refresh(next);
  });
  return running;
}

const merged = (one, other) => (one === null || other === null ? null : new Set([...one, ...other]));

async function ask(kinds) {
  const page = PAGES[state.name];
  const asked = addressOf(state.name, state.rest, state.filters);
  const isTouched = kinds === null || state.data === null || !page.KINDS || page.KINDS.some((each) => kinds.has(each));
  try {
    const shared = await api.get("/overview");
    const data = isTouched ? await page.load({ ...state, shared }) : state.data;
    if (asked !== addressOf(state.name, state.rest, state.filters)) return; // somewhere else by now
    Object.assign(state, { shared, data, error: null });
  } catch (error) {
    if (!(error instanceof api.Refusal)) throw error;
    if (error.status === 401) return leaveForLogin();
    state.error = error;
  }
  draw();
}

// -- what is shown --------------------------------------------------------------------------------

function draw() {
  if (!app.querySelector(".frame")) app.replaceChildren();
  const page = PAGES[state.name];
  const context = { ...state, change, reload: () => refresh(null), draw };
  const content = h("main", { id: "main", tabindex: "-1", "data-key": `${state.name}/${state.rest}` });
  if (state.error && (!state.data || state.error.code !== "unreachable")) {
    leave(); // a chart does not outlive its box
    content.append(h("div", { class: "head" }, heading(page)), wrong(state.error, () => refresh(null)));
  } else if (!state.data) content.append(h("div", { class: "head" }, heading(page)), loading());
  else content.append(...page.view(context).filter(Boolean));
  morph(app, h("div", {}, frame(content)));
  document.title = `${page.title(state)} – cointrader`;
  watchScrolling(app);
  if (state.data && !state.error) {
    place ??= page.enter ? page.enter(context) : {};
    place.update?.(context);
  }
}

const heading = (page) => h("h1", { tabindex: "-1" }, page.title(state));

function frame(content) {
  return h("div", { class: "frame" },
    h("a", { class: "skip", href: "#main", onclick: skip }, t("skip")),
    h("header", { class: "side" }, brand(), pages(), foot()),
    h("div", { class: "page" }, bar(), lost(), content, h("footer", {}, t("foot.charts"), " ",
      h("a", { href: "https://www.tradingview.com/", rel: "noopener noreferrer" }, "TradingView"), ". ",
      h("a", { href: "/static/vendor/lightweight-charts.NOTICE" }, t("foot.notice")))));
}

function skip(event) {
  event.preventDefault(); // the address says which page, not which part of it
  document.getElementById("main").focus();
}

function brand() {
  return h("div", { class: "brand" }, "cointrader");
}

function pages() {
  const items = Object.keys(PAGES).map((name) => h("li", {},
    h("a", { href: `#/${name}`, "aria-current": name === state.name && "page" },
      svg("svg", { viewBox: "0 0 20 20", fill: "none", stroke: "currentColor", "stroke-width": "1.6", "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" }, svg("path", { d: ICONS[name] })),
      t(`page.${name}`))));
  return h("nav", { "aria-label": t("pages") }, h("ul", {}, items));
}

function foot() {
  const choice = (label, options, chosen, onchange) => h("label", {}, h("span", {}, label),
    h("select", { onchange: (event) => onchange(event.target.value) }, options.map(([value, words]) => h("option", { value, selected: value === chosen }, words))));
  return h("div", { class: "foot" },
    choice(t("language"), Object.entries(LANGUAGES), language(), setLanguage),
    choice(t("theme"), ["system", "light", "dark"].map((each) => [each, t(`theme.${each}`)]), theme(), (name) => { setTheme(name); draw(); }),
    h("button", { type: "button", onclick: leaveByChoice }, t("logout")));
}

async function setLanguage(name) {
  remember(name);
  await speak(name);
  leave(); // charts keep the language they were made in
  app.replaceChildren();
  draw();
}

function bar() {
  const shared = state.shared;
  if (!shared) return h("div", { class: "bar", role: "group", "aria-label": t("run") });
  const { run, controls, account, positions } = shared;
  return h("div", { class: "bar", role: "group", "aria-label": t("run") },
    badge("phase", run.phase), account.is_paused && badge("phase", "paused", "unsure"),
    h("span", { class: "what" }, h("strong", {}, t(`mode.${run.mode}`)), ` · ${run.market} · ${run.interval} · ${t("bar.at")} `, moment(run.to_ms), " UTC"),
    h("div", { class: "buttons" },
      account.is_paused ? control(controls, t("resume"), () => resume(), { tone: "main" }) : control(controls, t("pause"), () => pause()),
      control(controls, t("flatten.all"), () => flattenAll(positions), { tone: "grave" })),
    !controls.are_possible && run.phase === "running" && h("span", { class: "note" }, `${t("controls.off")} ${controls.why_not}`));
}

function lost() {
  return h("div", { class: "banner", role: "status" }, state.isLost && t("lost"));
}

// -- in and out -----------------------------------------------------------------------------------

function leaveForLogin() {
  stopListening?.();
  stopListening = null;
  leave();
  Object.assign(state, { shared: null, data: null, error: null, isLost: false });
  document.title = `${t("login.title")} – cointrader`;
  app.replaceChildren(loginView({ enter: enterWith, setLanguage: async (name) => { remember(name); await speak(name); leaveForLogin(); } }));
  app.querySelector("input[name=token]").focus();
}

async function leaveByChoice() {
  try {
    await api.logout();
  } catch (error) {
    if (!(error instanceof api.Refusal)) throw error;
  }
  leaveForLogin();
}

async function enterWith(token) {
  await api.login(token);
  enter();
}

function enter() {
  app.replaceChildren();
  state.name = "";
  stopListening?.();
  stopListening = listen(api.EVENTS, { onChange: refresh, onState: heard });
  go();
}

/** Prices of open positions are in no journal: nobody tells when they have moved. */
function lookAtPrices() {
  const { shared } = state;
  const isOpen = shared?.controls.are_possible && (shared.positions.length || shared.without_levels.length);
  if (isOpen && stopListening && !document.hidden) refresh(new Set(["prices"]));
}

async function heard(line) {
  const isLost = line === "lost";
  if (isLost !== state.isLost) {
    state.isLost = isLost;
    draw();
  }
  if (isLost && !(await isStillIn())) leaveForLogin();
}

/** A line that ends may be a session that ended, also while the server was away: it forgets them.
 * Where nobody answers, we wait. */
async function isStillIn() {
  try {
    return (await api.session()).is_logged_in;
  } catch (error) {
    if (!(error instanceof api.Refusal)) throw error;
    return true;
  }
}

/** The token of a login address, which is not left in the address bar or the history. */
function tokenOfAddress() {
  const token = new URLSearchParams(location.hash.replace(/^#/, "")).get("token");
  if (token) history.replaceState(null, "", `${location.pathname}#/overview`);
  return token;
}

async function start() {
  apply();
  await speak(preferred());
  const token = tokenOfAddress();
  window.addEventListener("hashchange", () => {
    if (tokenOfAddress() || !state.name) return;
    go();
  });
  try {
    if (token) return await enterWith(token);
    if ((await api.session()).is_logged_in) return enter();
  } catch (error) {
    if (!(error instanceof api.Refusal)) throw error;
  }
  leaveForLogin();
}

setInterval(lookAtPrices, PRICES_MS);
start();
