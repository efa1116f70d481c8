/** The screen of a session. It is made once; from item to item only what changes is changed. */

import { Aloud } from "./aloud.js";
import { Classes } from "./classes.js";
import { button, el, focused, key, mark, own, say } from "./dom.js";
import { History } from "./history.js";
import { build, hidden, zoom } from "./item.js";
import { letters } from "./keys.js";
import { about, badges, flag, guideline, help, suggestion } from "./panels.js";
import { summary } from "./summary.js";
import { answer, many, minutes, number, when } from "./words.js";

const READ_ALOUD = 300;
const AFTER_A_FRAME = 40;
const TITLES = {
  about: "About this item",
  guideline: "Guideline",
  history: "My history",
  help: "Keys",
  flag: "A note",
};

export class View {
  #session;
  #built = { item: null, node: null };
  #open = "about";
  #panel = null;
  #part = {};
  #hasLeft = false;
  #aloud = new Aloud();
  #trouble = "";
  #latest = "";

  constructor(session) {
    this.#session = session;
    this.#classes = new Classes(session, (text) => this.say(text));
    this.#history = new History(session);
    this.root = this.#frame();
    this.#draw("about");
  }

  #classes;
  #history;

  #frame() {
    return el(
      "div",
      {
        class: "labeler",
        "data-testid": "labeler",
        "data-item": "",
        "data-saved": 0,
        "data-waiting": 0,
        "data-refused": 0,
        "data-state": "loading",
      },
      this.#bar(),
      el("div", { class: "halves" }, this.#work(), this.#side()),
      this.#node("aloud", "div", { class: "aloud", "aria-live": "polite" }),
      this.#aloud.node,
    );
  }

  #node(name, tag, props = {}, ...children) {
    this.#part[name] = el(tag, props, ...children);
    return this.#part[name];
  }

  #bar() {
    return el(
      "div",
      { class: "top" },
      el(
        "div",
        { class: "progress" },
        this.#node("bar", "progress", { max: 1, value: 0, "aria-label": "Answered in this queue" }),
        el(
          "div",
          { class: "counts" },
          this.#node("count", "strong"),
          this.#node("pace", "span", { class: "quiet" }),
        ),
      ),
      el(
        "div",
        { class: "kept" },
        this.#node("receipts", "div", { class: "receipts", "data-testid": "labeler-receipts" }),
        this.#node("others", "div", { class: "quiet", "data-testid": "labeler-others" }),
      ),
    );
  }

  #work() {
    return el(
      "section",
      { class: "work", "aria-label": "The item and its classes" },
      el(
        "div",
        { class: "head" },
        this.#node("badges", "div", { class: "badges" }),
        this.#node("more", "div", { class: "more" }),
        this.#tools(),
      ),
      this.#node("box", "div", {
        class: "item",
        tabindex: 0,
        role: "region",
        "aria-label": "Item to label",
        "data-testid": "labeler-item",
        onscroll: () => this.#below(),
      }),
      el("div", { class: "below", "aria-hidden": "true" }, el("span", {}, "more ↓")),
      this.#node("votes", "div", {
        class: "votes",
        role: "region",
        "aria-label": "Answers so far",
        tabindex: 0,
        hidden: true,
      }),
      this.#node("hint", "div", { class: "hint" }),
      this.#classes.node,
      this.#actions(),
      el(
        "div",
        { class: "told" },
        this.#node("said", "p", { class: "said quiet" }),
        this.#node("refused", "div", {
          class: "refused",
          role: "alert",
          "data-testid": "labeler-refused",
          hidden: true,
        }),
      ),
    );
  }

  #tools() {
    const tool = (to, name, label) =>
      button(
        { class: "small", "aria-label": label, title: label, onclick: () => this.zoom(to) },
        name,
      );
    return this.#node(
      "tools",
      "div",
      { class: "tools", role: "group", "aria-label": "Size of the image", hidden: true },
      tool("fit", "Fit", "Show the whole image"),
      tool("whole", "100 %", "Show the image in its own size"),
      tool("out", "−", "Smaller"),
      tool("in", "+", "Larger"),
      this.#node("zoom", "span", { class: "quiet zoom" }),
    );
  }

  #actions() {
    const rows = [
      ["skip", "S", "Skip", () => this.skip()],
      ["undo", "U", "Undo", () => this.undo()],
      ["flag", "F", "Note", () => this.toggle("flag")],
      ["history", "H", "My history", () => this.toggle("history")],
      ["guideline", "G", "Guideline", () => this.toggle("guideline")],
      ["help", "?", "Keys", () => this.toggle("help")],
    ];
    return this.#node(
      "actions",
      "div",
      { class: "actions", role: "group", "aria-label": "What else to do" },
      alt(),
      ...rows.map((row) => this.#action(row)),
    );
  }

  #action([name, letter, label, onclick]) {
    const opens = name in TITLES;
    const id = opens ? `labeler-open-${name}` : `labeler-${name}`;
    const props = { class: "quiet-button", "data-testid": id, onclick };
    return (this.#part[`do-${name}`] = button(
      { ...props, "data-opens": opens ? name : null, "aria-expanded": opens ? "false" : null },
      key(letter),
      label,
    ));
  }

  #side() {
    const close = button(
      { class: "close small", "aria-label": "Close", onclick: () => this.close() },
      "✕",
    );
    return this.#node(
      "side",
      "aside",
      {
        class: "side",
        "aria-label": "Beside the item",
        tabindex: 0,
        "data-testid": "labeler-panel",
      },
      el("div", { class: "side-head" }, this.#node("title", "h2"), (this.#part.close = close)),
      this.#node("panel", "div", { class: "panel" }),
    );
  }

  // Called by the session

  show() {
    const { current } = this.#session;
    const { box, side } = this.#part;
    toTop(box);
    toTop(side);
    box.replaceChildren(current ? this.#take(current) : summary(this.#session));
    box.classList.toggle("empty", !current);
    this.#classes.show(current);
    this.#atTheEnd(!current && Boolean(this.#session.summary));
    this.#surroundings(current);
    if (this.#open === "about" || this.#open === "flag") this.#draw("about");
    side.classList.toggle("idle", !current && this.#open === "about");
    this.refresh();
    if (this.#isFree(focused())) this.rest();
    setTimeout(() => this.#afterwards(), AFTER_A_FRAME);
  }

  /** The style sheet is there: be seen, and take the focus from what led here, this once. */
  wake() {
    this.root.hidden = false;
    this.rest();
    this.refresh();
  }

  /** Nobody looks here any more. */
  end() {
    this.#aloud.stop();
  }

  /** May the focus be moved? Not out of a field, nor back into one that the person has left. */
  #isFree(node) {
    if (!node || node === document.body) return true;
    return node === this.#part.box && this.#classes.field !== null && !this.#hasLeft;
  }

  #take(item) {
    const node = this.#built.item === item ? this.#built.node : build(item, this.#session.images);
    this.#built = { item: null, node: null };
    return node;
  }

  #atTheEnd(isEnd) {
    this.root.classList.remove("has-more");
    for (const name of ["skip", "flag"]) this.#part[`do-${name}`].hidden = isEnd;
  }

  #surroundings(item) {
    const { badges: top, hint, tools, votes, more } = this.#part;
    this.root.classList.toggle("long", this.#classes.isLong);
    this.root.classList.toggle("review", Boolean(this.#session.review));
    top.replaceChildren(...badges(item, this.#session.review).filter(Boolean));
    hint.replaceChildren(...suggestion(item));
    tools.hidden = item?.kind !== "image";
    say(this.#part.zoom, "");
    votes.hidden = !this.#session.review && !item?.answers?.length;
    if (!votes.hidden) votes.replaceChildren(...(item?.answers ?? []).map(vote));
    more.replaceChildren(...(item ? this.#showAll(item) : []));
  }

  #showAll(item) {
    const all = hidden(item);
    if (!all) return [];
    const text = `Show all ${number(all)} characters`;
    return [
      button(
        { class: "small", "data-testid": "labeler-show-all", onclick: () => this.#fill(item) },
        text,
      ),
    ];
  }

  async #fill(item) {
    say(this.#part.more, "Loading…");
    try {
      const whole = await this.#session.whole(item.item);
      item.fields = whole.fields;
      if (this.#session.current !== item) return;
      this.#part.box.replaceChildren(build(item, this.#session.images));
      this.#part.more.replaceChildren();
    } catch {
      if (this.#session.current === item) this.#part.more.replaceChildren(...this.#showAll(item));
      this.say("No connection: the rest of the item cannot be shown now.");
    }
  }

  /** Is there more of the item further down? Asked only once it has been drawn. */
  #below() {
    const { box } = this.#part;
    const rest = box.scrollHeight - box.clientHeight - box.scrollTop;
    this.root.classList.toggle("has-more", rest > 4);
  }

  #afterwards() {
    const { current, next, images } = this.#session;
    this.#below();
    if (current) say(this.#part.aloud, `Next item: ${excerpt(current)}`);
    if (next && this.#built.item !== next) this.#built = { item: next, node: build(next, images) };
  }

  prefetch(items) {
    for (const item of items)
      if (item.kind === "image") this.#session.images.get(item.item).catch(() => {});
    if (this.#session.current) this.#afterwards();
  }

  answered(kind, value) {
    this.#latest = kind === "skip" ? "Skipped." : `You said ${answer(value)}.`;
    say(this.#part.said, `${this.#latest} U takes it back.`);
  }

  /** `stands`: the earlier answer that counts again, where the one taken back was a correction. */
  tookBack(value, { correction = false, stands = null } = {}) {
    const what = value === null ? "the skip" : answer(value);
    const again = stands && (stands.kind === "skip" ? "a skip" : answer(stands.value));
    if (stands) this.say(`You said ${again}: it stands again. Took back ${what}.`);
    else if (correction) this.say(`Took back the correction to ${what}.`);
    else this.say(`Took back ${what}: here it is again.`);
  }

  notes() {
    if (this.#open === "about") this.#draw("about");
  }

  receipt(op, receipt) {
    this.#history.receipt(op, receipt);
  }

  relabel() {
    this.#classes.relabel();
    if (this.#open !== "history" && this.#open !== "flag") this.#draw(this.#open);
  }

  say(text) {
    this.#latest = "";
    say(this.#part.said, text);
    this.#aloud.now(text);
  }

  /** Which keys act was chosen. */
  letters() {
    this.root.classList.toggle("alt-only", !letters.on);
    this.#classes.letters();
  }

  /** Counters, state, what was refused: cheap, called after every exchange. */
  refresh() {
    const { session, root } = { session: this.#session, root: this.root };
    if (!session.outbox) return;
    mark(root, "data-item", session.current?.item ?? "");
    mark(root, "data-saved", session.saved);
    mark(root, "data-waiting", session.outbox.waiting);
    mark(root, "data-refused", session.outbox.refused.length);
    mark(root, "data-state", root.hidden ? "loading" : session.state);
    this.#receipts();
    this.#progress();
    this.#refusals();
    const waiting = session.current ? null : this.#part.box.querySelector(".waiting");
    if (waiting)
      say(
        waiting,
        session.trouble
          ? "The next item comes when there is a connection."
          : "Looking for the next item…",
      );
  }

  #receipts() {
    const { receipts, others } = this.#part;
    const { trouble, outbox } = this.#session;
    const [before, now] = [receipts.textContent, this.#counter()];
    say(receipts, now);
    say(others, outbox.others.map(left).join(" "));
    receipts.classList.toggle("trouble", Boolean(trouble) || outbox.onlyInMemory);
    receipts.classList.toggle("bad", outbox.refused.length > 0);
    const told = trouble ? `${sayTrouble(trouble)}; your answers are kept.` : "";
    if (told !== this.#trouble) this.#aloud.now(told || `Connected again. ${now}.`);
    else if (before && before !== now) this.#aloud.soon(() => this.#account());
    this.#trouble = told;
  }

  #account() {
    const latest = this.#latest && `${this.#latest} `;
    this.#latest = "";
    return `${latest}${this.#counter()}.`;
  }

  #counter() {
    const { saved, outbox, trouble } = this.#session;
    const kept = outbox.onlyInMemory
      ? "this browser cannot keep them, so leave this tab open"
      : "they are kept in this browser";
    const why = trouble ? `: ${sayTrouble(trouble)}` : "";
    const where = outbox.waiting && (trouble || outbox.onlyInMemory) ? `; ${kept}` : "";
    const refused = outbox.refused.length ? `, ${number(outbox.refused.length)} refused` : "";
    return `${number(saved)} saved${refused}, ${number(outbox.waiting)} waiting${why}${where}`;
  }

  #progress() {
    const { progress, uncounted, summary: finished } = this.#session;
    if (!progress) return;
    const answered = Math.max(0, Math.min(progress.answered + uncounted, progress.total));
    this.#part.bar.max = Math.max(progress.total, 1);
    this.#part.bar.value = answered;
    const [counted, paced] = counts(progress, uncounted, answered, Boolean(finished));
    say(this.#part.count, counted);
    say(this.#part.pace, paced);
  }

  #refusals() {
    const { refused } = this.#session.outbox;
    const shown = this.#part.refused;
    const ids = refused.map(({ op }) => op.uid).join();
    if (shown.dataset.ids === ids) return;
    shown.dataset.ids = ids;
    shown.hidden = !refused.length;
    const rows = refused.map((entry) => this.#refusal(entry));
    const title = `${many(refused.length, "answer")} refused by the server`;
    shown.replaceChildren(
      el("h3", {}, title),
      el("ul", {}, ...rows),
    );
  }

  #refusal({ op, message }) {
    const copy = button({ class: "small", onclick: () => this.#copy(op, message) }, "Copy");
    return el(
      "li",
      {},
      el(
        "div",
        {},
        own(op.value === null ? op.kind : answer(op.value), "strong"),
        el("span", { class: "quiet" }, ` ${op.kind}, ${when(op.at)}`),
      ),
      own(message, "div"),
      el(
        "div",
        { class: "row" },
        copy,
        button({ class: "small", onclick: () => this.#session.retry(op.uid) }, "Send again"),
        button(
          {
            class: "small",
            "data-testid": "labeler-discard",
            onclick: () => this.#session.discard(op.uid),
          },
          "Discard",
        ),
      ),
    );
  }

  async #copy(op, message) {
    try {
      await navigator.clipboard.writeText(JSON.stringify({ ...op, refused: message }, null, 2));
      this.say("Copied.");
    } catch {
      this.say("This browser does not allow copying here.");
    }
  }

  // What the person does

  get canGoOn() {
    return !this.#session.current && Boolean(this.#session.summary?.can_go_on);
  }

  goOn() {
    this.#session.goOn();
  }

  /** Where there are many classes, what is typed goes to their field; false if there is none. */
  startTyping() {
    const { field } = this.#classes;
    if (!field || !this.#session.current) return false;
    this.#hasLeft = false;
    field.focus({ preventScroll: true });
    return true;
  }

  skip() {
    this.#session.skip();
  }

  undo() {
    return this.#session.undo();
  }

  get classes() {
    return this.#classes;
  }

  zoom(to) {
    const scale = zoom(this.#part.box, to);
    if (scale) say(this.#part.zoom, `${Math.round(100 * scale)} %`);
    return scale !== null;
  }

  toggleZoom() {
    return this.zoom(this.#part.box.querySelector("img.fit") ? "whole" : "fit");
  }

  scroll(pages) {
    const { box } = this.#part;
    box.scrollBy(0, 0.85 * pages * box.clientHeight);
    return true;
  }

  /** Open a panel beside the item, or close it. */
  toggle(name) {
    if (this.#open === name) return this.close();
    if (name === "flag" && !this.#session.current) return undefined;
    toTop(this.#part.side);
    return this.#draw(name);
  }

  close() {
    if (this.#open === "about") return false;
    this.#draw("about");
    this.rest();
    return true;
  }

  #draw(name) {
    this.#open = name;
    this.#panel = null;
    const { panel, title, close, side, actions } = this.#part;
    say(title, TITLES[name]);
    close.hidden = name === "about";
    side.classList.toggle("open", name !== "about");
    side.classList.toggle("idle", name === "about" && !this.#session.current);
    panel.replaceChildren(...this.#content(name).filter(Boolean));
    for (const opener of actions.querySelectorAll("[data-opens]"))
      mark(opener, "aria-expanded", opener.dataset.opens === name);
    (this.#panel?.open ?? this.#panel?.focus)?.call(this.#panel);
  }

  #content(name) {
    if (name === "history") this.#panel = this.#history;
    if (name === "flag") this.#panel = flag((text) => this.#flagged(text));
    if (this.#panel) return this.#panel.nodes;
    return { about, guideline, help }[name](this.#session, () => this.letters());
  }

  /** A note that is being written when its item is answered belongs to that item. */
  keepNote() {
    this.#panel?.keep?.();
  }

  #flagged(text) {
    if (text) {
      this.#session.flag(text);
      this.say("Your note is kept with the item.");
    }
    this.close();
  }

  /** The focus goes where the keys are typed. */
  rest() {
    const onTouch = matchMedia("(pointer: coarse)").matches;
    const { field } = this.#classes;
    this.#hasLeft = false;
    (field && !onTouch && this.#session.current ? field : this.#part.box).focus({
      preventScroll: true,
    });
  }

  restIfFree() {
    if (this.#isFree(focused())) this.rest();
  }

  leaveField() {
    this.#hasLeft = true;
    this.#part.box.focus({ preventScroll: true });
  }

  /** Is the person at work beside the item, or just fallen out of there? Then nothing is an answer. */
  isIn(node) {
    if (this.#open === "about" || !(node instanceof Node)) return false;
    return this.#part.side.contains(node) || (this.#panel !== null && !this.root.contains(node));
  }

  /** A key typed in one of our own fields that is not the classes' one. */
  onPanelKey(event) {
    if (this.#panel?.onKey(event)) return true;
    return event.key === "Escape" && this.close();
  }
}

/** Before anything changes in it: a question about places costs a layout afterwards. */
function toTop(box) {
  if (box.scrollTop || box.scrollLeft) box.scrollTo(0, 0);
}

/** Where classes are typed, the letters of the commands need one key more. */
function alt() {
  return el("span", { class: "alt" }, key("Alt"), "with");
}

function sayTrouble({ kind, message }) {
  return (
    { offline: "no connection", expired: "signing in again" }[kind] ?? message.replace(/\.$/, "")
  );
}

/** What waits in this browser until the one who gave it, or the project, is open here again. */
function left({ annotator, title, isMine, n }) {
  const them = n === 1 ? "it" : "them";
  const where = title === null ? "" : ` in ${title || "another project"}`;
  const whose = isMine ? "of yours" : `of ${annotator}`;
  const open = isMine ? "open it" : `open it as ${annotator}`;
  const waits = `${many(n, "answer")} ${whose}${where} wait${n === 1 ? "s" : ""}`;
  return `${waits} in this browser: ${open} to send ${them}.`;
}

/** How far it is, in two lines; where items are answered by several people, one's own items first. */
function counts(progress, uncounted, answered, isFinished) {
  const { mine, total, items = total } = progress;
  const own = Math.max(0, Math.min(mine + uncounted, answered, items));
  const byYou = `${number(own)} by you`;
  const pacing = pace(progress, isFinished || answered >= total);
  const all = `${number(answered)} of ${number(total)} `;
  return total > items
    ? [`${number(own)} of ${number(items)} by you`, [`${all}answers`, ...pacing].join(" · ")]
    : [`${all}answered`, [byYou, ...pacing].join(" · ")];
}

function pace({ people, minutes_left: left }, isAll) {
  const parts = [
    isAll || left === null || left === undefined
      ? null
      : left < 1
        ? "less than a minute left"
        : `about ${minutes(left)} left`,
    people > 1 ? `${number(people)} people labeling now` : null,
  ];
  return parts.filter(Boolean);
}

function vote({ annotator, label, at, seconds, comment, ruling }) {
  const took = seconds === null || seconds === undefined ? null : `${Number(seconds).toFixed(1)} s`;
  return el(
    "div",
    { class: "vote" },
    el(
      "div",
      { class: "who" },
      own(annotator),
      ruling ? el("span", { class: "tag" }, "Ruling") : null,
    ),
    label === null ? el("div", { class: "quiet" }, "no label") : own(answer(label), "strong"),
    el("div", { class: "quiet" }, [at ? when(at) : null, took].filter(Boolean).join(", ")),
    comment ? own(comment, "div", { class: "note" }) : null,
  );
}

function excerpt({ kind, fields }) {
  if (kind === "image") return "an image";
  const texts = fields.map(({ name, value }) =>
    kind === "text" ? value : `${name}: ${value ?? "missing"}`,
  );
  return texts.join(", ").slice(0, READ_ALOUD);
}
