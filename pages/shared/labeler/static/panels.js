/** What stands beside the item: why it is asked, the guideline, the keys, and a note to write. */

import { button, el, key, own } from "./dom.js";
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
export function badges(item) {
  if (!item) return [];
  const nextBest = item.why?.next_best;
  return [
    nextBest ? el("span", { class: "tag" }, "Next best") : null,
    item.queue && item.queue !== "batch" && !nextBest
      ? el("span", { class: "tag" }, QUEUES[item.queue] ?? item.queue)
      : null,
    has(item.current)
      ? el("span", {}, "Labelled so far: ", own(answer(item.current), "strong"))
      : null,
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
  return [el("h3", {}, "Why this item?"), ...why(item), ...notes(item)];
}

function why({ why: reason, queue }) {
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
          "The batch’s open items are with others: this is the next best one for the model.",
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

/** Every key that does something, for this label set. */
export function help({ labelSet }) {
  const isLong = labelSet.classes.length > 10;
  const rows = [
    ...(isLong ? typing : numbers),
    ...(labelSet.multi ? several : []),
    ...commands(isLong),
  ];
  const cells = rows.map(([keys, does]) => [
    el("dt", {}, ...keys.map((name) => el("kbd", {}, name))),
    el("dd", {}, does),
  ]);
  return [el("dl", { class: "keys" }, ...cells)];
}

const numbers = [[["1", "…", "9", "0"], "the first ten classes"]];
const typing = [
  [
    ["letters"],
    "find a class: its beginning, a word of it, any part, or Korean initial consonants",
  ],
  [["Enter"], "choose the marked class"],
  [["↑", "↓"], "mark another class"],
  [["1", "…", "9"], "the first nine classes, while the field is empty"],
  [["Esc"], "empty the field; then leave it, and the letters below work without Alt"],
  [["/"], "back into the field"],
];
const several = [
  [["Enter"], "save what is chosen"],
  [["N"], "none of these (in the field: Alt N)"],
];

function commands(isLong) {
  const rows = [
    ["S", "skip this item"],
    ["U", "take back the last answer, and the ones before it"],
    ["F", "write a note on this item"],
    ["H", "my history: search and correct"],
    ["G", "the guideline"],
    ["?", "these keys"],
  ];
  const shown = rows.map(([name, does]) => [[isLong && name !== "?" ? `Alt ${name}` : name], does]);
  return [
    ...shown,
    [["+", "−"], "images: larger, smaller"],
    [["Z"], "images: the whole one, or its own size"],
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
      if (event.key === "Enter" && !event.shiftKey) save();
      else if (event.key === "Escape") done(null);
      else return false;
      return true;
    },
  };
}
