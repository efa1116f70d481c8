// Runs in every page before its own scripts. From a key press to the next item: when its text is in
// the document (piercing shadow roots), and when the frame that shows it has been drawn.
(() => {
  const ITEM = ".st-key-item, [data-testid=labeler-item]";
  const roots = [document];
  const presses = [];
  let waiting = null;
  window.presses = presses;
  window.itemText = () => {
    for (const root of roots) {
      const found = root.querySelector(ITEM)?.textContent.trim();
      if (found) return found;
    }
    return "";
  };
  const look = () => {
    if (waiting === null) return;
    const text = window.itemText();
    if (!text || text === waiting.text) return;
    const press = waiting;
    waiting = null;
    press.changed = performance.now() - press.at;
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        press.painted = performance.now() - press.at;
      };
      port2.postMessage(null);
    });
  };
  const watch = (root) =>
    new MutationObserver(look).observe(root, { childList: true, characterData: true, subtree: true });
  watch(document);
  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (...how) {
    const root = attach.apply(this, how);
    roots.push(root);
    watch(root);
    return root;
  };
  window.addEventListener(
    "keydown",
    (event) => {
      if (!/^[1-9]$/.test(event.key)) return;
      const at = performance.now();
      waiting = { key: event.key, text: window.itemText(), at, queued: at - event.timeStamp };
      presses.push(waiting);
    },
    true,
  );
})();
