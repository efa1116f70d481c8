/** One's own answers: searched, and corrected. */

import { button, el, own, say } from "./dom.js";
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
    this.#find.focus();
    this.#search();
  }

  onKey() {
    return false;
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
      opener.setAttribute("aria-expanded", "false");
      place.replaceChildren(opener);
      opener.focus();
    };
    const open = () => {
      const form = this.#form(
        row,
        (value) => {
          this.#correct(row, value, label, state);
          close();
        },
        close,
      );
      opener.setAttribute("aria-expanded", "true");
      place.replaceChildren(form);
      form.querySelector("select, input").focus();
    };
    place.append(opener);
    return place;
  }

  #form(row, save, cancel) {
    const choice = this.#session.labelSet.multi ? this.#several(row) : this.#one(row);
    return el(
      "div",
      { class: "form" },
      choice.node,
      button(
        {
          class: "small primary",
          "data-testid": "labeler-correct-save",
          onclick: () => save(choice.value()),
        },
        "Save",
      ),
      button({ class: "small", onclick: cancel }, "Cancel"),
    );
  }

  #one(row) {
    const options = this.#session.labelSet.classes.map(({ name }) =>
      el("option", { value: name, selected: name === row.value }, name),
    );
    const node = el("select", { "aria-label": "The right class" }, ...options);
    return { node, value: () => node.value };
  }

  #several(row) {
    const before = new Set(Array.isArray(row.value) ? row.value : []);
    const boxes = this.#session.labelSet.classes.map(({ name }) =>
      el("input", { type: "checkbox", value: name, checked: before.has(name) }),
    );
    const rows = boxes.map((box) => el("label", {}, box, own(box.value)));
    const node = el("fieldset", {}, el("legend", {}, "The right classes"), ...rows);
    return { node, value: () => boxes.filter((box) => box.checked).map((box) => box.value) };
  }

  #correct(row, value, label, state) {
    row.value = value;
    say(label, answer(value));
    say(state, "Waiting to be saved");
    this.#rows.set(this.#session.correct(row.uid, row.item, value), state);
  }

  /** The server's word on a correction made here. */
  receipt(op, { state, message }) {
    const place = this.#rows.get(op.uid);
    if (place) say(place, state === "saved" ? "✓ Saved" : `Refused: ${message}`);
  }
}
