"""Key press to next item: a plain Streamlit page, a fragment page, and our labeling screen.

python -m benchmarks.labeling_latency [--quick]

One machine, one run, one headless Chromium; each page on a server of its own, over the same texts,
and every page writes the same durable answers. A person presses a number key 250 to 400 ms after an
item has come. One instrument measures all pages from inside (pages/instrument.js): from the keydown
event until the next item's text is in the document, and until the frame that shows it is drawn.
CPU is the server process's own, and the log is compared with the keys that were pressed.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import pandas as pd
from playwright.sync_api import Browser, Error, Page, sync_playwright

from benchmarks.process import ROOT, Process, streamlit
from labeling import batches, imports, verification
from labeling.core.features import Content
from labeling.ingest import Roles
from labeling.project import change_settings, opened
from labeling.store import events, items
from pages.shared.identity import COOKIE

PAGES = Path(__file__).resolve().parent / "pages"
CLASSES = ("yes", "no", "unclear")
GAP_MS = (250, 400)
GIVE_UP_MS = 5_000
WARM_UP = 5
ITEMS = 1_500
WORDS = "please order was late again the box came open nobody answers thanks"
ARRIVED = "() => presses.length && presses.at(-1).painted !== undefined"


class Variant(NamedTuple):
    """A page to measure. `collects`: Streamlit's own garbage collection after each run."""

    name: str
    script: Path
    collects: bool = False
    address: str = "/"


VARIANTS = [
    Variant("plain page, `if st.button: … st.rerun()`", PAGES / "plain.py", collects=True),
    Variant("fragment page, `on_click`", PAGES / "fragment.py", collects=True),
    Variant("the same, collection off", PAGES / "fragment.py"),
    Variant("our labeling screen", ROOT / "app.py", address="/label?project=texts"),
]
REFERENCE = VARIANTS[1].name


class Measured(NamedTuple):
    """One variant's figures; times in ms, one entry a label."""

    changed: list[float]
    painted: list[float]
    cpu: float
    pressed: int
    on_disk: int
    right: int
    unanswered: int


def make_project(path: Path, n: int) -> None:
    """Texts of one to three lines, all of them in one batch."""
    rng = np.random.default_rng(0)
    words = np.array(WORDS.split())
    texts = [f"{i}: {' '.join(rng.choice(words, rng.integers(10, 50)))}" for i in range(ITEMS)]
    roles = Roles(Content("text", ("text",)), classes=CLASSES)
    project, _ = imports.create_project(
        path, pd.DataFrame({"text": texts}, dtype=object), roles=roles, source="b.csv", author="b"
    )
    with project:
        change_settings(project, {"batch_size": str(n)}, author="b")
        batches.publish_seed(project)


def measure(variant: Variant, browser: Browser, folder: Path, n: int) -> Measured:
    """Label `n` items on one page, then read what the server has kept."""
    path = folder / "projects" / "texts.db"
    path.parent.mkdir(parents=True)
    make_project(path, n + 100)
    env = {
        "GROUNDWORK_PROJECTS": str(path.parent),
        "BENCHMARK_PROJECT": str(path),
        "STREAMLIT_RUNNER_POST_SCRIPT_GC": str(variant.collects).lower(),
    }
    with streamlit(variant.script, folder, env) as server, tab(browser, server) as page:
        page.goto(f"http://127.0.0.1:{server.port}{variant.address}")
        page.wait_for_function("() => itemText()")
        gaps = random.Random(0)
        for _ in range(WARM_UP):
            press(page, gaps)
        before, cpu = len(page.evaluate("presses")), server.cpu
        for _ in range(n):
            press(page, gaps)
        page.wait_for_timeout(1_000)
        cpu = server.cpu - cpu
        presses = page.evaluate("presses")
    return judged(path, presses, before, cpu)


@contextmanager
def tab(browser: Browser, server: Process) -> Iterator[Page]:
    """A browser profile that knows the person's name, with the instrument in every page."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    address = f"http://127.0.0.1:{server.port}"
    context.add_cookies([{"name": COOKIE, "value": quote("Ann"), "url": address}])
    context.add_init_script(path=PAGES / "instrument.js")
    yield context.new_page()
    context.close()


def press(page: Page, gaps: random.Random) -> None:
    """Read for a moment, press a key, wait until the next item shows, or give up."""
    page.wait_for_timeout(gaps.uniform(*GAP_MS))
    page.keyboard.press(str(gaps.randrange(len(CLASSES)) + 1))
    try:
        page.wait_for_function(ARRIVED, timeout=GIVE_UP_MS)
    except Error:
        return


def judged(path: Path, presses: list[dict[str, Any]], before: int, cpu: float) -> Measured:
    """Compare the presses with the log: how many answers are there, and for the item shown."""
    with opened(path) as project:
        assert verification.verify(project).empty
        texts = {item.item_id: item.content for item in items.every(project.db)}
        kept = {(texts[i], value) for i, _, _, value, _ in events.answers(project.db)}
        on_disk = len(events.table(project.db))
    shown = {(f'{{"text": "{p["text"]}"}}', CLASSES[int(p["key"]) - 1]) for p in presses}
    measured = [p for p in presses[before:] if "painted" in p]
    return Measured(
        [p["changed"] for p in measured],
        [p["painted"] for p in measured],
        1000 * cpu / max(1, len(measured)),
        len(presses),
        on_disk,
        len(kept & shown),
        len(presses) - before - len(measured),
    )


def chromium() -> str | None:
    """CHROMIUM, or the system's, or None for the one that Playwright installs."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def show(results: dict[str, Measured]) -> None:
    reference = np.percentile(results[REFERENCE].changed, 50)
    print("| page | item in the document | drawn | speed | CPU ms a label | keys | on disk |")
    print("|---|---|---|---|---|---|---|")
    for name, it in results.items():
        ratio = reference / np.percentile(it.changed, 50)
        print(
            f"| {name} | {spread(it.changed)} | {spread(it.painted)} | {ratio:.1f} | {it.cpu:.1f} "
            f"| {it.pressed} | {it.on_disk}, {it.right} for the item shown |"
        )
    print("ms from the key press, p50 / p95 (longest); speed: in times the fragment page's")
    for name, it in results.items():
        if it.unanswered:
            print(f"{name}: {it.unanswered} presses brought no new item within {GIVE_UP_MS} ms")


def spread(values: list[float]) -> str:
    p50, p95, most = np.percentile(values, [50, 95, 100])
    return f"{p50:.1f} / {p95:.1f} ({most:.0f})"


def main() -> None:
    """A table of the four pages, and the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="30 labels a page instead of 200")
    n = 30 if parser.parse_args().quick else 200
    results = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        print(f"{n} labels a page, {time.strftime('%Y-%m-%d')}, Chromium {browser.version}")
        for nth, variant in enumerate(VARIANTS):
            results[variant.name] = measure(variant, browser, Path(folder) / str(nth), n)
        browser.close()
    show(results)
    print("Target of ours: p50 ≤ 10 ms, p95 ≤ 30 ms, ≤ 10 ms CPU, 10 times the fragment page")


if __name__ == "__main__":
    main()
