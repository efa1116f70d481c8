/** An item as a person reads it: a text, the fields of a row, or an image. */

import { el, own } from "./dom.js";
import { number } from "./words.js";

const HANGUL = /[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]/;
const LOOK_AT = 2_000;
const BLOCK = 8_000;
const ZOOM_STEP = 1.25;
const SMALLEST_ZOOM = 0.05;
const LARGEST_ZOOM = 16;

/** The node of an item; an image comes into it when it is there. */
export function build(item, images) {
  const make = { text: textOf, columns: cardOf, image: pictureOf }[item.kind] ?? cardOf;
  return make(item, images);
}

function textOf({ fields }) {
  return el("div", { class: "text" }, ...fields.map((field) => [...valueOf(field)]));
}

function* valueOf({ value, was }) {
  yield value === null ? missing() : prose(value);
  if (was !== null && was !== undefined)
    yield el(
      "div",
      { class: "was" },
      el("span", { class: "tag" }, "Changed"),
      " Before: ",
      own(was),
    );
}

function missing() {
  return el("span", { class: "missing" }, "(missing)");
}

/** A text of any length; long ones in blocks that are laid out only where they are looked at. */
function prose(value) {
  const keeps = HANGUL.test(value.slice(0, LOOK_AT)) ? " hangul" : "";
  const blocks = value.length > 2 * BLOCK ? blocksOf(value) : [value];
  const kind = blocks.length > 1 ? "block" : "whole";
  return el(
    "div",
    { class: `prose${keeps}`, lang: "" },
    ...blocks.map((text) => own(text, "div", { class: kind })),
  );
}

function blocksOf(value) {
  const blocks = [];
  for (let from = 0; from < value.length;) {
    const to = endOf(value, from);
    blocks.push(value.slice(from, value[to - 1] === "\n" ? to - 1 : to));
    from = to;
  }
  return blocks;
}

/** Where a block may end: after a line, else after a word, else anywhere but inside a letter. */
function endOf(value, from) {
  if (from + 2 * BLOCK >= value.length) return value.length;
  for (const end of ["\n", " "]) {
    const at = value.indexOf(end, from + BLOCK);
    if (at >= 0 && at < from + 2 * BLOCK) return at + 1;
  }
  const at = from + BLOCK;
  return value.charCodeAt(at) >= 0xdc00 && value.charCodeAt(at) < 0xe000 ? at + 1 : at;
}

function cardOf({ fields }) {
  const rows = fields.map((field) => [
    own(field.name, "dt"),
    el("dd", { class: (field.was ?? null) ? "changed" : null }, ...valueOf(field)),
  ]);
  return el("dl", { class: "card" }, ...rows);
}

function pictureOf({ item, fields }, images) {
  const node = el(
    "div",
    { class: "picture" },
    el("span", { class: "quiet" }, "Loading the image…"),
  );
  const name = fields?.[0]?.value;
  images.get(item).then(
    (image) => {
      image.alt = `Image to label${name ? `, ${name}` : ""}: ${size(image)}`;
      image.className = "fit";
      node.replaceChildren(image);
      node.dispatchEvent(new CustomEvent("ready", { bubbles: true }));
    },
    () =>
      node.replaceChildren(
        el(
          "span",
          {},
          "The image could not be loaded. It is tried again when it is shown again; you can skip it.",
        ),
      ),
  );
  return node;
}

function size(image) {
  return `${number(image.naturalWidth)} by ${number(image.naturalHeight)} pixels`;
}

/** How big the picture in a box is shown: "fit", or a number of screen pixels for each of its own. */
export function zoom(box, to) {
  const image = box.querySelector("img");
  if (!image) return null;
  const now = image.clientWidth / image.naturalWidth || 1;
  const scale = { fit: null, whole: 1, in: now * ZOOM_STEP, out: now / ZOOM_STEP }[to];
  image.className = scale === null ? "fit" : "scaled";
  const kept = scale && Math.min(Math.max(scale, SMALLEST_ZOOM), LARGEST_ZOOM);
  image.style.width = kept ? `${Math.round(kept * image.naturalWidth)}px` : "";
  return image.clientWidth / image.naturalWidth;
}

/** Can the person see less of the item than there is? How many characters there are, else 0. */
export function hidden(item) {
  const cut = item.fields.filter(
    ({ value, length }) => value !== null && length > characters(value),
  );
  return cut.reduce((sum, { length }) => sum + length, 0);
}

/** The number of characters as the server counts them: a surrogate pair is one. */
function characters(value) {
  let pairs = 0;
  for (let at = 0; at < value.length; at++) pairs += (value.charCodeAt(at) & 0xfc00) === 0xdc00;
  return value.length - pairs;
}
