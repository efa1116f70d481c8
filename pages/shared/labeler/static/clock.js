/** The time a person spent on an item: the tab visible, and some input within the last minute. */

const PATIENCE = 60_000;

export class ActiveClock {
  #spent = 0;
  #since = null;
  #touched = 0;

  /** A new item is on the screen. */
  restart() {
    this.#spent = 0;
    this.#touched = performance.now();
    this.#since = document.hidden ? null : this.#touched;
  }

  /** There was input, or the tab became visible. */
  touch() {
    const now = performance.now();
    if (this.#since === null || now > this.#touched + PATIENCE) {
      this.pause();
      this.#since = document.hidden ? null : now;
    }
    this.#touched = now;
  }

  pause() {
    this.#spent = this.ms();
    this.#since = null;
  }

  ms() {
    if (this.#since === null) return this.#spent;
    const until = Math.min(performance.now(), this.#touched + PATIENCE);
    return Math.round(this.#spent + Math.max(0, until - this.#since));
  }
}
