"""What a review of suspected labels has found, and about where it stops paying."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from labeling import audits, export, fixes, history, issues, review, reviewing
from labeling.project import Project
from labeling.store import items
from tests.factories import answer_queue, flipped, make_project, text_frame, truth_of

FRAME = text_frame(140, korean=True)
WRONG = FRAME["id"][::10]
TRUTH = truth_of(FRAME)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Project]:
    """Korean texts of which every tenth is labelled wrongly, all in the pool."""
    frame = FRAME.copy()
    frame["label"] = frame["label"].where(~frame["id"].isin(WRONG), flipped(FRAME)["label"])
    with make_project(tmp_path / "p.db", frame, label="label", reserve=0.0) as one:
        yield one


def rule_on(made: Project, n: int) -> int:
    queue = review.relabel(made, n, author="rev")
    answer_queue(made, TRUTH, annotator="rev", queue_id=queue)
    return queue


def test_before_the_checks_suspect_a_label_there_is_nothing_to_say(made: Project) -> None:
    assert reviewing.state(made) is None
    assert export.table(made, "rulings").empty


def test_with_nothing_reviewed_it_asks_for_the_first_rows(made: Project) -> None:
    audits.recheck(made)
    found = reviewing.state(made)
    assert found is not None
    assert "labels look wrong" in found.estimate and "between" in found.estimate
    assert found.progress.words.startswith("Nothing is reviewed yet. Review the first ")
    assert found.rulings.empty


def test_every_ruling_counts_as_right_or_wrong_and_time_is_told(made: Project) -> None:
    audits.recheck(made)
    suspected = set(issues.table(made).query("code == 'L203'")["item_id"])
    rule_on(made, 10)
    found = reviewing.state(made)
    assert found is not None
    source = {item.item_id: item.source_id for item in items.every(made.db)}
    wrong = [source[item] in set(WRONG) for item in found.rulings["item_id"]]
    assert found.rulings["wrong"].tolist() == wrong
    assert found.rulings["found"].tolist() == np.cumsum(wrong).tolist()
    assert found.rulings["ruling"].tolist() == [TRUTH[source[i]] for i in found.rulings["item_id"]]
    assert (found.progress.reviewed, found.progress.found) == (10, sum(wrong))
    assert found.progress.per_minute == pytest.approx(sum(wrong) / (10 * 0.9 / 60))
    assert found.progress.ahead == len(suspected) - 10
    told = found.rulings
    assert (told["low"] <= told["precision"] + 1e-9).all()
    assert (told["precision"] <= told["high"] + 1e-9).all()
    assert told["high"].iloc[-1] - told["low"].iloc[-1] < told["high"][0] - told["low"][0]


def test_what_was_ruled_stays_counted_after_the_next_audit_and_goes_with_a_revert(
    made: Project,
) -> None:
    audits.recheck(made)
    queue = rule_on(made, 4)
    before = reviewing.rulings(made)
    audits.recheck(made)
    assert reviewing.rulings(made).equals(before)
    rule_on(made, 2)
    assert len(reviewing.rulings(made)) == 6
    history.revert(made, queue, author="rev")
    assert len(reviewing.rulings(made)) == 2


def test_rulings_on_other_issues_are_no_part_of_it(made: Project) -> None:
    audits.recheck(made)
    other = issues.table(made).query("code != 'L203' and code.str.startswith('L')")
    if len(other):
        fixes.relabel(made, list(other["issue_id"]), author="rev")
    review.relabel(made, 2, author="rev")
    assert reviewing.rulings(made).empty, "asked, but not answered"


def test_when_the_errors_are_found_it_says_stop(made: Project) -> None:
    audits.recheck(made)
    rule_on(made, len(review.suspects(made)))
    found = reviewing.state(made)
    assert found is not None
    assert found.progress.found >= 0.8 * len(WRONG)
    assert "stop here" in found.progress.words or "The list is done" in found.progress.words
