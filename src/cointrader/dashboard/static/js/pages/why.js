// Why a bar did or did not trade, in one line.

import { h } from "../dom.js";
import { named, t } from "../i18n.js";

export function why(row) {
  if (row.refusal) {
    return h("span", {}, named("refusal", row.refusal, row.refusal_text), row.detail && h("small", {}, ` (${row.detail})`));
  }
  if (row.gate) return h("span", {}, named("gate", row.gate, row.gate_text));
  if (row.detail) return h("span", {}, row.detail);
  return h("span", { class: "soft" }, row.action === "HOLD" ? t("why.quiet") : t("why.done"));
}
