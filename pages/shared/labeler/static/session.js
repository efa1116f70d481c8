/** One person's work on one queue: what is on the screen, what comes next, what was answered. */

import { Api } from "./api.js";
import { ActiveClock } from "./clock.js";
import { Images } from "./images.js";
import { Outbox } from "./outbox.js";
import { Sync } from "./sync.js";
import { claimTab, uuid } from "./tabs.js";
import { wellFormed } from "./words.js";

const WANT = 10;
const WHOLE_IN_MEMORY = 200;
const EARLIER_AT_ONCE = 20;
const ADOPT_EVERY = 20_000;
const MOST_CHARACTERS_AT_THE_END = 20_000;
const STOP_WATCHING_AFTER = 5 * 60_000;
const PAUSE = 60_000;
const MOST_PAGES = 10;
const BESIDE = new Set(["second", "extra"]);

export class Session {
  current = null;
  labelSet = null;
  progress = null;
  summary = null;
  saved = 0;
  outbox = null;

  #component = null;
  #view = null;
  #ahead = [];
  #done = [];
  #undone = new Set();
  #undoing = Promise.resolve();
  #beyond = false;
  #started = false;
  #lastInput = Date.now();
  #lastExchange = Date.now();
  #lastToken = null;
  #adopting = null;

  constructor(data) {
    this.queue = data.queue;
    this.labelSet = data.label_set;
    this.api = new Api(data.api, data.token);
    this.images = new Images(this.api);
    this.clock = new ActiveClock();
    const { api, project_id: project, title, annotator } = data;
    this.#owner = { api, project, title, annotator };
    this.#place = `groundwork:at:${data.api}:${data.project_id}:${data.annotator}:${data.queue}`;
    this.#sync = new Sync({
      api: this.api,
      body: (limits) => this.#body(limits),
      received: (data) => this.#received(data),
      refused: (op, message) => this.#receipt({ uid: op.uid, state: "refused", message }),
      waiting: () => this.outbox.waiting,
      pause: () => this.#pause(),
      renew: () => this.#component?.setTriggerValue("renew", Date.now()),
      changed: () => this.#changed(),
    });
  }

  #owner;
  #place;
  #sync;

  // Its life

  /** Show itself in a view, with the data of the page's latest run. */
  async attach(view) {
    this.#view = view;
    this.#listen("addEventListener");
    this.outbox ??= new Outbox(this.#owner, await claimTab());
    await this.outbox.adopt();
    clearInterval(this.#adopting);
    this.#adopting = setInterval(() => this.#adopt(), ADOPT_EVERY);
    if (this.#view === view) view.show();
    this.#sync.hurry();
  }

  update(component) {
    this.#component = component;
    const { data } = component;
    this.title = data.title;
    this.annotator = data.annotator;
    this.review = data.review;
    if (data.label_set.version > this.labelSet.version) this.#relabel(data.label_set);
    if (data.token === this.#lastToken) return;
    const isFirst = this.#lastToken === null;
    this.#lastToken = data.token;
    this.api.token = data.token;
    if (!isFirst && this.outbox) this.#sync.hurry();
  }

  /** The view is gone. What waits is still sent. */
  detach(view) {
    if (this.#view !== view) return;
    this.#view = null;
    this.#listen("removeEventListener");
    clearInterval(this.#adopting);
    this.clock.pause();
    if (this.outbox?.waiting) this.#sync.hurry();
  }

  #listen(how) {
    window[how]("online", this.#onOnline);
    window[how]("pagehide", this.#onLeave);
    window[how]("beforeunload", this.#onUnload);
    document[how]("visibilitychange", this.#onVisibility);
    for (const kind of ["keydown", "pointerdown", "pointermove", "wheel"])
      window[how](kind, this.#onInput, { passive: true, capture: true });
  }

  #onOnline = () => this.#sync.hurry();
  #onLeave = () => this.#flush();
  #onInput = () => {
    const wasAway = isLongAgo(this.#lastInput);
    this.#lastInput = Date.now();
    this.clock.touch();
    if (wasAway) this.#sync.hurry();
  };
  #onVisibility = () => {
    if (document.hidden) {
      this.clock.pause();
      this.#flush();
    } else {
      this.#onInput();
      this.#sync.hurry();
    }
  };
  #onUnload = (event) => {
    if (this.outbox?.waiting && this.outbox.onlyInMemory) event.preventDefault();
  };

  async #adopt() {
    if (await this.outbox.adopt()) this.#sync.kick();
    this.#view?.refresh();
  }

  // Answering

  get state() {
    if (this.trouble) return "offline";
    if (this.current) return "asking";
    return this.summary ? "done" : "loading";
  }

  get trouble() {
    return this.#sync.trouble;
  }

  answer(value) {
    this.#leave("label", value);
  }

  /** An item that nobody asks for (its answer was taken back) is only put away. */
  skip() {
    if (this.current && this.current.slot === null) this.#showNext();
    else this.#leave("skip", null);
  }

  /** The comment is kept with the item, which stays on the screen. */
  flag(written) {
    const item = this.current;
    if (!item) return;
    const comment = wellFormed(written);
    const op = this.#post("flag", item, { value: comment });
    item.notes = [...(item.notes ?? []), { text: comment, at: op.at }];
    this.#view?.notes();
    this.#view?.refresh();
  }

  /** Another answer in place of one's own `uid`; the new one's uid. */
  correct(uid, item, value) {
    const op = this.#post("label", { item, slot: null }, { value, target: uid, ms: 0 });
    this.#done.push({ uid: op.uid, item: null, of: item, value });
    this.#view?.refresh();
    return op.uid;
  }

  #leave(kind, value) {
    const item = this.current;
    if (!item) return;
    this.#view?.keepNote();
    const op = this.#post(kind, item, { value });
    this.#done.push({ uid: op.uid, item, value });
    this.#slim();
    this.#showNext();
    this.#view?.answered(kind, value);
  }

  #showNext() {
    this.#show(this.#isStale ? null : (this.#ahead.shift() ?? null));
  }

  /** After a long pause others may have what was held: the server is asked before more is shown. */
  get #isStale() {
    return !this.trouble && isLongAgo(this.#lastExchange);
  }

  #changed() {
    if (this.trouble && !this.current && this.#ahead.length) this.#show(this.#ahead.shift());
    this.#view?.refresh();
  }

  /** The operation, in the outbox before anything else happens. */
  #post(kind, item, { value = null, target = null, ms = this.clock.ms() } = {}) {
    const op = { uid: uuid(), kind, slot: item.slot, item: item.item, value, target, ms };
    op.at = new Date().toISOString();
    op.shown = Boolean(item.suggestion);
    op.label_set = this.labelSet.version;
    op.queue = item.queue;
    this.outbox.add(op);
    this.#sync.kick();
    return op;
  }

  /** Long sessions: only the latest items are kept whole. */
  #slim() {
    const old = this.#done.at(-WHOLE_IN_MEMORY - 1);
    if (old?.item?.fields) old.item = { slot: old.item.slot, item: old.item.item };
  }

  // Taking back

  /** Take back the latest standing answer: of this visit, then of the ones before it. */
  undo() {
    this.#undoing = this.#undoing
      .then(() => this.#undo())
      .catch(() => {
        this.#view?.say(
          "No connection: an earlier answer can be taken back when it is there again.",
        );
      });
    return this.#undoing;
  }

  async #undo() {
    const last = this.#done.at(-1);
    if (!last) return this.#undoEarlier();
    if (last.item === null) return this.#takeBackCorrection();
    const item = last.item.fields ? last.item : await this.#whole(last.item);
    if (this.#done.at(-1) !== last) return undefined;
    this.#done.pop();
    this.#takeBack(last.uid, item);
    return this.#showAgain(item, last.value);
  }

  #takeBack(uid, item) {
    this.#undone.add(uid);
    return this.#post("undo", item, { target: uid, ms: 0 });
  }

  #showAgain(item, value) {
    if (this.current && this.current !== item) this.#ahead.unshift(this.current);
    this.#ahead = this.#ahead.filter((other) => other.item !== item.item);
    item.chosen = value;
    this.#show(item);
    this.#view?.tookBack(value);
  }

  /** An answer from before this visit: the server opens its slot again and hands it out. */
  async #undoEarlier() {
    const row = await this.#earlier((other) => !this.#undone.has(other.uid));
    if (!row) return this.#view?.say("There is nothing to take back.");
    const { uid } = this.#takeBack(row.uid, { slot: null, item: row.item });
    const answer = new Promise((done) => {
      this.#reopening = { uid, item: row.item, done };
    });
    this.#view?.refresh();
    const opened = await answer;
    if (opened === false) return this.#view?.say("This answer could not be taken back.");
    if (opened) return this.#showAgain(opened, row.value);
    const stands = await this.#standing(row);
    if (stands) return this.#view?.tookBack(row.value, { stands });
    return this.#showAgain(await this.whole(row.item), row.value);
  }

  #reopening = null;

  /** Rulings are taken back where rulings are made, answers where answers are given. */
  #isOfThisKind({ kind }) {
    return (kind === "adjudicate") === Boolean(this.review);
  }

  #takeBackCorrection() {
    const { uid, of, value } = this.#done.pop();
    this.#undone.add(uid);
    this.#post("undo", { slot: null, item: of }, { target: uid, ms: 0 });
    this.#view?.tookBack(value, { correction: true });
    this.#view?.refresh();
  }

  /** The latest answer of this kind in one's history that is the wanted one. */
  async #earlier(isWanted, search = "", most = Infinity) {
    let before = null;
    for (let page = 0; page < most; page++) {
      const { rows, more } = await this.history(search, before, EARLIER_AT_ONCE);
      const row = rows.find((found) => this.#isOfThisKind(found) && isWanted(found));
      if (row) return row;
      if (!more || !rows.length) return null;
      before = rows.at(-1).seq;
    }
    return null;
  }

  /** What one said of an item before the answer `row`, which was taken back. Images have no words. */
  #standing({ item, excerpt }) {
    const words = excerpt === `image ${item.slice(0, 12)}` ? "" : excerpt;
    const isIt = (other) => other.item === item && !this.#undone.has(other.uid);
    return this.#earlier(isIt, words, MOST_PAGES);
  }

  async #whole({ slot, item }) {
    const whole = await this.whole(item);
    return { ...whole, slot };
  }

  // Asking the server

  /** An item with its whole values, however long they are. */
  whole(item) {
    return this.#ask("item", { item });
  }

  history(search, before, limit) {
    return this.#ask("history", { search, before, limit });
  }

  async #ask(path, body) {
    const { status, data } = await this.api.post(path, body);
    if (status !== 200) throw new Error(data.error ?? `The server answered ${status}.`);
    return data;
  }

  /** Ask for items beyond the batch. */
  goOn() {
    this.#beyond = true;
    this.summary = null;
    this.#view?.show();
    this.#sync.hurry();
  }

  retry(uid) {
    this.outbox.retry(uid);
    this.#sync.kick();
    this.#view?.refresh();
  }

  discard(uid) {
    this.outbox.discard(uid);
    this.#view?.refresh();
  }

  // The exchange

  #body(limits) {
    const held = [this.current, ...this.#ahead].filter((item) => item?.slot);
    return {
      queue: this.queue,
      ops: this.outbox.take(limits),
      holding: held.map((item) => item.slot),
      want: this.#view ? Math.max(WANT, this.#reopening ? held.length + 2 : 0) : 0,
      beyond: this.#beyond,
      leaving: !this.#view,
      label_set: this.labelSet.version,
    };
  }

  #received(data) {
    if (data.token) this.api.token = data.token;
    for (const receipt of data.receipts) this.#receipt(receipt);
    this.#sawReceipt = data.receipts.length > 0;
    this.#lastExchange = Date.now();
    if (data.progress) this.#proceed(data.progress);
    if (data.label_set) this.#relabel(data.label_set);
    const gone = new Set(data.gone ?? []);
    this.#ahead = this.#ahead.filter((item) => !gone.has(item.slot));
    this.#admit(data.items ?? []);
    if (this.#reopening && !this.outbox.has(this.#reopening.uid)) this.#reopened(null);
    this.#settle(data.done ?? null);
  }

  /** The next batch is asked from its beginning. */
  #proceed(progress) {
    if (this.progress && this.progress.queue !== progress.queue) this.#beyond = false;
    this.progress = progress;
    this.saved = progress.saved;
  }

  #sawReceipt = false;

  #receipt(receipt) {
    const op = this.outbox.receive(receipt);
    if (receipt.state === "refused") this.#refuse(receipt.uid, op);
    if (op) this.#view?.receipt(op, receipt);
  }

  #refuse(uid, op) {
    this.#done = this.#done.filter((entry) => entry.uid !== uid);
    if (op?.kind === "undo") this.#undone.delete(op.target);
    if (uid === this.#reopening?.uid) this.#reopened(false);
  }

  #admit(items) {
    const answered = this.outbox.answered();
    for (const item of this.#inOrder(items)) {
      if (item.item === this.#reopening?.item) {
        this.#reopened(item);
        continue;
      }
      const held = [this.current, ...this.#ahead].find((other) => other?.item === item.item);
      if (held) held.slot ??= item.slot;
      else if (!answered.has(item.slot)) this.#ahead.push(item);
    }
    this.#view?.prefetch(this.#ahead);
  }

  #reopened(item) {
    this.#reopening?.done(item);
    this.#reopening = null;
  }

  /** After a reload: what was on the screen first. */
  #inOrder(items) {
    if (this.#started) return items;
    this.#started = true;
    const before = this.#remembered();
    return [...items].sort((a, b) => (b.slot === before) - (a.slot === before));
  }

  #settle(summary) {
    if (!this.current && this.#ahead.length) {
      this.summary = null;
      this.#show(this.#ahead.shift());
    } else if (!this.current) {
      const changed = JSON.stringify(summary) !== JSON.stringify(this.summary);
      this.summary = summary;
      if (changed) this.#view?.show();
    }
  }

  #show(item) {
    this.current = item;
    this.clock.restart();
    this.#remember(item?.slot);
    this.#view?.show();
  }

  #relabel(labelSet) {
    this.labelSet = labelSet;
    this.#view?.relabel();
  }

  /** The item after this one, to be built before it is asked for. */
  get next() {
    return this.#ahead[0] ?? null;
  }

  /** How many answers of this queue are given here but not yet counted by the server. */
  get uncounted() {
    const sign = { label: 1, undo: -1 };
    const ops = this.outbox?.ops ?? [];
    const counted = ops.filter((op) => op.slot !== null && !BESIDE.has(op.queue));
    return counted.reduce((n, op) => n + (sign[op.kind] ?? 0), 0);
  }

  #pause() {
    if (this.outbox.waiting) return this.#sawReceipt ? 0 : 2_000;
    if (!this.#view || document.hidden) return null;
    if (!this.current) return 4_000 + 2_000 * Math.random();
    if (isLongAgo(this.#lastInput, STOP_WATCHING_AFTER)) return null;
    return 25_000 + 10_000 * Math.random();
  }

  #flush() {
    if (!this.outbox?.waiting) return;
    const limits = { characters: MOST_CHARACTERS_AT_THE_END };
    const body = { ...this.#body(limits), want: 0, leaving: true };
    this.api
      .post("sync", body, { keepalive: true })
      .then(({ status, data }) => {
        if (status !== 200) return;
        for (const receipt of data.receipts) this.#receipt(receipt);
        this.saved = data.progress?.saved ?? this.saved;
        this.#view?.refresh();
      })
      .catch(() => this.api.beacon("sync", body));
  }

  #remembered() {
    try {
      return Number(sessionStorage.getItem(this.#place)) || null;
    } catch {
      return null;
    }
  }

  #remember(slot) {
    try {
      sessionStorage.setItem(this.#place, String(slot ?? ""));
    } catch {
      // The server still knows which items are this person's.
    }
  }
}

/** The wall clock, since other clocks stand still while a computer sleeps; it may be set back. */
function isLongAgo(at, how = PAUSE) {
  return Math.abs(Date.now() - at) > how;
}
