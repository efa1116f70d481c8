/** One's own answers: searched, and corrected. */

import { Classes } from "./classes.js";
import { button, el, key, mark, own, say } from "./dom.js";
import { letters } from "./keys.js";
import { answer, when } from "./words.js";

const AT_ONCE = 30;
const TYPING_PAUSE = 200;
const KINDS = { skip: "skipped", adjudicate: "decided" };

export class History {
  #session;
  #rows = new Map();
  #before = null;
  #asked = 0;
  #timer = null;

  constructor(session) {
    this.#session = session;
    this.#find = el("input", {
      type: "search",
      class: "find",
      "data-testid": "labeler-history-search",
      "aria-label": "Search in my answers",
      placeholder: "Search in texts and labels",
      oninput: () => this.#searchSoon(),
    });
    this.#list = el("ol", { class: "history", "data-testid": "labeler-history" });
    this.#said = el("p", { class: "quiet", role: "status" });
    this.#more = button({ class: "quiet-button", onclick: () => this.#load() }, "Show more");
    this.nodes = [this.#find, this.#said, this.#list, this.#more];
  }

  #find;
  #list;
  #said;
  #more;

  open() {
    this.#find.value = "";
    this.#correcting = null;
    this.#list.replaceChildren();
    this.#find.focus();
    this.#search();
  }

  #correcting = null;

  /** Keys typed where an answer is corrected: those of the classes, and Escape. */
  onKey(event) {
    const target = event.composedPath()[0];
    const { form, classes, cancel } = this.#correcting ?? {};
    if (!form?.contains(target) || event.isComposing || event.ctrlKey || event.metaKey) return false;
    if (target === classes.field && !event.altKey && classes.onKey(event)) return true;
    if (event.key === "Escape") return (cancel(), true);
    if (isNone(event, classes)) return (classes.none(), true);
    const isDigit = /^[0-9]$/.test(event.key) && event.altKey !== letters.on;
    return isDigit && target !== classes.field && !event.repeat && classes.number(Number(event.key));
  }

  #searchSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#search(), TYPING_PAUSE);
  }

  #search() {
    this.#before = null;
    return this.#load();
  }

  async #load() {
    const asked = ++this.#asked;
    try {
      const found = await this.#session.history(this.#find.value, this.#before, AT_ONCE);
      if (asked === this.#asked) this.#show(found);
    } catch {
      say(this.#said, "No connection: your history cannot be shown now.");
    }
  }

  #show({ rows, more }) {
    if (this.#before === null) {
      this.#list.replaceChildren();
      this.#rows.clear();
    }
    this.#list.append(...rows.map((row) => this.#row(row)));
    this.#before = rows.at(-1)?.seq ?? this.#before;
    this.#more.hidden = !more;
    say(this.#said, this.#list.children.length ? "" : this.#nothing());
  }

  #nothing() {
    return this.#find.value
      ? "None of your answers fits this search."
      : "You have not answered anything yet.";
  }

  #row(row) {
    row.stands = { uid: row.uid, value: row.value };
    const label = own(KINDS[row.kind] === "skipped" ? "skipped" : answer(row.value), "strong");
    const state = el("span", { class: "state", role: "status" });
    const node = el(
      "li",
      { "data-item": row.item },
      own(row.excerpt || "Image", "div", { class: "excerpt" }),
      el("div", { class: "meta" }, label, el("span", { class: "quiet" }, when(row.at)), state),
      row.can_correct ? this.#correction(row, label, state) : null,
    );
    return node;
  }

  #correction(row, label, state) {
    const place = el("div", { class: "correction" });
    const opener = button(
      {
        class: "small",
        "data-testid": "labeler-correct",
        "aria-expanded": "false",
        onclick: () => open(),
      },
      "Correct",
    );
    const close = () => {
      this.#correcting = null;
      opener.setAttribute("aria-expanded", "false");
      place.replaceChildren(opener);
      opener.focus();
    };
    const open = () => {
      this.#correcting?.cancel();
      this.#correcting = this.#form(
        row,
        (value) => {
          if (answer(value) !== answer(row.value)) this.#correct(row, value, label, state);
          close();
        },
        close,
      );
      opener.setAttribute("aria-expanded", "true");
      place.replaceChildren(this.#correcting.form);
      this.#correcting.start.focus();
    };
    place.append(opener);
    return place;
  }

  #form(row, save, cancel) {
    const item = { current: row.value };
    const state = el("span", { class: "quiet", role: "status" });
    const { labelSet } = this.#session;
    const hint = (text) => say(state, text);
    const classes = new Classes({ labelSet, current: item, answer: save }, hint, "correct-");
    classes.show(item);
    const leave = button({ class: "small", onclick: cancel }, key("Esc"), "Cancel");
    const form = el("div", { class: "form" }, classes.node, leave, state);
    return { form, classes, cancel, start: start(classes, row.value) };
  }

  #correct(row, value, label, state) {
    const uid = this.#session.correct(row.uid, row.item, value);
    Object.assign(row, { uid, value });
    say(label, answer(value));
    say(state, "Waiting to be saved");
    this.#rows.set(uid, { row, label, state });
  }

  /** The server's word on a correction made here. */
  receipt({ uid, value }, { state, message }) {
    const corrected = this.#rows.get(uid);
    if (!corrected) return;
    const { row, label, state: place } = corrected;
    if (state === "saved") row.stands = { uid, value };
    else if (row.uid === uid) Object.assign(row, row.stands);
    say(label, answer(row.value));
    say(place, state === "saved" ? "✓ Saved" : `Refused: ${message}`);
  }
}

/** Where the keys of a correction begin: the field, else Save, else the class that it was. */
function start({ field, isMulti, node }, value) {
  if (field) return field;
  if (isMulti) return node.querySelector(".save");
  const nodes = [...node.querySelectorAll(".class")];
  const current = nodes.find(({ dataset }) => dataset.class === value);
  if (current) mark(current, "aria-current", "true");
  return current ?? nodes[0];
}

function isNone({ code, altKey }, { isMulti, isLong }) {
  return isMulti && code === "KeyN" && altKey === (isLong || !letters.on);
}
