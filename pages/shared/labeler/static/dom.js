/** Elements made from data. What comes from data only ever becomes text, never markup. */

/** A new element; properties that begin with "on" are listeners, false and null ones are left out. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) set(node, name, value);
  node.append(...children.flat().filter((child) => child !== null && child !== false));
  return node;
}

function set(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else node.setAttribute(name, value === true ? "" : String(value));
}

/** Text whose direction is its own: a label, a name, a title. */
export function own(text, tag = "span", props = {}) {
  return el(tag, { dir: "auto", ...props }, String(text));
}

export function key(name) {
  return el("kbd", { "aria-hidden": "true" }, name);
}

/** A button that a pointer can press without taking the focus from where the keys are typed. */
export function button(props, ...children) {
  return el("button", { type: "button", onmousedown: keepFocus, ...props }, ...children);
}

function keepFocus(event) {
  event.preventDefault();
}

/** Set an attribute only when it changes, so that nothing is drawn anew for nothing. */
export function mark(node, name, value) {
  if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
}

export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** The element that has the focus, also inside shadow roots. */
export function focused() {
  let node = document.activeElement;
  while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement;
  return node;
}
