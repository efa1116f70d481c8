/** The entry: Streamlit mounts the labeler here, and again after every run of the page. */

import { closeConnectionErrors } from "./dialogs.js";
import { el } from "./dom.js";
import { listen } from "./keys.js";
import { Session } from "./session.js";
import { View } from "./view.js";

const sessions = new Map();
const places = new WeakMap();
const LEAVE_AFTER = [0, 1_000];

/** Show the labeler in `component.parentElement`, or say that it cannot be; returns the clean-up. */
export function mount(component) {
  try {
    return begin(component);
  } catch (error) {
    console.error(error);
    return apologise(component.parentElement);
  }
}

function apologise(parent) {
  const again = el("button", { type: "button", onclick: () => location.reload() }, "Reload");
  const why = "The labeling screen could not be shown. Answers that wait in this browser are kept. ";
  const node = el("p", { role: "alert", "data-testid": "labeler-failed" }, why, again);
  parent.querySelector("[data-testid=labeler-failed]")?.remove();
  parent.append(node);
  return () => node.remove();
}

function begin(component) {
  const { parentElement, data } = component;
  const name = JSON.stringify([data.api, data.project_id, data.annotator, data.queue]);
  let place = places.get(parentElement);
  if (place?.name !== name) {
    place?.leave();
    place = settle(name, component);
    places.set(parentElement, place);
  }
  place.session.update(component);
  return () => leaveIfGone(parentElement, place);
}

export default mount;

function settle(name, component) {
  const session = sessions.get(name) ?? new Session(component.data);
  sessions.set(name, session);
  session.update(component);
  const view = new View(session);
  const style = styled(view);
  component.parentElement.append(style, view.root);
  const deafen = listen(view, view.root);
  const letDialogs = closeConnectionErrors(() => view.restIfFree());
  session.attach(view);
  const leave = () => {
    deafen();
    letDialogs();
    session.detach(view);
    view.end();
    style.remove();
    view.root.remove();
  };
  return { name, session, leave };
}

/** The style sheet; what it styles shows when it is there. */
function styled(view) {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL(`./labeler.css${new URL(import.meta.url).search}`, import.meta.url).href;
  view.root.hidden = true;
  link.onload = link.onerror = () => view.wake();
  return link;
}

/** Streamlit also cleans up after a mount that a newer one has replaced: only leave when gone. */
function leaveIfGone(parentElement, place) {
  for (const wait of LEAVE_AFTER)
    setTimeout(() => {
      const isGone = !(parentElement.host ?? parentElement).isConnected;
      if (!isGone || places.get(parentElement) !== place) return;
      places.delete(parentElement);
      place.leave();
    }, wait);
}
