/**
 * The keyboard. Keys are heard while the focus is on the labeler or nowhere in particular, and not
 * where they are typed as text. Keys of one character can be switched off (WCAG 2.1.4): then they
 * work with Alt alone.
 */

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
/** What also works while the person is at work beside the item. */
const ASIDE = new Set(["KeyF", "KeyH", "KeyG", "?", "/", "Escape"].map((name) => PLAIN[name]));
const PAGES = { PageDown: 1, PageUp: -1 };
const SWITCH = "groundwork:letter-keys";

/** Do digits and letters act without Alt? This browser remembers it. */
export const letters = {
  on: true,
  load() {
    try {
      this.on = localStorage.getItem(SWITCH) !== "off";
    } catch {
      // Without storage it is as it was chosen on this page.
    }
  },
  turn(on) {
    this.on = on;
    try {
      localStorage.setItem(SWITCH, on ? "on" : "off");
    } catch {
      // It holds until the page is left.
    }
  },
};

/** Listen for a view until the returned function is called. */
export function listen(view, root) {
  letters.load();
  view.letters();
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
  if (view.isIn(target) && isOurs && view.onPanelKey(event)) return consumed(event);
  if (isModalOpen(root) || event.ctrlKey || event.metaKey || isAltGraph(event)) return false;
  if (!event.altKey && !isOurs && !isAround(target, root)) return false;
  const isBusy = view.isIn(target);
  if (!isBusy && isTyped(event) && view.startTyping()) return (event.stopPropagation(), false);
  const act = event.altKey ? withAlt(event) : plain(event, view, target, isOurs);
  if (!act || (isBusy && !ASIDE.has(act))) return false;
  event.stopPropagation();
  if (!event.repeat) act(view);
  return true;
}

function consumed(event) {
  event.stopPropagation();
  return true;
}

/** A letter of any alphabet, which begins the name of a class where there are many. */
function isTyped({ key, code, altKey }) {
  if (!letters.on || altKey) return false;
  return /^\p{L}$/u.test(key) || (key === "Process" && code.startsWith("Key"));
}

/** Nothing has the focus, or what the labeler lies in (a part of the page that scrolls). */
function isAround(target, root) {
  return !(target instanceof Element) || target.contains(root.getRootNode().host ?? root);
}

/** Streamlit has keys of its own (C, R) that must not hear what is typed here. */
function inField(event, view, target) {
  event.stopPropagation();
  if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey) return false;
  const isClasses = target === view.classes.field;
  if (!isClasses && view.onPanelKey(event)) return true;
  if (event.altKey) return !isAltGraph(event) && run(beside(event, isClasses), event, view);
  if (!isClasses) return false;
  return inClasses(event, view, target);
}

function inClasses(event, view, target) {
  if (event.key in PAGES) return view.scroll(PAGES[event.key]);
  if (view.classes.onKey(event)) return true;
  if (event.key === "Escape") return view.close() || (view.leaveField(), true);
  const isSign = letters.on && !target.value && /^[?/+=-]$/.test(event.key);
  const act = isSign ? PLAIN[event.key] : null;
  return run(act, event, view);
}

function beside(event, isClasses) {
  const act = withAlt(event);
  return isClasses || ASIDE.has(act) ? act : null;
}

function run(act, event, view) {
  if (act && !event.repeat) act(view);
  return Boolean(act);
}

/** What Alt does besides: where single keys are off it is the way to all of them. */
function withAlt(event) {
  if (letters.on || COMMANDS[event.code]) return COMMANDS[event.code] ?? null;
  const digit = digitOf(event);
  return digit === null ? (PLAIN[event.code] ?? PLAIN[event.key] ?? null) : numbered(digit);
}

function numbered(digit) {
  return (view) => view.classes.number(digit);
}

function plain(event, view, target, isOurs) {
  if (event.key in PAGES && (isOurs || target === document.body))
    return (v) => v.scroll(PAGES[event.key]);
  const digit = digitOf(event);
  if (digit !== null) return letters.on ? numbered(digit) : null;
  if (event.key === "Enter")
    return entered(view, target) ?? heldButton(event, isOurs);
  if (event.key === " ") return heldButton(event, isOurs);
  if (!letters.on && event.key !== "Escape") return null;
  return PLAIN[event.key] ?? (event.shiftKey ? null : (PLAIN[letterOf(event)] ?? null));
}

/** Enter saves a multi-label answer or goes on at the end, unless it presses what has the focus. */
function entered(view, target) {
  if (target.closest?.("button, a, select, summary, [role=button]")) return null;
  if (view.canGoOn) return (v) => v.goOn();
  return view.classes.isMulti ? (v) => v.classes.save() : null;
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
