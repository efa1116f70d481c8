"""The learner's services: jobs run for real, and what they leave behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest

from labeling import answers, learner, queue, simulation, verification, worker
from labeling.core.features import Content
from labeling.errors import InputError
from labeling.impact import cached
from labeling.ingest import silent
from labeling.learner import Plan
from labeling.project import Project, change_settings
from tests.factories import answer_queue, make_project, text_frame, truth_of

FRAME = text_frame(100)
PLAN = Plan(("margin",), budget=15, batch=5, seeds=2)
TEXT = Content("text", ("text",))


@pytest.fixture
def at_work(tmp_path: Path) -> Iterator[Project]:
    with make_project(tmp_path / "p.db", FRAME, settings={"gold_per_batch": "20"}) as made:
        answer_queue(made, truth_of(FRAME))
        yield made


def test_a_replay_as_a_job_gives_what_the_service_gives(at_work: Project) -> None:
    assert learner.newest(at_work, learner.REPLAY) is None
    assert learner.cannot_replay(at_work) is None
    job_id = worker.start(at_work, learner.REPLAY, author="Eve", args={"plan": asdict(PLAN)})
    assert worker.wait(at_work, job_id, progress=silent).state == "done"
    found = learner.newest(at_work, learner.REPLAY)
    assert found is not None
    own = simulation.replay(at_work, names=["margin", "random"], budget=15, batch=5, seeds=[0, 1])
    pd.testing.assert_frame_equal(found.curves, own)
    assert set(found.savings["strategy"]) == {"margin", "random"}
    assert found.stale == ""
    assert verification.verify(at_work).empty


def test_a_replay_says_when_work_has_gone_on(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", FRAME) as made:
        (slot,) = queue.take(made, "Ann", want=1).new
        answers.answer(made, slot.slot_id, "sport", annotator="Ann", ms=900)
        answer_queue(made, truth_of(FRAME))
        learner.replay(made, PLAN, progress=silent)
        answers.answer(made, slot.slot_id, "sport", annotator="Bob", ms=900)
        found = learner.newest(made, learner.REPLAY)
    assert found is not None
    assert found.plan == Plan(["margin"], 15, 5, 2)
    assert found.stale.startswith("1 newer answers")
    assert found.stale in found.words


def test_a_file_that_was_sent_leaves_with_its_job(at_work: Project) -> None:
    learner.send(at_work, FRAME, TEXT, label="label", source="f.csv")
    learner.simulate(at_work, PLAN, model="naive_bayes", progress=silent)
    found = learner.newest(at_work, learner.SIMULATION)
    assert found is not None
    assert (found.source, found.model) == ("f.csv", "naive_bayes")
    assert found.curves["n_labels"].max() == 80
    stored = cached(at_work, learner.SENT)
    assert stored is not None
    assert stored[1] is None
    with pytest.raises(InputError, match="send it again"):
        learner.simulate(at_work, PLAN, model="default", progress=silent)


def test_a_file_that_cannot_be_learned_is_refused_in_words(at_work: Project) -> None:
    with pytest.raises(InputError, match="named both as label and as content"):
        learner.send(at_work, FRAME, TEXT, label="text", source="f.csv")
    with pytest.raises(InputError, match="20,001 rows"):
        many = pd.DataFrame({"text": ["a"] * 20_001, "label": "b"}, dtype=object)
        learner.send(at_work, many, TEXT, label="label", source="f.csv")
    learner.send(at_work, FRAME.assign(label="one"), TEXT, label="label", source="f.csv")
    with pytest.raises(InputError, match="holds 1 class"):
        learner.simulate(at_work, PLAN, model="default", progress=silent)


def test_what_is_in_force_comes_with_its_notes(at_work: Project) -> None:
    (asks, *_), (learns, *_) = learner.in_force(at_work)
    assert (asks, learns) == ("Asks by", "Learns with")
    own = {"model": "sklearn.ensemble.ExtraTreesClassifier", "strategy": "random"}
    change_settings(at_work, own, author="Eve")
    names = [name for _, name, _ in learner.in_force(at_work)]
    assert names == ["random", "sklearn.ensemble.ExtraTreesClassifier"]
    assert learner.strategy(at_work) != "random", "random is set beside another"


def test_without_gold_there_is_no_replay_yet(tmp_path: Path) -> None:
    with make_project(tmp_path / "p.db", FRAME) as made:
        assert "there are 0" in str(learner.cannot_replay(made))
        assert learner.reliability(made) is None
