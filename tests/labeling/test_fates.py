"""An issue that is not found any more: fixed by somebody, or just gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labeling import audits, export, fixes, history, issues, project
from labeling.project import Project
from labeling.store import audits as store
from labeling.store import events, items
from tests.factories import frame_with_copies, make_project


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Project]:
    with make_project(tmp_path / "p.db", frame_with_copies(), reserve=0.0) as one:
        yield one


def audit(one: Project, *found: tuple[str, str]) -> None:
    """An audit of now that found these issues: (issue, item)."""
    with one.writing():
        number = store.add(
            one.db, at=project.now(), upto_event=events.last(one.db), version_hash="", round_no=None
        )
        rows = [(issue, "L203", "warning", item, "", 0.2, "수상함") for issue, item in found]
        store.add_findings(one.db, number, rows)


def say(one: Project, item: str, kind: str = "label") -> None:
    with one.writing():
        name = f"{kind}-{item}-{events.last(one.db)}"
        said = (name, 1, kind, item, "민수", "sport", 900, 1, None, project.now())
        events.append(one.db, [events.NewEvent(*said)])


def status(one: Project) -> dict[str, str]:
    told = issues.table(one)
    return dict(zip(told["issue_id"], told["status"], strict=True))


def test_only_what_somebody_touched_in_between_is_fixed(made: Project) -> None:
    before, after, never, noted, there = sorted(items.ids(made.db))[:5]
    found = [("before", before), ("after", after), ("never", never), ("noted", noted)]
    say(made, never)
    audit(made, *found, ("there", there))
    say(made, before)
    say(made, there)
    say(made, noted, "flag")
    audit(made, ("there", there))
    say(made, after)
    told = {"before": "fixed", "after": "gone", "never": "gone", "noted": "gone", "there": "open"}
    assert status(made) == told
    audit(made)
    assert status(made) == told | {"there": "gone"}


def test_an_issue_about_the_table_is_fixed_where_the_data_changed(made: Project) -> None:
    audit(made, ("table", ""))
    audit(made)
    assert status(made) == {"table": "gone"}
    audit(made, ("table", ""))
    say(made, sorted(items.ids(made.db))[0])
    audit(made)
    assert status(made) == {"table": "fixed"}


def test_an_issue_that_comes_back_and_goes_again_is_judged_by_the_last_time(made: Project) -> None:
    item = sorted(items.ids(made.db))[0]
    audit(made, ("one", item))
    say(made, item)
    audit(made)
    assert status(made) == {"one": "fixed"}
    audit(made, ("one", item))
    audit(made)
    assert status(made) == {"one": "gone"}


def test_a_merge_fixes_the_issue_of_the_row_that_is_kept_too(made: Project) -> None:
    audits.recheck(made)
    pair = fixes.clusters(made)["item_id"].tolist()[:2]
    found = issues.table(made).query("code == 'D302' and item_id in @pair")["issue_id"].tolist()
    fixes.merge(made, pair, author="rev")
    audits.recheck(made)
    assert [status(made)[issue] for issue in found] == ["fixed"]


def test_a_pair_marked_not_the_same_is_fixed_and_a_change_of_settings_fixes_nothing(
    made: Project,
) -> None:
    audits.recheck(made)
    pair = fixes.clusters(made)["item_id"].tolist()[:2]
    before = status(made)
    fixes.keep_apart(made, pair, author="rev")
    audits.recheck(made)
    own = {i for i, word in status(made).items() if word == "fixed"}
    assert len(own) == 1
    suite = audits.stored_suite(made)
    assert suite
    audits.save_suite(made, "[]", author="own")
    audits.recheck(made)
    assert {word for issue, word in status(made).items() if issue not in own} <= {"open", "gone"}
    assert set(status(made)) >= set(before)


def test_a_taken_back_fix_is_open_again_and_the_csv_tells_fixed_from_gone(made: Project) -> None:
    audits.recheck(made)
    chosen = issues.table(made).query("code == 'D302'")["issue_id"].tolist()
    change = fixes.drop(made, chosen[:1], author="rev", reason="광고")
    audits.recheck(made)
    told = export.table(made, "issues").set_index("issue_id")["status"]
    assert told[chosen[0]] == "fixed"
    assert set(told[chosen[1:]]) == {"open"}
    assert fixes.table(made)["gone"].tolist() == [1]
    history.revert(made, change, author="rev")
    audits.recheck(made)
    assert status(made)[chosen[0]] == "open"
