/** The voice for those who listen: politely what was saved, at once what went wrong or back. */

import { el } from "./dom.js";

const EVERY = 10_000;
const A_MOMENT = 1_000;

export class Aloud {
  #last = -EVERY;
  #timer = null;
  #tell = null;

  constructor() {
    this.node = el("div", { class: "aloud", role: "status", "data-testid": "labeler-aloud" });
  }

  now(text) {
    this.#speak(text);
    if (this.#timer !== null) this.#wait(EVERY);
  }

  /** What `tell()` returns by then, and not often: whoever labels quickly is not talked over. */
  soon(tell) {
    this.#tell = tell;
    if (this.#timer === null)
      this.#wait(Math.max(A_MOMENT, this.#last + EVERY - performance.now()));
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  #wait(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#speak(this.#tell());
    }, ms);
  }

  /** New text each time, so that the same words are said again. */
  #speak(text) {
    this.#last = performance.now();
    this.node.replaceChildren(text);
  }
}
