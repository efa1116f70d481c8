/** What stands beside the item: why it is asked, the guideline, the keys, and a note to write. */

import { button, el, key, mark, own, say } from "./dom.js";
import { letters } from "./keys.js";
import { answer, number, percent, sentence, when } from "./words.js";

const LONGEST_COMMENT = 10_000;

const QUEUES = {
  batch: "Part of the batch",
  second: "A second opinion",
  extra: "Beyond the batch",
  relabel: "Asked again",
  adjudicate: "To be decided",
  verify: "To be verified",
};

/** The quiet heading of an item: which kind of question it is, and what it is labelled so far. */
export function badges(item, isReview) {
  if (!item) return [];
  const nextBest = item.why?.next_best;
  return [
    nextBest ? el("span", { class: "tag" }, "Next best") : null,
    item.queue && item.queue !== "batch" && !nextBest
      ? el("span", { class: "tag" }, QUEUES[item.queue] ?? item.queue)
      : null,
    has(item.current)
      ? el("span", {}, "Labelled so far: ", own(answer(item.current), "strong"))
      : isReview && el("span", {}, "No majority so far"),
  ];
}

function has(value) {
  return value !== null && value !== undefined;
}

export function suggestion(item) {
  if (!item?.suggestion) return [];
  const { label, probability } = item.suggestion;
  const sure = has(probability) ? `, ${percent(probability)}` : "";
  return [el("span", {}, "The model suggests ", own(answer(label), "strong"), sure)];
}

export function about(session) {
  const item = session.current;
  if (!item) return [];
  return [el("h3", {}, "Why this item?"), ...why(item, session), ...notes(item)];
}

function why({ why: reason, queue }, { progress }) {
  if (!reason) return [];
  const facts = [
    ["Strategy", reason.strategy],
    ["Score", has(reason.score) ? Number(reason.score).toPrecision(3) : null],
    ["Round", has(reason.round) ? number(reason.round) : null],
    ["Queue", queue === "batch" ? null : (QUEUES[queue] ?? queue)],
  ].filter(([, value]) => has(value));
  return [
    el("p", { dir: "auto" }, reason.text ? sentence(reason.text) : ""),
    reason.next_best
      ? el(
          "p",
          {},
          progress && progress.answered < progress.total
            ? "The batch’s open items are with others: this is the next best one for the model."
            : "Beyond the batch: this is the next best one for the model.",
        )
      : null,
    el(
      "dl",
      { class: "facts" },
      ...facts.map(([name, value]) => [el("dt", {}, name), own(value, "dd")]),
    ),
  ];
}

function notes({ notes: kept }) {
  if (!kept?.length) return [];
  const rows = kept.map((note) =>
    el(
      "li",
      {},
      own(note.text, "div", { class: "note" }),
      el("span", { class: "quiet" }, when(note.at)),
    ),
  );
  return [el("h3", {}, "Your notes on this item"), el("ul", { class: "notes" }, ...rows)];
}

export function guideline({ labelSet }) {
  const text = labelSet.guideline || "No guideline is written yet: see Requirements.";
  return [
    el("p", { class: "quiet" }, `Version ${labelSet.version}`),
    own(text, "p", { class: "lines" }),
    el("dl", { class: "meanings" }, ...labelSet.classes.map(meaning)),
  ];
}

function meaning({ name, means, examples }, at) {
  const digit = at < 10 ? key(String((at + 1) % 10)) : null;
  const shown = examples?.length ? examples.map((text) => own(text, "li")) : null;
  return [
    el("dt", {}, digit, own(name)),
    el(
      "dd",
      {},
      means ? own(means, "p", { class: "lines" }) : null,
      shown && el("ul", { "aria-label": "Examples" }, ...shown),
    ),
  ];
}

/** Every key that does something, for this label set; `switched()` when they need Alt from now on. */
export function help({ labelSet }, switched) {
  const list = el("dl", { class: "keys" });
  const state = el("span", { "aria-hidden": "true" });
  const toggle = button({ class: "small", role: "switch", "data-testid": "labeler-letters" });
  const draw = () => {
    mark(toggle, "aria-checked", letters.on);
    say(state, letters.on ? "on" : "off");
    list.replaceChildren(...keysOf(labelSet).flatMap(line));
  };
  toggle.append("Letter keys: ", state);
  toggle.addEventListener("click", () => {
    letters.turn(!letters.on);
    switched();
    draw();
  });
  draw();
  const why = el("p", { class: "quiet" }, "Off: digits, letters and signs work with Alt alone.");
  return [toggle, why, list];
}

function line([keys, does]) {
  return [el("dt", {}, ...keys.map((name) => el("kbd", {}, name))), el("dd", {}, does)];
}

function keysOf({ classes, multi }) {
  const isLong = classes.length > 10;
  const field = letters.on ? typing : typing.filter(([, , needsLetters]) => !needsLetters);
  return [
    ...(isLong ? field : []),
    ...(isLong && letters.on ? [] : numbers(isLong)),
    ...(multi ? several(isLong) : []),
    ...commands(isLong),
  ];
}

/** The key that has to be held too, if any. */
function alt(isLong = false) {
  return isLong || !letters.on ? ["Alt"] : [];
}

function numbers(isLong) {
  return isLong
    ? [[[...alt(), "1", "…", "9", "0"], "the first ten classes"]]
    : [[[...alt(), "1", "…", "9", "0"], "the first ten classes"]];
}

const typing = [
  [
    ["letters"],
    "find a class: its beginning, a word of it, any part, or Korean initial consonants",
  ],
  [["Enter"], "choose the marked class"],
  [["↑", "↓"], "mark another class"],
  [["1", "…", "9", "0"], "the first ten classes, while the field is empty", true],
  [["Esc"], "empty the field; then leave it, until a letter or / is typed", true],
];

function several(isLong) {
  return [
    [["Enter"], "save what is chosen"],
    [[...alt(isLong), "N"], "none of these"],
  ];
}

function commands(isLong) {
  const rows = [
    ["S", "skip this item"],
    ["U", "take back the last answer, and the ones before it"],
    ["F", "write a note on this item"],
    ["H", "my history: search and correct"],
    ["G", "the guideline"],
    ["?", "these keys"],
  ];
  const shown = rows.map(([name, does]) => [[...alt(isLong && name !== "?"), name], does]);
  return [
    ...shown,
    [[...alt(), "+", "−"], "images: larger, smaller"],
    [[...alt(), "Z"], "images: the whole one, or its own size"],
    [["Page ↑", "Page ↓"], "scroll the item"],
    [["Esc"], "close what is open beside the item"],
  ];
}

/** The form of a note; `done(text | null)` when it is saved or cancelled. */
export function flag(done) {
  const text = el("textarea", {
    rows: 4,
    maxlength: LONGEST_COMMENT,
    "data-testid": "labeler-comment",
    "aria-label": "What is wrong with this item?",
    placeholder: "Kept with the item; you can still answer or skip it.",
  });
  const save = () => (text.value.trim() ? done(text.value.trim()) : text.focus());
  return {
    focus: () => text.focus(),
    keep: () => text.value.trim() && save(),
    nodes: [
      el("p", {}, "What is wrong with this item?"),
      text,
      el(
        "p",
        { class: "row" },
        button({ class: "primary", onclick: save }, key("Enter"), "Keep this note"),
        button({ class: "quiet-button", onclick: () => done(null) }, key("Esc"), "Cancel"),
      ),
    ],
    onKey: (event) => {
      if (event.composedPath()[0] !== text) return false;
      if (event.key === "Enter" && !event.shiftKey) save();
      else if (event.key === "Escape") done(null);
      else return false;
      return true;
    },
  };
}
