// Elements made of text and attributes, never of markup; and changed in place, so that focus and
// scroll positions outlive a refresh.

const SVG = "http://www.w3.org/2000/svg";
const HANDLERS = ["onclick", "onchange", "oninput", "onsubmit", "onkeydown"];

/** An element: attributes by name, handlers as "onclick" and the like, children as text or nodes. */
export function h(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for drawings. */
export function svg(tag, attributes, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element[name] = value;
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false || child === "") continue;
    element.append(child);
  }
  return element;
}

/** Make the children of `parent` those of `next`, keeping every node that can stay.
 *
 * What is inside an element with the same `data-keep` is left alone: a chart draws itself.
 */
export function morph(parent, next) {
  const news = [...next.childNodes];
  news.forEach((node, at) => {
    const old = parent.childNodes[at];
    if (!old) parent.append(node);
    else if (!isAlike(old, node)) old.replaceWith(node);
    else become(old, node);
  });
  while (parent.childNodes.length > news.length) parent.lastChild.remove();
}

function isAlike(one, other) {
  if (one.nodeType !== other.nodeType || one.nodeName !== other.nodeName) return false;
  if (one.nodeType !== Node.ELEMENT_NODE) return true;
  return (one.dataset.keep || one.dataset.key) === (other.dataset.keep || other.dataset.key);
}

function become(old, node) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== node.nodeValue) old.nodeValue = node.nodeValue;
    return;
  }
  if (old.dataset.keep) {
    if (node.hasAttribute("aria-label")) old.setAttribute("aria-label", node.getAttribute("aria-label"));
    return;
  }
  for (const { name } of [...old.attributes]) {
    // Set by the browser or by `watchScrolling`, not by a page.
    if (!node.hasAttribute(name) && name !== "open" && name !== "tabindex") old.removeAttribute(name);
  }
  for (const { name, value } of [...node.attributes]) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const name of HANDLERS) if (old[name] !== node[name]) old[name] = node[name];
  morph(old, node);
  if ("value" in old && old !== document.activeElement && old.value !== node.value) {
    old.value = node.value;
  }
}

/** Only what scrolls inside its own box needs to be reached by keyboard. */
const boxes = new ResizeObserver((seen) => seen.forEach(({ target }) => reachable(target)));

function reachable(box) {
  const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
  if (scrolls) box.setAttribute("tabindex", "0");
  else box.removeAttribute("tabindex");
}

export function watchScrolling(root) {
  for (const box of root.querySelectorAll(".scroll")) {
    boxes.observe(box);
    reachable(box);
  }
}
