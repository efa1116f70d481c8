/** The route of the app behind the labeler: JSON out and in, each request with the signed token. */

import { wellFormed } from "./words.js";

const PATIENCE = 20_000;

export class Api {
  constructor(base, token) {
    this.base = base.replace(/\/$/, "");
    this.token = token;
  }

  /** `{ status, data }`; throws when there is no connection, or no answer in time. */
  async post(path, body, { keepalive = false } = {}) {
    const response = await this.#send(path, body, keepalive);
    const json = response.headers.get("content-type")?.includes("json");
    const data = json ? await response.json() : {};
    return { status: response.status, data };
  }

  /** The bytes of an image. */
  async image(item) {
    const response = await this.#send("image", { item }, false);
    if (!response.ok) throw new Error(`The server answered ${response.status}.`);
    return response.blob();
  }

  /** The last resort of a page that goes away: nobody will read the answer. */
  beacon(path, body) {
    return navigator.sendBeacon(`${this.base}/${path}`, this.#packed(body));
  }

  #send(path, body, keepalive) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), PATIENCE);
    return fetch(`${this.base}/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: this.#packed(body),
      keepalive,
      signal: stop.signal,
      cache: "no-store",
    }).finally(() => clearTimeout(timer));
  }

  /** Half a letter (an emoji that was cut in two) is no text that a server could keep. */
  #packed(body) {
    const whole = (_, value) => (typeof value === "string" ? wellFormed(value) : value);
    return JSON.stringify({ token: this.token, ...body }, whole);
  }
}
