"""Data against model: effects that add up, a verdict that can go either way, labels that decide."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import duel as worlds
from labeling.core import duel, search, sequential, verified
from labeling.core.duel import Cells, Duel, Hours

HOUR = Hours(1.0, 1.0)
Fought = tuple[Duel, Cells[np.ndarray]]


def fought(name: str, noise: float, seed: int) -> Fought:
    rng = np.random.default_rng([seed, round(100 * noise)])
    of = {"digits": worlds.digits, "intents": worlds.intents}[name](rng)
    return worlds.fought(of, rng, noise=noise, names=worlds.FEW, folds=3)


@pytest.fixture(scope="module")
def weak_models() -> list[Fought]:
    """Digits, for which a linear model is too weak, with 0, 8 and 20 % wrong labels."""
    return [fought("digits", noise, seed=1) for noise in (0.0, 0.08, 0.2)]


@pytest.fixture(scope="module")
def bad_labels() -> list[Fought]:
    """Short texts, for which a linear model is right, with 20 % wrong labels."""
    return [fought("intents", 0.2, seed) for seed in range(2)]


def random_cells(seed: int, n: int = 300) -> Cells[np.ndarray]:
    rng = np.random.default_rng(seed)
    return Cells(*[(rng.random(n) < share).astype(float) for share in rng.uniform(0.2, 0.9, 4)])


@pytest.mark.parametrize("seed", range(5))
def test_data_and_model_add_up_to_the_total(seed: int) -> None:
    """METHODS G1, item by item and in the mean."""
    right = random_cells(seed)
    each, mean = duel.per_item(right), duel.effects(right)
    assert (each.data + each.model == each.total).all()
    assert mean.data.value + mean.model.value == pytest.approx(mean.total.value, abs=1e-12)
    assert mean.total.value == pytest.approx(right.new_tuned.mean() - right.old_plain.mean())
    assert (each.difference == right.new_plain - right.old_tuned).all()


def test_a_weak_model_is_never_called_weak_data(weak_models: list[Fought]) -> None:
    """METHODS G2, first half; `python -m benchmarks.duel` runs twelve."""
    verdicts = [found.verdict for found, _ in weak_models]
    assert not any(verdict.startswith("the data") for verdict in verdicts)
    assert verdicts[0].startswith("the model moved the score more")


def test_bad_labels_are_called_bad_data(bad_labels: list[Fought]) -> None:
    """METHODS G2, second half: in every run."""
    assert {found.verdict for found, _ in bad_labels} == {"the data moved the score more"}


def like_the_tweets_of_methods(rng: np.random.Generator, n: int = 5000) -> Cells[np.ndarray]:
    """Four models of about 76 to 80 % that differ on 4 to 12 % of the items."""

    def changed(right: np.ndarray, *, better: float, worse: float) -> np.ndarray:
        draw = rng.random(n)
        return np.where(right > 0, draw >= worse, draw < better).astype(float)

    base = (rng.random(n) < 0.763).astype(float)
    tuned, data = changed(base, better=0.1, worse=0.03), changed(base, better=0.3, worse=0.05)
    return Cells(base, tuned, data, changed(data, better=0.1, worse=0.03))


@pytest.mark.parametrize("n", [100, 200, 500])
def test_the_intervals_cover_what_they_promise(n: int) -> None:
    """METHODS G3: 95 + - 3 % for every effect."""
    rng = np.random.default_rng(n)
    held = [worlds.coverage(like_the_tweets_of_methods(rng), rng, n=n, draws=200) for _ in range(4)]
    assert (np.abs(np.mean(held, axis=0) - 0.95) <= 0.03).all()


def test_where_models_seldom_differ_intervals_still_cover(
    weak_models: list[Fought], bad_labels: list[Fought]
) -> None:
    rng = np.random.default_rng(0)
    both = [*weak_models, *bad_labels]
    held = [worlds.coverage(right, rng, n=100, draws=250) for _, right in both]
    assert np.min(held) >= 0.88
    assert np.mean(held) >= 0.94


def test_models_that_agree_everywhere_decide_nothing_and_ask_nothing() -> None:
    codes = np.zeros(200, dtype=np.int64)
    found = duel.judge(
        Cells(codes, codes, codes, codes),
        at=np.arange(60),
        truth=np.zeros(60, dtype=np.int64),
        hours=HOUR,
        rng=np.random.default_rng(0),
    )
    assert found.verdict == "not decided: data and model moved the score alike"
    assert len(found.to_verify) == 0
    assert found.effects.data.low < 0 < found.effects.data.high


def test_only_open_rows_that_tell_the_models_apart_are_asked(bad_labels: list[Fought]) -> None:
    rng = np.random.default_rng(3)
    codes = Cells(*[rng.integers(3, size=400) for _ in range(4)])
    labelled = np.arange(0, 400, 4)
    asked = duel.rows_to_verify(codes, labelled, rng)
    apart = np.flatnonzero((np.stack(codes) != codes.old_plain).any(axis=0))
    assert set(asked) == set(np.setdiff1d(apart, labelled))
    crossed = (codes.new_plain != codes.old_tuned)[asked]
    assert crossed[: crossed.sum()].all(), "the rows that decide come first"
    assert not (np.sort(asked[: crossed.sum()]) == asked[: crossed.sum()]).all(), "in random order"


def test_as_many_verify_labels_as_asked_for_decide_with_the_power_promised() -> None:
    """80 % of the time, if the truth is what the gold showed: 12 gained and 4 lost of 100."""
    old_tuned = np.repeat([0, 1, 0, 1], [60, 12, 4, 24])
    new_plain = np.repeat([0, 0, 1, 1], [60, 12, 4, 24])
    cells = Cells(old_tuned, old_tuned, new_plain, new_plain)
    right = Cells(*[(codes == 0).astype(float) for codes in cells])
    needed = duel.verify_labels_needed(right, cells)
    assert needed == 16
    rng, decided = np.random.default_rng(5), []
    effect, share = right.new_plain - right.old_tuned, 0.16
    for _ in range(1000):
        gold = effect[rng.integers(100, size=100)]
        said = np.concatenate([gold[gold != 0], rng.choice(effect[effect != 0], needed)])
        value, n = share * said.mean(), 100 + needed / share
        decided.append(value > 1.96 * np.sqrt((share - value**2) / n))
    assert np.mean(decided) == pytest.approx(0.8, abs=0.06)


def test_few_gold_labels_decide_nothing() -> None:
    found = judged(random_cells(1), n=20)
    assert found.verdict == "not decided: needs about 10 more gold labels before any verdict"


def judged(right: Cells[np.ndarray], *, n: int, hours: Hours = HOUR) -> Duel:
    codes = Cells(*[(1 - each).astype(np.int64) for each in right])
    truth = np.zeros(n, dtype=np.int64)
    return duel.judge(
        codes, at=np.arange(n), truth=truth, hours=hours, rng=np.random.default_rng(0)
    )


def test_an_open_duel_says_how_many_labels_it_needs() -> None:
    rng = np.random.default_rng(8)
    base = (rng.random(5000) < 0.8).astype(float)
    better = np.where(rng.random(5000) < 0.05, 1.0, base)
    worse = np.where(rng.random(5000) < 0.04, 1.0, base)
    found = judged(Cells(base, worse, better, np.maximum(worse, better)), n=60)
    assert found.verdict.startswith("not decided, needs about ")
    assert "more verify labels" in found.verdict


def test_efforts_that_were_not_equal_are_named() -> None:
    rng = np.random.default_rng(2)
    base = (rng.random(500) < 0.5).astype(float)
    data = np.where(rng.random(500) < 0.4, 1.0, base)
    cells = Cells(base, base, data, data)
    assert judged(cells, n=400).verdict == "the data moved the score more"
    uneven = judged(cells, n=400, hours=Hours(4.0, 0.5))
    assert "the efforts were not equal (4.0 hours on the data, 0.5 on the model)" in uneven.verdict


def test_points_per_hour_are_the_effect_over_the_hours() -> None:
    found = duel.effects(random_cells(4))
    rate = duel.per_hour(found.data, 0.5)
    assert rate is not None
    assert rate == pytest.approx([200 * bound for bound in found.data])
    assert duel.per_hour(found.data, 0.0) is None


def test_words_start_with_the_verdict_and_give_every_figure_its_interval() -> None:
    lines = duel.in_words(judged(random_cells(6), n=200, hours=Hours(2.0, 0.0)))
    assert len(lines) in (3, 4)
    assert all("[" in line for line in lines[1:3])
    assert "points an hour [" in lines[1]
    assert lines[2].endswith("no hours recorded.")


def test_either_arm_is_tuned_on_its_own_data() -> None:
    searched, asked = [], []

    def search_on(version: str) -> str:
        searched.append(version)
        return f"best of {version}"

    def predict(version: str, chosen: str) -> np.ndarray:
        asked.append((version, chosen))
        return np.zeros(3, dtype=np.int64)

    _, used = duel.fight("old", "new", plain="plain", search=search_on, predict=predict)
    assert searched == ["old", "new"]
    assert used == Cells("plain", "best of old", "plain", "best of new")
    assert asked == [
        ("old", "plain"),
        ("old", "best of old"),
        ("new", "plain"),
        ("new", "best of new"),
    ]


# What verify labels may add


def test_without_rulings_the_gold_has_the_word() -> None:
    rng = np.random.default_rng(4)
    judged = worlds.judged_by_gold(worlds.undecided(), rng)
    nothing = sequential.look(np.zeros(0), n_differ=None)
    assert duel.settle(judged, verified.gain(*[np.zeros(9, int)] * 3), nothing) is judged


@pytest.mark.parametrize(("share", "winner"), [(0.9, "data"), (0.1, "model")])
def test_rulings_name_the_winner_and_leave_the_effects_alone(share: float, winner: str) -> None:
    codes = worlds.undecided(data_wins=share)
    before, after = worlds.settled(codes, 0), worlds.settled(codes, 60)
    assert after.verdict == f"the {winner} moved the score more"
    assert after.is_decided
    assert after.effects == before.effects


def test_a_tie_is_called_a_draw_when_no_row_is_left() -> None:
    found = worlds.settled(worlds.undecided(), 1000)
    assert not found.is_decided
    assert found.verdict.endswith("and no row is left that would decide it: call it a draw")


def test_looking_after_every_ruling_seldom_names_a_winner_of_a_tie() -> None:
    """The gold's own one look is left out: only duels that it leaves open ask for rulings."""
    codes = worlds.undecided(rows=900, differ=160)
    open_ = [seed for seed in range(50) if not worlds.settled(codes, 0, seed=seed).is_decided]
    assert len(open_) > 40
    wrong = [any(worlds.settled(codes, n, seed=s).is_decided for n in (20, 40, 80)) for s in open_]
    assert np.mean(wrong) <= 0.06


# The search


@pytest.mark.parametrize("name", search.CONFIGURATIONS)
def test_a_configuration_learns_from_dense_and_sparse_rows(name: str) -> None:
    from scipy.sparse import csr_matrix

    rng = np.random.default_rng(0)
    y = np.repeat([0, 2], 20)
    x = rng.normal(size=(40, 3)) + 6 * y[:, None]
    assert (search.predict(x, y, x, name=name) == y).all()
    assert (search.predict(csr_matrix(x), y, csr_matrix(x), name=name) == y).all()


def test_the_budget_is_fixed_at_twenty_one_configurations() -> None:
    assert len(search.CONFIGURATIONS) == 21
    assert search.PLAIN in search.CONFIGURATIONS


def test_the_search_finds_what_generalises_and_gives_the_same_again() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(160, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    names = ("logistic C=10", "kernel C=10", "neighbours k=5")
    found = search.best(x, y, names=names, seed=3)
    assert found.name in ("kernel C=10", "neighbours k=5")
    assert found.scores["logistic C=10"] < 0.75 < found.score
    assert search.best(x, y, names=names, seed=3) == found


def test_folds_share_out_every_class_evenly() -> None:
    y = np.repeat([0, 1, 2], [50, 20, 3])
    fold = search.folds_of(y, 5, np.random.default_rng(0))
    for label, least, most in ((0, 10, 10), (1, 4, 4), (2, 0, 1)):
        counts = np.bincount(fold[y == label], minlength=5)
        assert counts.min() >= least
        assert counts.max() <= most


def test_one_class_or_no_rows_still_predict() -> None:
    x = np.ones((4, 2))
    none = np.zeros(0, dtype=np.int64)
    assert (search.predict(x, np.full(4, 2), x, name=search.PLAIN) == 2).all()
    assert (search.predict(x[:0], none, x, name=search.PLAIN) == 0).all()
    assert search.best(x, np.array([1, 1, 1, 0]), names=worlds.FEW).name in worlds.FEW
