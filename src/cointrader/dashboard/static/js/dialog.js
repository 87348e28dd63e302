// A question before something is done: what will happen, to what, and what came of it.

import { h } from "./dom.js";
import { t } from "./i18n.js";

let count = 0;

/** Ask, act and show the answer. The promise ends when the dialog is closed.
 *
 * `title`, `does` (sentences: what will happen), `facts` ([name, value] pairs: symbol, position),
 * `action` (the second button's words), `isGrave`, `word` (to be typed first, where given) and
 * `act()`, which answers {ok, lines}.
 */
export function confirm({ title, does, facts = [], action, isGrave = false, word = "", act }) {
  const id = `dialog-${(count += 1)}`;
  const answer = h("div", { class: "answer", role: "status" });
  const close = h("button", { type: "button", class: "quiet" }, t("dialog.cancel"));
  const go = h("button", { type: "submit", class: isGrave ? "grave" : "main", disabled: Boolean(word) }, action);
  const typed = word && h("input", {
    type: "text", autocomplete: "off", autocapitalize: "characters", spellcheck: "false", id: `${id}-word`,
  });
  if (typed) typed.oninput = () => { go.disabled = typed.value.trim().toUpperCase() !== word.toUpperCase(); };

  const form = h("form", { method: "dialog" },
    h("h2", { id: `${id}-title` }, title),
    h("div", { id: `${id}-does` }, does.map((sentence) => h("p", {}, sentence))),
    facts.length > 0 && h("dl", { class: "facts" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    typed && h("p", { class: "typed" }, h("label", { for: `${id}-word` }, t("dialog.type", { word })), typed),
    answer,
    h("div", { class: "buttons" }, close, go),
  );
  const box = h("dialog", { "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-does` }, form);

  close.onclick = () => box.close();
  form.onsubmit = async (event) => {
    event.preventDefault();
    if (go.disabled) return;
    go.disabled = true;
    if (typed) typed.disabled = true;
    answer.className = "answer";
    answer.replaceChildren(h("p", {}, t("dialog.asking")));
    const { ok, lines } = await act();
    answer.className = `answer ${ok ? "good" : "bad"}`;
    answer.replaceChildren(h("p", {}, h("strong", {}, t(ok ? "dialog.done" : "dialog.failed"))), ...lines.map((line) => h("p", {}, line)));
    go.remove();
    close.textContent = t("dialog.close");
    close.focus();
  };

  const from = document.activeElement;
  document.body.append(box);
  box.showModal();
  (typed || close).focus();
  return new Promise((resolve) => {
    box.addEventListener("close", () => {
      box.remove();
      if (from instanceof HTMLElement && from.isConnected) from.focus();
      resolve();
    });
  });
}
