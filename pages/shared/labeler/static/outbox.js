/**
 * What was answered and is not yet known to be on the server's disk.
 *
 * Every operation is one entry in localStorage, written before the screen moves and removed only by
 * a receipt: `groundwork:outbox:SERVER:PROJECT:ANNOTATOR:TAB:NUMBER:UID`, each part encoded. A
 * refused one stays there, with the server's sentence, until the person discards it or sends it
 * again. What other people or other projects left here is counted and never touched.
 */

import { adoptTab, living } from "./tabs.js";

const PREFIX = "groundwork:outbox:";
const MOST_OPS = 100;
const MOST_CHARACTERS = 150_000;

export class Outbox {
  #server;
  #prefix;
  #title;
  #tab;
  #next = 1;
  #waiting = [];
  #refused = [];

  /** True once something could not be stored: it lives in this tab's memory only. */
  onlyInMemory = false;

  /** What waits here of other people and projects at this server: `{ annotator, title, n, isMine }`. */
  others = [];

  /** `owner`: the server's address, the project's id and title, and who answers. */
  constructor({ api, project, title, annotator }, tab) {
    this.#server = `${PREFIX}${encodeURIComponent(api)}:`;
    this.#prefix = `${this.#server}${encodeURIComponent(project)}:${encodeURIComponent(annotator)}:`;
    this.#title = title;
    this.#tab = tab;
    this.#load(tab);
  }

  get waiting() {
    return this.#waiting.length;
  }

  get ops() {
    return this.#waiting.map((entry) => entry.op);
  }

  get refused() {
    return this.#refused;
  }

  add(op) {
    const key = `${this.#prefix}${this.#tab}:${String(this.#next++).padStart(9, "0")}:${op.uid}`;
    const entry = { key, op };
    this.#waiting.push(entry);
    this.#store(entry);
  }

  /** The oldest operations, as many as fit into one request. */
  take({ ops = MOST_OPS, characters = MOST_CHARACTERS } = {}) {
    const taken = [];
    let size = 0;
    for (const { op } of this.#waiting.slice(0, ops)) {
      size += JSON.stringify(op).length;
      if (taken.length && size > characters) break;
      taken.push(op);
    }
    return taken;
  }

  /** Take a receipt in; the operation it is about, or null if it is a repeated one. */
  receive({ uid, state, message }) {
    const at = this.#waiting.findIndex((entry) => entry.op.uid === uid);
    if (at < 0) return null;
    const [entry] = this.#waiting.splice(at, 1);
    if (state === "refused") this.#keepRefused(entry, message);
    else remove(entry.key);
    if (!this.#waiting.length) this.onlyInMemory = false;
    return entry.op;
  }

  discard(uid) {
    this.#takeRefused(uid, (entry) => remove(entry.key));
  }

  /** A refused operation waits again, under its own id. */
  retry(uid) {
    this.#takeRefused(uid, (entry) => {
      delete entry.message;
      this.#waiting.push(entry);
      this.#store(entry);
    });
  }

  /** The slots and items whose answers wait here, those taken back left out. */
  answered() {
    const standing = new Map();
    for (const { op } of this.#waiting) {
      if (op.kind === "undo") standing.delete(op.target);
      else if (op.kind !== "flag" && op.slot !== null) standing.set(op.uid, op);
    }
    return new Set([...standing.values()].map((op) => op.slot));
  }

  /** Is an operation still waiting? */
  has(uid) {
    return this.#waiting.some((entry) => entry.op.uid === uid);
  }

  /** Take over what tabs left behind that are gone; true if there was any. */
  async adopt() {
    await this.#countOthers();
    const tabs = new Set(this.#keys().map((key) => key.slice(this.#prefix.length).split(":")[0]));
    tabs.delete(this.#tab);
    const before = this.#waiting.length + this.#refused.length;
    for (const tab of tabs) if (await adoptTab(tab)) this.#load(tab);
    return this.#waiting.length + this.#refused.length > before;
  }

  /** Tabs that live look after theirs. */
  async #countOthers() {
    const busy = await living();
    const found = new Map();
    for (const key of keysFrom(this.#server)) {
      const [project, annotator, tab] = key.slice(this.#server.length).split(":");
      const owner = `${project}:${annotator}:`;
      if (key.startsWith(this.#prefix) || busy.has(tab)) continue;
      found.set(owner, [...(found.get(owner) ?? []), key]);
    }
    this.others = [...found].map(([owner, keys]) => this.#left(owner, keys));
  }

  #left(owner, keys) {
    const [project, annotator] = owner.split(":");
    const isMine = this.#prefix.endsWith(`:${annotator}:`);
    const isHere = this.#prefix.startsWith(`${this.#server}${project}:`);
    const title = isHere ? null : titleIn(keys[0]);
    return { annotator: decodeURIComponent(annotator), title, isMine, n: keys.length };
  }

  #load(tab) {
    const known = new Set([...this.#waiting, ...this.#refused].map((entry) => entry.key));
    for (const key of this.#keys()) {
      if (!key.startsWith(`${this.#prefix}${tab}:`)) continue;
      if (tab === this.#tab) this.#next = Math.max(this.#next, 1 + Number(key.split(":").at(-2)));
      if (!known.has(key)) this.#admit(key);
    }
  }

  #admit(key) {
    try {
      const { op, message } = JSON.parse(localStorage.getItem(key));
      if (message === undefined) this.#waiting.push({ key, op });
      else this.#refused.push({ key, op, message });
    } catch {
      // Not one of ours, or gone meanwhile: there is nothing in it to send.
    }
  }

  #keys() {
    return keysFrom(this.#prefix);
  }

  #store({ key, op, message }) {
    try {
      localStorage.setItem(key, JSON.stringify({ op, message, title: this.#title }));
    } catch {
      this.onlyInMemory = true;
    }
  }

  #keepRefused(entry, message) {
    entry.message = message || "The server did not say why.";
    this.#refused.push(entry);
    this.#store(entry);
  }

  #takeRefused(uid, act) {
    const at = this.#refused.findIndex((entry) => entry.op.uid === uid);
    if (at >= 0) act(this.#refused.splice(at, 1)[0]);
  }
}

function keysFrom(prefix) {
  try {
    return Object.keys(localStorage)
      .filter((key) => key.startsWith(prefix))
      .sort();
  } catch {
    return [];
  }
}

function titleIn(key) {
  try {
    return JSON.parse(localStorage.getItem(key)).title ?? "";
  } catch {
    return "";
  }
}

function remove(key) {
  try {
    localStorage.removeItem(key);
  } catch {
    // It was never stored.
  }
}
