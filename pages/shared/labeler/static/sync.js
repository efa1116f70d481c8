/** The loop that empties the outbox and fills the queue: one request at a time, with backoff. */

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;
const FIRST_RENEWAL = 4_000;
const LONGEST_RENEWAL = 60_000;
const FAULTS_IN_A_ROW = 3;

/** Is it one operation that the server stumbles over, or the server itself? It is asked without any. */
const [NONE, ASKING, CONFIRMED] = ["none", "asking", "confirmed"];

export class Sync {
  #client;
  #timer = null;
  #running = false;
  #again = false;
  #oneByOne = false;
  #faults = 0;
  #suspicion = NONE;
  #failures = 0;
  #renewAfter = 0;
  #renewals = 0;

  /** Why the last request did not go through: null, or `{ kind, message }`. */
  trouble = null;

  /** `client`: api, body(limits), received(data), refused(op, message), pause(), renew(), changed(). */
  constructor(client) {
    this.#client = client;
  }

  /** There is something to send or to ask for. While there is trouble, the backoff decides. */
  kick() {
    if (this.#running) this.#again = true;
    else if (!this.trouble) this.#schedule(0);
  }

  /** The trouble may be over: try now. */
  hurry() {
    this.#failures = 0;
    if (this.#running) this.#again = true;
    else this.#schedule(0);
  }

  stop() {
    clearTimeout(this.#timer);
  }

  #schedule(wait) {
    clearTimeout(this.#timer);
    if (wait !== null) this.#timer = setTimeout(() => this.#run(), wait);
  }

  async #run() {
    if (this.#running) return;
    this.#running = true;
    this.#again = false;
    try {
      await this.#exchange();
    } finally {
      this.#running = false;
      this.#schedule(this.#wait());
      this.#client.changed();
    }
  }

  #wait() {
    if (this.trouble) return this.#again && !this.#failures ? 0 : backoff(this.#failures);
    return this.#again ? 0 : this.#client.pause();
  }

  async #exchange() {
    const body = this.#client.body(this.#limits());
    let answer;
    try {
      answer = await this.#client.api.post("sync", body);
    } catch {
      return this.#fail("offline", "no connection");
    }
    return this.#take(answer, body.ops);
  }

  #limits() {
    if (this.#suspicion === ASKING) return { ops: 0 };
    return this.#oneByOne ? { ops: 1 } : {};
  }

  #take({ status, data }, ops) {
    if (status === 200 && Array.isArray(data.receipts)) return this.#succeed(data, ops);
    if (status === 401) return this.#expire(data);
    if ((status === 400 || status === 413) && ops.length) return this.#isolate(ops, data);
    if (status === 500 && ops.length) return this.#stumble(ops, data);
    if (status === 400 || status === 403 || status === 404) return this.#fail("denied", data.error);
    return this.#fail("busy", data.error ?? "the server is busy");
  }

  #succeed(data, ops) {
    this.trouble = null;
    this.#failures = 0;
    this.#renewals = 0;
    if (ops.length) [this.#faults, this.#suspicion] = [0, NONE];
    else if (this.#suspicion === ASKING) this.#goOn(CONFIRMED);
    this.#client.received(data);
    if (!this.#client.waiting()) this.#oneByOne = false;
  }

  #fail(kind, message) {
    this.#failures += 1;
    this.trouble = { kind, message: message || "the server refuses the request" };
  }

  /** A request that is refused as a whole is sent again in single operations, to find the one. */
  #isolate(ops, data) {
    if (ops.length === 1) this.#client.refused(ops[0], data.error);
    this.#oneByOne = true;
    this.#goOn(NONE);
  }

  /** Something went wrong over there, and if it goes on: is it one of these operations? */
  #stumble(ops, data) {
    this.#fail("busy", data.error);
    this.#faults += 1;
    if (this.#faults < FAULTS_IN_A_ROW) return;
    if (ops.length > 1 || this.#suspicion === CONFIRMED) this.#isolate(ops, data);
    else this.#goOn(ASKING);
  }

  #goOn(suspicion) {
    this.#suspicion = suspicion;
    this.#failures = 0;
    this.#again = true;
  }

  #expire(data) {
    this.#fail("expired", data.error ?? "the sign-in has run out");
    if (Date.now() < this.#renewAfter) return;
    const wait = Math.min(FIRST_RENEWAL * 2 ** this.#renewals++, LONGEST_RENEWAL);
    this.#renewAfter = Date.now() + wait;
    this.#client.renew();
  }
}

function backoff(failures) {
  const wait = Math.min(FIRST_WAIT * 2 ** Math.max(0, failures - 1), LONGEST_WAIT);
  return wait * (0.75 + Math.random() / 2);
}
