/**
 * The classes of the label set: up to ten as buttons with number keys, more with a field to type in
 * (the combobox pattern: the focus stays in the field, the arrows move over the list).
 */

import { button, el, key, mark, own, say } from "./dom.js";
import { letters } from "./keys.js";
import { indexed, search } from "./match.js";
import { many, number } from "./words.js";

const MOST_BUTTONS = 10;
const NUMBERED = 10;
const MOST_RECENT = 8;
const MOST_LISTED = 300;

export class Classes {
  #session;
  #hint;
  #prefix;
  #labelSet;
  #chosen = new Set();
  #recent = [];
  #nodes = new Map();
  #listed = [];
  #active = -1;
  #pointed = null;
  #index = [];

  /** `session`: labelSet, current and answer(value); `prefix`: what sets ids apart in one screen. */
  constructor(session, hint, prefix = "") {
    this.#session = session;
    this.#hint = hint;
    this.#prefix = prefix;
    this.node = el("div", { class: "answers" });
    this.relabel();
  }

  get isLong() {
    return this.#labelSet.classes.length > MOST_BUTTONS;
  }

  get isMulti() {
    return Boolean(this.#labelSet.multi);
  }

  /** Where the keys are typed, if that is here. */
  get field() {
    return this.isLong ? this.#input : null;
  }

  #input = null;
  #list = null;
  #save = null;
  #picked = null;

  relabel() {
    this.#labelSet = this.#session.labelSet;
    this.#chosen.clear();
    this.#nodes.clear();
    this.#recent = [];
    this.#index = this.isLong ? this.#labelSet.classes.map(({ name }) => indexed(name)) : [];
    this.node.replaceChildren(...(this.isLong ? this.#combobox() : [this.#buttons()]));
    if (this.isMulti) this.node.append(this.#multi());
    if (this.isLong) this.#filter();
    this.#refresh();
    this.letters();
  }

  /** Another item is on the screen, or none. */
  show(item) {
    const before = item?.chosen ?? item?.current;
    this.#chosen = new Set(this.isMulti && Array.isArray(before) ? before : []);
    this.node.classList.toggle("asleep", !item);
    if (this.isLong && this.#input.value) {
      this.#input.value = "";
      this.#filter();
    } else if (this.isLong) this.#point(-1);
    this.#refresh();
  }

  /** Which keys choose: with Alt where single ones are switched off. */
  letters() {
    const alt = letters.on ? "" : "Alt+";
    for (const node of this.node.querySelectorAll("[data-key]"))
      mark(node, "aria-keyshortcuts", `${alt}${node.dataset.key}`);
  }

  // Choosing

  /** The class of a number key: 1 to 9, then 0. */
  number(digit) {
    const at = digit === 0 ? 9 : digit - 1;
    if (at >= this.#labelSet.classes.length) return false;
    this.pick(at);
    return true;
  }

  pick(at) {
    if (!this.#session.current) return;
    const { name } = this.#labelSet.classes[at];
    if (this.isMulti) this.#toggle(name);
    else this.#answer(name, [at]);
  }

  #toggle(name) {
    if (!this.#chosen.delete(name)) this.#chosen.add(name);
    if (this.isLong && this.#input.value) {
      this.#input.value = "";
      this.#filter();
    }
    this.#refresh();
  }

  /** Multi-label: what is chosen is the answer. Nothing chosen must be said, not fallen into. */
  save() {
    if (!this.#session.current) return;
    const at = this.#labelSet.classes.flatMap(({ name }, i) => (this.#chosen.has(name) ? [i] : []));
    if (!at.length) return this.#hint("Choose at least one class, or press N for none of these.");
    this.#answer(
      at.map((i) => this.#labelSet.classes[i].name),
      at,
    );
  }

  none() {
    if (this.isMulti && this.#session.current) this.#answer([], []);
  }

  #answer(value, indices) {
    const fresh = indices.filter((at) => !this.#recent.includes(at));
    this.#recent = [...this.#recent, ...fresh].slice(-MOST_RECENT);
    this.#session.answer(value);
  }

  // Keys in the field

  /** True if the key was for this field and did something. */
  onKey(event) {
    const { value } = this.#input;
    if (event.key === "ArrowDown" || event.key === "ArrowUp")
      return this.#move(event.key === "ArrowDown" ? 1 : -1);
    if (event.key === "Enter") return event.repeat || this.#enter(value);
    if (event.key === "Escape" && value) return this.#clear();
    if (!value && letters.on && /^[0-9]$/.test(event.key))
      return event.repeat || this.number(Number(event.key));
    return false;
  }

  #enter(value) {
    const at = this.#listed[this.#active];
    if (at !== undefined) this.pick(at);
    else if (!value && this.isMulti) this.save();
    return true;
  }

  #clear() {
    this.#input.value = "";
    this.#filter();
    return true;
  }

  #move(by) {
    const last = this.#listed.length - 1;
    const to = this.#active + by;
    this.#point(to < -1 ? last : to > last ? 0 : to);
    return true;
  }

  // What is drawn

  #buttons() {
    const nodes = this.#labelSet.classes.map((_, at) => this.#button(at));
    return el("div", { class: "classes", role: "group", "aria-label": "Classes" }, ...nodes);
  }

  #button(at) {
    const { name, means } = this.#labelSet.classes[at];
    const digit = String((at + 1) % 10);
    const props = { class: "class", "data-testid": this.#id("class"), "data-class": name };
    const node = button(
      { ...props, title: means || null, "data-key": digit, onclick: () => this.pick(at) },
      key(digit),
      own(name, "span", { class: "name" }),
    );
    this.#nodes.set(at, node);
    return node;
  }

  #id(name) {
    return `labeler-${this.#prefix}${name}`;
  }

  #combobox() {
    const count = this.#labelSet.classes.length;
    this.#list = el("div", {
      class: "list",
      id: `${this.#prefix}classes`,
      role: "listbox",
      "aria-label": "Classes",
    });
    if (this.isMulti) this.#list.setAttribute("aria-multiselectable", "true");
    this.#input = el("input", {
      class: "find",
      type: "text",
      role: "combobox",
      "data-testid": this.#id("find"),
      "aria-label": `Class: type a few letters of one of ${count}`,
      "aria-expanded": "true",
      "aria-controls": `${this.#prefix}classes`,
      "aria-autocomplete": "list",
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
      placeholder: `Type to find one of ${count} classes`,
      oninput: () => this.#filter(),
    });
    return [this.#input, this.#list];
  }

  #option(at) {
    if (!this.#nodes.has(at)) this.#nodes.set(at, this.#newOption(at));
    return this.#nodes.get(at);
  }

  #newOption(at) {
    const { name, means } = this.#labelSet.classes[at];
    const node = el(
      "div",
      { class: "option", role: "option", id: `${this.#prefix}class-${at}`, title: means || null },
      at < NUMBERED ? key(String((at + 1) % 10)) : null,
      own(name, "span", { class: "name" }),
    );
    mark(node, "data-testid", this.#id("class"));
    mark(node, "data-class", name);
    node.addEventListener("mousedown", (event) => event.preventDefault());
    node.addEventListener("click", () => this.pick(at));
    return node;
  }

  #filter() {
    const typed = this.#input.value.trim();
    this.#listed = typed ? search(this.#index, typed, this.#recent) : this.#index.map((_, at) => at);
    const shown = this.#listed.slice(0, MOST_LISTED);
    this.#list.replaceChildren(...shown.map((at) => this.#option(at)), ...this.#rest(typed));
    this.#list.scrollTop = 0;
    this.#listed = shown;
    this.#point(typed && shown.length ? 0 : -1);
    this.#refresh();
  }

  #rest(typed) {
    const more = this.#listed.length - MOST_LISTED;
    if (!this.#listed.length)
      return [el("p", { class: "quiet", role: "presentation" }, `No class fits “${typed}”.`)];
    return more > 0
      ? [
          el(
            "p",
            { class: "quiet", role: "presentation" },
            `${number(more)} more: type to find them.`,
          ),
        ]
      : [];
  }

  #point(to) {
    this.#pointed?.classList.remove("active");
    this.#active = to;
    const node = this.#nodes.get(this.#listed[to]);
    this.#pointed = node;
    if (!node) return this.#input.removeAttribute("aria-activedescendant");
    node.classList.add("active");
    mark(this.#input, "aria-activedescendant", node.id);
    return this.#reveal(node);
  }

  /** Scroll the list alone, never the page. */
  #reveal(node) {
    const top = node.offsetTop - this.#list.offsetTop;
    const below = top + node.offsetHeight - this.#list.clientHeight;
    this.#list.scrollTop = Math.max(below, Math.min(top, this.#list.scrollTop));
  }

  #multi() {
    this.#save = button({
      class: "save primary",
      "data-testid": this.#id("save"),
      "aria-keyshortcuts": "Enter",
      onclick: () => this.save(),
    });
    const none = button(
      {
        class: "quiet-button",
        "data-testid": this.#id("none"),
        "data-key": "n",
        onclick: () => this.none(),
      },
      key(this.isLong ? "Alt N" : "N"),
      "None of these",
    );
    this.#picked = el("span", { class: "picked", "aria-live": "polite" });
    return el("div", { class: "multi" }, this.#save, none, this.#picked);
  }

  #refresh() {
    if (this.isMulti) this.#refreshMulti();
    for (const [at, node] of this.#nodes) this.#refreshOne(node, this.#labelSet.classes[at].name);
  }

  #refreshOne(node, name) {
    if (this.isLong || this.isMulti)
      mark(node, this.isLong ? "aria-selected" : "aria-pressed", this.#chosen.has(name));
  }

  #refreshMulti() {
    const size = this.#chosen.size;
    this.#save.replaceChildren(
      key("Enter"),
      size ? `Save ${many(size, "class", "classes")}` : "Save",
    );
    const names = this.#labelSet.classes
      .map(({ name }) => name)
      .filter((name) => this.#chosen.has(name));
    say(this.#picked, names.length ? `Chosen: ${names.join(", ")}` : "Nothing chosen yet");
  }
}
