/** The keyboard. Keys are heard wherever the focus is, except where they are typed as text. */

const COMMANDS = {
  KeyS: (view) => view.skip(),
  KeyU: (view) => view.undo(),
  KeyF: (view) => view.toggle("flag"),
  KeyH: (view) => view.toggle("history"),
  KeyG: (view) => view.toggle("guideline"),
  KeyN: (view) => view.classes.none(),
};
const PLAIN = {
  ...COMMANDS,
  KeyZ: (view) => view.toggleZoom(),
  "?": (view) => view.toggle("help"),
  "/": (view) => view.rest(),
  "+": (view) => view.zoom("in"),
  "=": (view) => view.zoom("in"),
  "-": (view) => view.zoom("out"),
  Escape: (view) => view.close(),
};
const PAGES = { PageDown: 1, PageUp: -1 };

/** Listen for a view until the returned function is called. */
export function listen(view, root) {
  const onKey = (event) => {
    if (root.isConnected && isDone(event, view, root)) event.preventDefault();
  };
  window.addEventListener("keydown", onKey, true);
  return () => window.removeEventListener("keydown", onKey, true);
}

/** True if the key did something here and shall do nothing else. */
function isDone(event, view, root) {
  const target = event.composedPath()[0];
  const isOurs = target instanceof Node && root.contains(target);
  if (isEditable(target)) return isOurs && inField(event, view, target);
  if (isModalOpen(root) || event.ctrlKey || event.metaKey || isAltGraph(event)) return false;
  const act = event.altKey ? withAlt(event) : plain(event, view, target, isOurs);
  if (!act) return false;
  event.stopPropagation();
  if (!event.repeat) act(view);
  return true;
}

/** Streamlit has keys of its own (C, R) that must not hear what is typed here. */
function inField(event, view, target) {
  event.stopPropagation();
  if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey) return false;
  if (event.altKey) return !isAltGraph(event) && run(withAlt(event), event, view);
  if (target !== view.classes.field) return view.onPanelKey(event);
  return inClasses(event, view, target);
}

function inClasses(event, view, target) {
  if (event.key in PAGES) return view.scroll(PAGES[event.key]);
  if (view.classes.onKey(event)) return true;
  if (event.key === "Escape") return view.close() || (view.leaveField(), true);
  const act = !target.value && /^[?/+=-]$/.test(event.key) ? PLAIN[event.key] : null;
  return run(act, event, view);
}

function run(act, event, view) {
  if (act && !event.repeat) act(view);
  return Boolean(act);
}

function withAlt(event) {
  return COMMANDS[event.code] ?? null;
}

function plain(event, view, target, isOurs) {
  const isBusy = isOurs && view.isIn(target);
  if (event.key in PAGES && (isOurs || target === document.body))
    return (v) => v.scroll(PAGES[event.key]);
  const digit = digitOf(event);
  if (digit !== null) return isBusy ? null : (v) => v.classes.number(digit);
  if (event.key === "Enter")
    return savesBy(view, target) && !isBusy ? (v) => v.classes.save() : heldButton(event, isOurs);
  if (event.key === " ") return heldButton(event, isOurs);
  return PLAIN[event.key] ?? (event.shiftKey ? null : (PLAIN[letterOf(event)] ?? null));
}

/** Enter saves a multi-label answer, unless it presses what has the focus. */
function savesBy(view, target) {
  return view.classes.isMulti && !target.closest?.("button, a, select, summary, [role=button]");
}

/** A key that is held down presses a button once. */
function heldButton(event, isOurs) {
  return event.repeat && isOurs ? () => {} : null;
}

function digitOf({ key, code, shiftKey }) {
  if (/^[0-9]$/.test(key)) return Number(key);
  const place = /^(?:Digit|Numpad)([0-9])$/.exec(code);
  const isOther = key.length === 1 || key === "Process";
  return place && isOther && !shiftKey && code.startsWith("Digit") ? Number(place[1]) : null;
}

/** The letter that is printed, or its place where another alphabet is typed (ㄴ for S). */
function letterOf({ key, code }) {
  return /^[a-z]$/i.test(key) ? `Key${key.toUpperCase()}` : code;
}

function isAltGraph(event) {
  return Boolean(event.getModifierState?.("AltGraph"));
}

const TYPED = new Set([
  "text",
  "search",
  "email",
  "number",
  "password",
  "tel",
  "url",
  "date",
  "time",
]);

function isEditable(node) {
  if (!(node instanceof Element)) return false;
  if (node.matches("textarea, select, [role=combobox], [role=textbox], [role=slider]")) return true;
  return (node.matches("input") && TYPED.has(node.type)) || node.isContentEditable;
}

function isModalOpen(root) {
  const dialogs = document.querySelectorAll("dialog[open], [role=dialog], [aria-modal=true]");
  return [...dialogs].some((dialog) => !dialog.contains(root.getRootNode().host));
}
