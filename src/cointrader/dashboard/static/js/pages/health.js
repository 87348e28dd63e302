// Whether everything it needs is there: the process, its streams, its budgets, the journal.

import { get } from "../api.js";
import { h } from "../dom.js";
import { moment, number, seconds, span } from "../format.js";
import { named, t } from "../i18n.js";
import { answered, badge, card, empty, facts, gauge, symbolLink, table } from "../parts.js";

export const title = () => t("page.health");

export async function load() {
  return get("/health");
}

export function view({ data }) {
  return [
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, title()), verdict(data)),
    troubles(data),
    h("div", { class: "cards halves" }, run(data), journal(data)),
    ...process(data),
    bots(data),
  ];
}

/** Ages are told by the clock of the process, which goes on between two records. */
export function enter({ reload }) {
  const timer = setInterval(reload, 5000);
  return { leave: () => clearInterval(timer) };
}

function verdict({ process: told }) {
  if (!told) return badge("health", "none", "");
  return told.is_fine === false ? badge("health", "trouble", "bad") : badge("health", "fine", "good");
}

function troubles({ process: told }) {
  if (!told?.troubles?.length) return null;
  return card(t("troubles"), h("ul", { class: "list" }, told.troubles.map((each) => h("li", {}, badge("level", "warning"), h("span", { class: "text" }, each)))), { key: "troubles" });
}

function run({ run: told, versions, process: of }) {
  const writer = told.writer;
  return card(t("run"), facts([
    [t("phase"), badge("phase", told.phase)],
    [t("mode"), t(`mode.${told.mode}`)],
    [t("market"), told.market],
    [t("profile"), told.profile],
    [t("interval"), told.interval],
    [t("started"), moment(told.started_ms)],
    [t("starts"), number(told.starts)],
    [t("process"), writer ? t("process.is", { pid: writer.pid ?? "?", }) : t("process.none")],
    of?.clock_speed > 1 && [t("speed"), `× ${number(of.clock_speed)}`],
    [t("version"), versions.run === versions.dashboard ? versions.run : t("version.two", versions)],
    ["Python · SQLite", `${versions.python} · ${versions.sqlite}`],
  ]), { key: "run" });
}

function size(bytes) {
  if (bytes === null || bytes === undefined) return "–";
  return bytes < 1 << 20 ? `${number(bytes / 1024, 1)} KiB` : `${number(bytes / (1 << 20), 1)} MiB`;
}

function journal({ journal: file, now_ms: now, process: of }) {
  const told = of?.journal;
  return card(t("journal"), facts([
    [t("file"), h("code", {}, file.path)],
    [t("size"), `${size(file.size)} + ${size(file.wal_size)}`],
    [t("written"), [moment(file.written_ms), ` · ${t("ago", { span: span(Math.max(0, now - file.written_ms)) })}`]],
    [t("newest.record"), moment(file.newest_ms)],
    [t("schema"), number(file.schema)],
    told && [t("commits"), number(told.commits)],
    told && [t("commit.times"), `${ms(told.commit_ms_p50)} · ${ms(told.commit_ms_p99)} · ${ms(told.commit_ms_max)}`],
  ]), { key: "journal" });
}

const ms = (value) => (value === null || value === undefined ? "–" : `${number(value, value < 10 ? 2 : 0)} ms`);

function process({ process: told, why_no_process: why }) {
  if (!told) return [card(t("process"), empty(t("process.silent"), why || t("process.silent.todo")), { key: "process" })];
  return [
    h("div", { class: "cards split" }, streams(told), budgets(told)),
    told.channels?.length > 0 && channels(told),
  ];
}

function streams({ streams: rows = [] }) {
  if (!rows.length) return card(t("streams"), empty(t("streams.none"), t("streams.none.todo")), { key: "streams" });
  const state = (row) => (row.is_up === false ? badge("stream", "down", "bad") : row.max_age_ms && row.age_ms > row.max_age_ms ? badge("stream", "old", "unsure") : badge("stream", "up", "good"));
  const columns = [
    { name: t("stream"), cell: (row) => row.name },
    { name: t("state"), cell: state },
    { name: t("age"), number: true, cell: (row) => seconds(row.age_ms) },
    { name: t("age.most"), number: true, cell: (row) => seconds(row.max_age_ms) },
    { name: t("reconnects"), number: true, cell: (row) => number(row.reconnects) },
  ];
  return card(t("streams"), table(t("streams"), columns, rows, { key: "streams", tall: true }), { key: "streams" });
}

function budgets({ weights = [], event_loop: loop }) {
  const rows = weights.map((row) => h("li", { "data-key": row.name }, h("span", {}, row.name), h("span", { class: "soft" }, `${number(row.used)} / ${number(row.limit)}`), gauge(row.name, row.limit ? row.used / row.limit : 0)));
  return card(t("budgets"), [
    rows.length ? h("ul", { class: "bars" }, rows) : h("p", { class: "note" }, t("budgets.none")),
    loop && facts([[t("lag"), ms(loop.lag_ms)], [t("lag.most"), `${ms(loop.max_lag_ms)} / ${number(loop.over_s)} s`]]),
  ], { key: "budgets" });
}

function channels({ channels: rows }) {
  const columns = [
    { name: t("channel"), cell: (row) => row.name },
    { name: t("state"), cell: (row) => badge("channel", row.is_failing ? "failing" : "fine", row.is_failing ? "bad" : "good") },
    { name: t("channel.waiting"), number: true, cell: (row) => number(row.waiting) },
    { name: t("channel.critical"), number: true, cell: (row) => number(row.undelivered_critical) },
  ];
  return card(t("channels"), table(t("channels"), columns, rows, { key: "channels" }), { key: "channels" });
}

function bots({ bots: rows }) {
  const columns = [
    { name: t("symbol"), cell: (row) => symbolLink(row.symbol) },
    { name: t("state"), cell: (row) => badge("bot", row.state) },
    { name: t("last_bar"), cell: (row) => moment(row.last_bar_ms), keep: true },
    { name: t("last_action"), cell: (row) => (row.last_action ? answered(row.last_action, row.last_refusal) : "–") },
    { name: t("detail"), wide: true, cell: (row) => [row.detail, row.last_refusal && named("refusal", row.last_refusal)].filter(Boolean).join(" · ") },
  ];
  return card(t("bots"), table(t("bots"), columns, rows, { key: "bots", tall: true }), { key: "bots" });
}
