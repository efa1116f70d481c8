/** Numbers, times and values as people read them. */

const count = new Intl.NumberFormat("en");
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function number(value) {
  return count.format(value);
}

export function percent(value) {
  const shown = Math.round(100 * value);
  return `${Math.min(Math.max(shown, value > 0 ? 1 : 0), value < 1 ? 99 : 100)} %`;
}

/** "1 item", "2 items"; another plural where adding an s is wrong. */
export function many(n, one, more = `${one}s`) {
  return `${number(n)} ${n === 1 ? one : more}`;
}

export function minutes(value) {
  if (value < 1) return "less than a minute";
  return value < 90 ? `${Math.round(value)} min` : `${(value / 60).toFixed(1)} h`;
}

export function when(at) {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? String(at) : moment.format(time);
}

/** An answer in words; a multi-label answer is a list, maybe an empty one. */
export function answer(value) {
  if (Array.isArray(value)) return value.length ? value.join(", ") : "none of these";
  return value ?? "";
}

/** Half a letter is replaced, as `String.prototype.toWellFormed` does where there is one. */
export function wellFormed(text) {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}

export function sentence(text) {
  const trimmed = String(text).trim();
  const begun = trimmed.slice(0, 1).toUpperCase() + trimmed.slice(1);
  return /[.!?。]$/.test(begun) ? begun : `${begun}.`;
}
