// Questions to the server, each with the same cookie and, where something is done, the same proof
// that this page asks.

const BASE = "/api/v1";
const PATIENCE_MS = 20_000;
const ACTING_MS = 130_000; // closing positions may take the process a minute

export const EVENTS = `${BASE}/events`;
export const CSV = `${BASE}/trades.csv`;

let csrf = "";

/** What kept the server from answering: `code` is stable, `text` and `todo` are for people. */
export class Refusal extends Error {
  constructor(status, { code = "unreachable", text = "", todo = "" }) {
    super(text || code);
    this.status = status;
    this.code = code;
    this.text = text;
    this.todo = todo;
  }
}

/** Parameters as a query; what is empty is left out. */
export function query(parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

export function get(path, parameters) {
  return ask("GET", path + query(parameters));
}

function post(path, body, patience = PATIENCE_MS) {
  return ask("POST", path, body, patience);
}

async function ask(method, path, body, patience = PATIENCE_MS) {
  const headers = { Accept: "application/json" };
  if (method === "POST") {
    headers["Content-Type"] = "application/json";
    headers["X-CSRF-Token"] = csrf;
  }
  let answer;
  let told = {};
  try {
    answer = await fetch(BASE + path, {
      method, headers, credentials: "same-origin", cache: "no-store",
      body: method === "POST" ? JSON.stringify(body ?? {}) : undefined, signal: AbortSignal.timeout(patience),
    });
    told = await answer.json();
  } catch {
    if (!answer || answer.ok) throw new Refusal(0, {});
  }
  if (!answer.ok) throw new Refusal(answer.status, told.error || { code: String(answer.status) });
  return told;
}

/** Whether this browser is logged in; POSTs are proven with what is answered here. */
export async function session() {
  return kept(await get("/session"));
}

export async function login(token) {
  return kept(await post("/login", { token }));
}

export async function logout() {
  return kept(await post("/logout"));
}

function kept(told) {
  csrf = told.csrf || csrf;
  return told;
}

/** Ask the running process to do something; {ok, lines} is what came of it. */
export async function command(action, symbol = null) {
  try {
    const confirm = symbol ? `${action} ${symbol}` : action;
    const told = await post(`/control/${action}`, { symbol, confirm }, ACTING_MS);
    return { ok: told.is_done, lines: told.lines };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { ok: false, lines: [error.text, error.todo].filter(Boolean) };
  }
}
