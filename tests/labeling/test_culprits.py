"""Who did it: planted errors are traced to their batches and people, and measured in points."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from labeling import culprits, impact, rulers, worker
from labeling.core.log import DataVersion
from labeling.errors import InputError
from labeling.fits import Fits
from labeling.project import Project
from labeling.store import items
from labeling.versions import Snapshot
from tests.factories import by_file, make_project, reservoir_answers, text_frame, truth_of

BATCHES, SIZE = 10, 30
FRAME = text_frame(2 * BATCHES * SIZE + 40)
TRUTH = truth_of(FRAME)
OTHER = {"sport": "money", "money": "sport"}
PEOPLE = ("ann", "bob", "민지", "dan", "eve")


def ten_batches(path: Path, *, bad: tuple[int, ...]) -> Project:
    """Ten files of answers by five people; in the bad ones two answers of five are wrong."""
    made = make_project(path, FRAME, reserve=0.5)
    by_file(made, reservoir_answers(made, TRUTH))
    pool = [item for item in items.every(made.db) if item.side == "pool"]
    for nth in range(BATCHES):
        rows = []
        for k, item in enumerate(pool[nth * SIZE : (nth + 1) * SIZE]):
            truth = TRUTH[item.source_id]
            said = OTHER[truth] if nth in bad and k % 5 < 2 else truth
            rows.append((item.item_id, PEOPLE[nth % 5], said))
        by_file(made, pd.DataFrame(rows, columns=["item", "who", "label"]), source=f"b{nth}.csv")
    return made


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Batches 2 and 7, both of 민지, have errors."""
    with ten_batches(tmp_path_factory.mktemp("culprits") / "p.db", bad=(2, 7)) as made:
        yield made


def bad_import(of: Project) -> str:
    return next(str(c.change_id) for c in Snapshot(of).changes if "나쁜" in c.title)


def test_the_two_batches_with_planted_errors_are_found_among_ten(planted: Project) -> None:
    found = culprits.look(planted)
    batches = found.suspects[culprits.BATCH]
    flagged = [each for each in batches if each.flagged]
    titles = {f"Answers from b{n}.csv" for n in (2, 7)}
    assert {each.title for each in flagged} == titles
    assert sum(each.share for each in flagged) > 0.7
    assert [each.rows for each in batches] == [SIZE] * BATCHES
    assert all(title in found.words[culprits.BATCH] for title in titles)


def test_the_person_behind_them_is_found_and_nobody_else(planted: Project) -> None:
    people = culprits.look(planted).suspects[culprits.ANNOTATOR]
    assert [each.name for each in people if each.flagged] == ["민지"]
    assert {each.name for each in people} == set(PEOPLE)


def test_where_everybody_is_right_nobody_is_flagged(tmp_path: Path) -> None:
    with ten_batches(tmp_path / "p.db", bad=()) as clean:
        found = culprits.look(clean)
    assert not [each for own in found.suspects.values() for each in own if each.flagged]
    assert all("stands out" in words for words in found.words.values())


def test_an_import_answers_for_all_items_that_it_brought(copy: Project) -> None:
    imports = {each.name: each.rows for each in culprits.look(copy).suspects[culprits.IMPORT]}
    assert imports[bad_import(copy)] == 16
    labels = culprits._training(Snapshot(copy)).labels
    assert sum(imports.values()) == len(labels)


def test_without_gold_nobody_is_suspected(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", FRAME.head(60)) as made:
        found = culprits.look(made)
        assert found.suspects == {} and found.why_not is not None
        assert "30 more gold labels" in found.why_not


def test_a_group_is_measured_by_the_models_with_and_without_its_rows(copy: Project) -> None:
    name = bad_import(copy)
    found = culprits.measure(copy, culprits.BATCH, name)
    fits = Fits(Snapshot(copy))
    ruler, config = rulers.current(fits.snapshot), fits.model_of(fits.snapshot.config())
    scores = [
        ruler.right(fits.of_version(DataVersion(fits.snapshot.upto, gone), config)).mean()
        for gone in (frozenset({int(name)}), frozenset[int]())
    ]
    assert (found.before, found.after) == pytest.approx(tuple(scores))
    assert found.delta == pytest.approx(scores[1] - scores[0]) and found.delta < 0
    assert found.low <= found.delta <= found.high
    assert found.band is not None and found.band >= 0
    assert impact.in_words(found).startswith("batch Import 나쁜")


def test_the_newest_measure_of_each_group_is_kept(copy: Project) -> None:
    name = bad_import(copy)
    for _ in range(2):
        found = culprits.measure(copy, culprits.IMPORT, name)
    culprits.measure(copy, culprits.ANNOTATOR, "oracle")
    stored = culprits.measured(copy)
    assert [(row["kind"], row["name"]) for row in stored] == [
        (culprits.IMPORT, name),
        (culprits.ANNOTATOR, "oracle"),
    ]
    assert stored[0]["delta"] == found.delta
    assert impact.words_of(stored[0]) == impact.in_words(found)


def test_the_worker_measures_a_group(copy: Project) -> None:
    args = {"kind": culprits.BATCH, "name": bad_import(copy)}
    job = worker.start(copy, culprits.JOB, author="t", args=args)
    ended = worker.wait(copy, job, progress=lambda *_: None)
    assert (ended.state, ended.message) == ("done", impact.words_of(culprits.measured(copy)[0]))


@pytest.mark.parametrize(("kind", "name", "words"), [
    ("planet", "1", "expected one of batch, import, annotator"),
    (culprits.BATCH, "999", "no training row has its label from batch '999'"),
    (culprits.IMPORT, "1", "nothing is left without them"),
])  # fmt: skip
def test_what_cannot_be_left_out_is_refused(
    planted: Project, kind: str, name: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        culprits.measure(planted, kind, name)
