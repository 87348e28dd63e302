// The way in: the token that the process printed when it started.

import { Refusal } from "../api.js";
import { h } from "../dom.js";
import { LANGUAGES, language, t } from "../i18n.js";

/** The form; `enter(token)` logs in or throws a `Refusal`. */
export function loginView({ enter, setLanguage }) {
  const problem = h("p", { class: "problem", role: "alert", id: "login-problem" });
  const token = h("input", {
    type: "password", name: "token", autocomplete: "current-password", required: true, spellcheck: "false", "aria-describedby": "login-how login-problem",
  });
  const button = h("button", { type: "submit", class: "main" }, t("login"));

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    problem.textContent = "";
    try {
      await enter(token.value.trim());
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      problem.textContent = words(error);
      button.disabled = false;
      token.select();
      token.focus();
    }
  }

  return h("main", { class: "login" }, h("div", { class: "card" }, h("form", { onsubmit: submit },
    h("h1", { class: "brand" }, "cointrader"),
    h("p", { class: "note", id: "login-how" }, t("login.how")),
    h("input", { type: "text", name: "username", autocomplete: "username", value: "cointrader", hidden: true, readonly: true, tabindex: "-1" }), // for password keepers
    h("label", {}, t("login.token"), token),
    problem, button,
    h("label", {}, h("span", { class: "soft" }, t("language")),
      h("select", { onchange: (event) => setLanguage(event.target.value) }, Object.entries(LANGUAGES).map(([value, name]) => h("option", { value, selected: value === language() }, name)))))));
}

function words(error) {
  if (error.status === 401) return t("login.wrong");
  if (error.status === 429) return t("login.slower");
  if (error.code === "unreachable") return t("error.unreachable");
  return [error.text, error.todo].filter(Boolean).join(" ");
}
