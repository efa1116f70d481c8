/** Which tab this is, and which other tabs live: a tab owns its outbox, a dead one's is adopted. */

const NAME = "groundwork:tab";
const ALIVE = "groundwork:alive:";
const LOCK = "groundwork:";
const BEAT = 5_000;
const DEAD_AFTER = 90_000;

let claimed = null;
const adopted = new Set();

/** A random id, also where `crypto.randomUUID` is missing (plain http on a local network). */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** This tab's id, the same after a reload. A duplicated tab gets one of its own. */
export function claimTab() {
  claimed ??= claim();
  return claimed;
}

async function claim() {
  const before = remembered();
  const id = before && (await holdSoon(before)) ? before : uuid();
  if (id !== before) await hold(id);
  remember(id);
  if (!navigator.locks) beatForEver(id);
  return id;
}

/** True if the tab is gone and its outbox is now ours, until this tab is gone too. */
export async function adoptTab(id) {
  if (adopted.has(id)) return true;
  if (await hold(id)) adopted.add(id);
  return adopted.has(id);
}

/** The other tabs that are open now. */
export async function living() {
  const ids = navigator.locks ? await lockedIds() : beatingIds();
  return new Set(ids.filter((id) => id !== remembered() && !adopted.has(id)));
}

async function lockedIds() {
  const { held } = await navigator.locks.query().catch(() => ({ held: [] }));
  return held.map(({ name }) => name.slice(LOCK.length));
}

function beatingIds() {
  try {
    const ids = Object.keys(localStorage).filter((key) => key.startsWith(ALIVE));
    return ids.map((key) => key.slice(ALIVE.length)).filter((id) => !isSilent(id));
  } catch {
    return [];
  }
}

/** The page before a reload may need a moment to let go. */
async function holdSoon(id) {
  for (const wait of [0, 30, 100]) {
    await new Promise((done) => setTimeout(done, wait));
    if (await hold(id, { mine: true })) return true;
  }
  return false;
}

function hold(id, { mine = false } = {}) {
  if (!navigator.locks) return Promise.resolve(mine || isSilent(id));
  return new Promise((answer) => {
    navigator.locks
      .request(LOCK + id, { ifAvailable: true }, (lock) => {
        answer(lock !== null);
        return lock && new Promise(() => {});
      })
      .catch(() => answer(isSilent(id)));
  });
}

function isSilent(id) {
  try {
    return Math.abs(Date.now() - Number(localStorage.getItem(ALIVE + id))) > DEAD_AFTER;
  } catch {
    return false;
  }
}

function beatForEver(id) {
  const beat = () => {
    try {
      localStorage.setItem(ALIVE + id, String(Date.now()));
    } catch {
      // Without storage there is no outbox to adopt either.
    }
  };
  beat();
  setInterval(beat, BEAT);
}

function remembered() {
  try {
    return sessionStorage.getItem(NAME);
  } catch {
    return null;
  }
}

function remember(id) {
  try {
    sessionStorage.setItem(NAME, id);
  } catch {
    // A tab that may not remember is a new one after every reload; its outbox is adopted.
  }
}
