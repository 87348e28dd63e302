// Long lists: the newest rows, and older ones when they are asked for.

import { Refusal } from "../api.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";

/** The newest rows, followed by older ones that were asked for before under the same filters. */
export function withOlder(list, name, before, about, key) {
  const news = list[name];
  if (!before?.wasExtended || before.about !== about) return { ...list, about };
  const seen = new Set(news.map(key));
  return { ...list, about, wasExtended: true, next: before.next, [name]: [...news, ...before[name].filter((row) => !seen.has(key(row)))] };
}

/** A button for older rows, which are added to `data` in place. */
export function older(data, name, load, draw) {
  if (!data.next) return null;
  return h("p", { class: "note" }, h("button", {
    type: "button",
    onclick: async (event) => {
      const button = event.currentTarget;
      button.disabled = true;
      try {
        const more = await load(data.next);
        Object.assign(data, { next: more.next, looked_to_ms: more.looked_to_ms, wasExtended: true, [name]: [...data[name], ...more[name]] });
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
      button.disabled = false;
      draw();
    },
  }, t("older")));
}
