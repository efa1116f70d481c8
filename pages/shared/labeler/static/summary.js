/** What stands where the item was when nothing is left: what was done, and how to go on. */

import { button, el, own } from "./dom.js";
import { many, minutes, number } from "./words.js";

export function summary(session) {
  const done = session.summary;
  if (!done) return el("p", { class: "quiet waiting" }, "Looking for the next item…");
  return el(
    "div",
    { class: "summary", "data-testid": "labeler-summary" },
    el("h3", {}, "Nothing is left for you in this queue."),
    el("p", {}, whatWasDone(done)),
    done.by_class?.length ? classes(done.by_class) : null,
    done.with_others ? el("p", {}, withOthers(done.with_others)) : null,
    done.can_go_on
      ? button(
          { class: "primary", "data-testid": "labeler-go-on", onclick: () => session.goOn() },
          "Go on with the next best items",
        )
      : null,
    el("p", { class: "quiet" }, "New work appears here by itself."),
  );
}

function withOthers(n) {
  return `${many(n, "item")} of it ${n === 1 ? "is" : "are"} with other people.`;
}

function whatWasDone({ answered, total, mine, minutes: spent, skipped, flagged }) {
  const parts = [
    `${number(answered)} of ${number(total)} answered`,
    `${number(Math.min(mine, answered))} by you${spent ? ` in ${minutes(spent)}` : ""}`,
    skipped ? `${number(skipped)} skipped` : null,
    flagged ? `${many(flagged, "note")} written` : null,
  ];
  return `${parts.filter(Boolean).join(", ")}.`;
}

function classes(rows) {
  const most = Math.max(...rows.map(({ n }) => n), 1);
  return el(
    "table",
    {},
    el("caption", {}, "Your answers"),
    el("tbody", {}, ...rows.map((row) => line(row, most))),
  );
}

function line({ label, n }, most) {
  const bar = el("span", { class: "bar", style: `width: ${(100 * n) / most}%` });
  return el(
    "tr",
    {},
    own(label, "th", { scope: "row" }),
    el("td", { class: "n" }, number(n)),
    el("td", { class: "bars", "aria-hidden": "true" }, bar),
  );
}
