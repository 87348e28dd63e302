// Light, dark, or as the system says; colours for what draws on a canvas.

const KEPT = "cointrader.theme";
const listeners = new Set();
const system = window.matchMedia("(prefers-color-scheme: dark)");

export function theme() {
  return localStorage.getItem(KEPT) || "system";
}

export function setTheme(name) {
  if (name === "system") localStorage.removeItem(KEPT);
  else localStorage.setItem(KEPT, name);
  apply();
}

export function apply() {
  const name = theme();
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  listeners.forEach((listener) => listener());
}

/** Call `listener` whenever colours change, until the answer is called. */
export function onTheme(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

system.addEventListener("change", () => listeners.forEach((listener) => listener()));

/** A colour of the style sheet as canvases understand it: [red, green, blue]. */
function parts(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3);
  probe.remove();
  return found;
}

export function colour(name, alpha = 1) {
  const [red, green, blue] = parts(name);
  return alpha === 1 ? `rgb(${red}, ${green}, ${blue})` : `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}
