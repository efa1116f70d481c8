"""The pages of reviewers and owners, worked with: review, team, requirements."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from labeling import answers, audits, learner, queue, requirements, review, worker
from labeling.ingest import silent
from labeling.learner import Plan
from labeling.project import Project, opened
from labeling.store import items
from tests.factories import answer_queue, flipped, make_project, text_frame, truth_of

CLASSES = ("money", "sport")


@pytest.fixture
def path(projects: Path) -> Path:
    with make_project(projects / "p.db", text_frame(60)) as made:
        return made.path


def disagree(of: Project, n: int) -> list[str]:
    """Two people answer the first `n` pool items of the batch differently."""
    sides = {item.item_id: item.side for item in items.every(of.db)}
    asked = queue.take(of, "Ann", want=20).new
    slots = [slot for slot in asked if sides[slot.item_id] == "pool"][:n]
    for slot in slots:
        answers.answer(of, slot.slot_id, "sport", annotator="Ann", ms=900)
        answers.answer(of, slot.slot_id, "money", annotator="Bob", ms=1200)
    return [slot.item_id for slot in slots]


def run(root: Path, page: str) -> AppTest:
    app = AppTest.from_file(str(root / "pages" / f"{page}.py"), default_timeout=30)
    app.session_state["name"] = "Eve"
    app.session_state["project"] = "p"
    return fine(app.run())


def fine(app: AppTest) -> AppTest:
    assert not app.exception
    assert [block.value for block in app.error] == []
    return app


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def words(app: AppTest) -> str:
    blocks = [*app.markdown, *app.info, *app.subheader, *app.caption]
    return " ".join(str(block.value) for block in blocks)


# Review


def test_with_nothing_to_rule_on_the_page_says_what_would_bring_work(
    root: Path, path: Path
) -> None:
    app = run(root, "review")
    assert "Nothing is in dispute" in words(app)
    assert "No check suspects a label" in words(app)
    assert not app.button


def test_a_queue_is_made_of_as_many_disagreements_as_there_is_time_for(
    root: Path, path: Path
) -> None:
    with opened(path) as project:
        disagree(project, 3)
    app = run(root, "review")
    assert "Rule on 3" in [button.label for button in app.button]
    app.number_input(key="n-answers").set_value(2).run()
    app = fine(press(app, "Rule on 2"))
    with opened(path) as project:
        (made,) = review.queues(project)
        assert (made.title, made.author, made.open) == ("Adjudicate 2 disagreements", "Eve", 2)
        assert review.open_disagreements(project) == 1
    assert app.session_state["queue"] == made.change_id
    assert app.button_group[0].options[0] == f"{made.change_id} · {made.title}"


def test_the_next_queue_asks_for_no_more_than_is_left(root: Path, path: Path) -> None:
    with opened(path) as project:
        items = disagree(project, 3)
        app = run(root, "review")
        assert app.number_input(key="n-answers").set_value(3).run().number_input[0].value == 3
        review.adjudicate(project, items[:2], author="Bob")
    app.session_state["queue"] = 0
    app = fine(app.run())
    assert (app.number_input[0].value, app.number_input[0].max) == (1, 1)


def test_the_review_says_what_it_has_found_and_whether_to_go_on(root: Path, projects: Path) -> None:
    frame = text_frame(120, korean=True)
    planted = frame.assign(
        label=frame["label"].where(frame.index % 12 > 0, flipped(frame)["label"])
    )
    with make_project(projects / "p.db", planted, label="label", reserve=0.0) as made:
        audits.recheck(made)
        app = run(root, "review")
        assert "Nothing is reviewed yet" in words(app)
        assert "labels look wrong" in words(app)
        asked = review.relabel(made, 7, author="Eve")
        answer_queue(made, truth_of(frame), annotator="Eve", queue_id=asked)
    app = run(root, "review")
    assert "of 7 reviewed labels were wrong" in words(app)
    assert "errors a minute" in words(app)
    shown = next(table.value for table in app.dataframe if "ruling" in table.value)
    assert set(shown["content"]) <= set(frame["text"])


def test_settings_typed_for_one_project_do_not_reach_another(
    root: Path, path: Path, projects: Path
) -> None:
    make_project(projects / "q.db", text_frame(60)).close()
    app = run(root, "requirements")
    app.text_input(key="setting-p-batch_size").set_value("33").run()
    app.session_state["project"] = "q"
    app = fine(app.run())
    assert app.text_input(key="setting-q-batch_size").value == "20"
    fine(press(app, "Save the settings"))
    with opened(projects / "q.db") as other:
        assert other.config["batch_size"] == 20


# Team


def test_the_live_picture_shows_who_holds_what(root: Path, path: Path) -> None:
    app = run(root, "team")
    assert "Nobody is labeling just now" in words(app)
    with opened(path) as project:
        disagree(project, 2)
        queue.take(project, "Ann", want=4)
    app = fine(app.run())
    assert [metric.value for metric in app.metric][:2] == ["2", "4"]
    here = app.dataframe[0].value
    assert set(here["annotator"]) == {"Ann", "Bob"}


def test_agreement_stands_by_version_of_the_guideline(root: Path, path: Path) -> None:
    with opened(path) as project:
        disagree(project, 4)
    app = run(root, "team")
    assert "By version of the guideline" not in words(app)
    with opened(path) as project:
        requirements.save_guideline(project, "축구는 스포츠", author="Eve")
        for slot in queue.take(project, "Ann", want=6).new:
            for who in ("Ann", "Bob"):
                answers.answer(project, slot.slot_id, "sport", annotator=who, ms=900)
    app = fine(app.run())
    assert "By version of the guideline" in words(app)
    table = next(shown.value for shown in app.dataframe if "version" in shown.value)
    equal = table[table["measure"] == "equal answers, share"]
    assert equal[["version", "value", "n_items"]].to_numpy().tolist() == [[1, 0, 4], [2, 1, 6]]


# Requirements


def test_guideline_and_examples_of_several_classes_are_one_version(root: Path, path: Path) -> None:
    app = run(root, "requirements")
    app.text_area[0].set_value("Ask when in doubt.").run()
    app.text_area[1].set_value("anything about money").run()
    app.button_group[0].set_value("sport").run()
    assert app.text_area[1].value == ""
    app.text_area[2].set_value("the team wins\n\n the coach ").run()
    app = fine(press(app, "Save as version 2"))
    with opened(path) as project:
        made = project.label_set
    assert (made.version, made.guideline) == (2, "Ask when in doubt.")
    assert made.examples == {
        "money": {"means": "anything about money", "examples": []},
        "sport": {"means": "", "examples": ["the team wins", "the coach"]},
    }
    assert "Save as version 3" in [button.label for button in app.button]


def test_a_version_made_meanwhile_is_not_overwritten_unseen(root: Path, path: Path) -> None:
    app = run(root, "requirements")
    app.text_area[0].set_value("Eve's").run()
    with opened(path) as project:
        requirements.save_guideline(project, "Bob's", author="Bob")
    app = press(app.run(), "Save as version 3")
    assert "version 2 was made in the meantime" in app.error[0].value
    assert app.text_area[0].value == "Eve's", "what was typed is still there"
    app = fine(press(app, "Save as version 3"))
    with opened(path) as project:
        assert project.label_set.guideline == "Eve's"


def test_a_page_that_nobody_typed_in_shows_the_newest_version(root: Path, path: Path) -> None:
    app = run(root, "requirements")
    with opened(path) as project:
        requirements.save_guideline(project, "Bob's", author="Bob")
    assert fine(app.run()).text_area[0].value == "Bob's"


def test_many_classes_are_found_by_typing(root: Path, projects: Path) -> None:
    classes = tuple(f"class {number}" for number in range(77))
    make_project(projects / "p.db", text_frame(60), classes=classes).close()
    app = run(root, "requirements")
    app.selectbox[0].set_value("class 76").run()
    app.text_area[1].set_value("the last one").run()
    fine(press(app, "Save as version 2"))
    with opened(projects / "p.db") as project:
        assert project.label_set.examples == {"class 76": {"means": "the last one", "examples": []}}


# Learner


def finished(app: AppTest, path: Path, kind: str) -> AppTest:
    """The page once the job that it started has ended."""
    with opened(path) as project:
        job = worker.status(project, kind)
        assert job is not None
        assert worker.wait(project, job.job_id, progress=silent).state == "done"
    return fine(app.run())


def test_a_project_is_replayed_from_the_page(root: Path, path: Path) -> None:
    app = run(root, "learner")
    assert "Not yet: a replay is scored on 10 gold labels" in plain_words(app)
    with opened(path) as project:
        answer_queue(project, truth_of(text_frame(60)))
    app = fine(app.run())
    app.number_input(key="replay-batch").set_value(5).run()
    app.number_input(key="replay-budget").set_value(4).run()
    assert "more labels a step than labels in all" in plain_words(app)
    app.number_input(key="replay-budget").set_value(15).run()
    app.number_input(key="replay-seeds").set_value(2).run()
    app = finished(press(app, "Replay this project"), path, "replay")
    with opened(path) as project:
        found = learner.newest(project, learner.REPLAY)
    assert found is not None
    assert found.plan == Plan(["margin_spread"], 15, 5, 2)
    shown = next(table.value for table in app.dataframe if "ratio" in table.value)
    assert set(shown["strategy"]) == {"margin_spread", "random"}
    for row in found.savings[found.savings["strategy"] == "margin_spread"].itertuples():
        if row.metric == "accuracy":
            assert f"{row.target:.0%}: {row.words}." in plain_words(app)
    assert len(app.get("vega_lite_chart")) == 1
    buttons = [each.label for each in app.get("download_button")]
    assert buttons == ["Savings as CSV", "Curves as CSV"]


def test_a_labelled_file_is_simulated_from_the_page(root: Path, path: Path) -> None:
    app = run(root, "learner")
    assert "Not yet: send a labelled table first" in plain_words(app)
    table = text_frame(60).to_csv(index=False).encode()
    app = fine(
        app.file_uploader(key="simulated-file").set_value(("mine.csv", table, "text/csv")).run()
    )
    app.number_input(key="simulation-batch").set_value(10).run()
    app.number_input(key="simulation-budget").set_value(20).run()
    app.number_input(key="simulation-seeds").set_value(2).run()
    app = finished(press(app, "Simulate"), path, "simulation")
    assert "mine.csv, model default: 2 seeds, 10 labels a step" in plain_words(app)
    with opened(path) as project:
        found = learner.newest(project, learner.SIMULATION)
    assert found is not None
    assert found.curves["n_labels"].max() == 48


def plain_words(app: AppTest) -> str:
    return words(app).replace("\\", "")
