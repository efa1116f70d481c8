/** Streamlit's dialog about its own connection: it covers the page and takes the keys. */

const DIALOG = "[data-testid=stDialog]";
const TITLE = /^\s*Connection error/;

/** Close it whenever it comes, since the labeler says the same and goes on; returns the end of it. */
export function closeConnectionErrors(rest) {
  const look = () => {
    for (const dialog of document.querySelectorAll(DIALOG)) close(dialog, rest);
  };
  const observer = new MutationObserver(look);
  observer.observe(document.body, { childList: true, subtree: true });
  look();
  return () => observer.disconnect();
}

function close(dialog, rest) {
  if (!TITLE.test(dialog.textContent)) return;
  dialog.querySelector("button[aria-label=Close]")?.click();
  setTimeout(rest, 100);
}
