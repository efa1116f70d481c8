"""The ruler: what of a headline is the model, and what is the gold itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from labeling.core import metrics, ruler

N, CLASSES = 400, 4


def story(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True codes and two models' predictions; the second is better by some 8 points."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(CLASSES, size=N)
    old, new = (
        np.where(rng.random(N) < share, truth, rng.integers(CLASSES, size=N))
        for share in (0.70, 0.80)
    )
    return truth, old, new


def relabelled(gold: np.ndarray, share: float, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(gold), size=round(share * len(gold)), replace=False)
    moved = gold.copy()
    moved[rows] = (moved[rows] + 1) % CLASSES
    return moved


def test_when_a_tenth_of_gold_is_relabelled_and_the_model_stays_all_is_ruler() -> None:
    truth, model, _ = story()
    found = ruler.split((model, model), (relabelled(truth, 0.1), truth))
    assert found.model == (0.0, 0.0, 0.0)
    assert found.ruler.value == found.headline
    assert found.ruler.low > 0.02


def test_when_gold_stays_all_is_model_and_the_interval_is_that_of_pairs() -> None:
    truth, old, new = story()
    found = ruler.split((old, new), (truth, truth))
    assert found.ruler == (0.0, 0.0, 0.0)
    pairs = (new == truth).astype(float) - (old == truth)
    bounds = stats.ttest_1samp(pairs, 0).confidence_interval()
    assert found.model == pytest.approx((pairs.mean(), bounds.low, bounds.high))
    assert found.model.value == found.headline


@pytest.mark.parametrize("seed", range(5))
def test_the_parts_add_up_whatever_changed(seed: int) -> None:
    truth, old, new = story(seed)
    first = np.where(np.arange(N) < 150, relabelled(truth, 0.2, seed), -1)
    found = ruler.split((old, new), (first, truth))
    assert found.model.value + found.ruler.value == pytest.approx(found.headline, abs=1e-12)
    scores = ruler.score(old, first), ruler.score(new, truth)
    assert found.headline == pytest.approx(scores[1] - scores[0])
    back = ruler.split((new, old), (truth, first))
    assert back.model.value == pytest.approx(-found.model.value)


@pytest.mark.parametrize(("n_first", "n_all"), [(150, 400), (200, 200)])
def test_the_interval_of_the_models_part_covers_the_future(n_first: int, n_all: int) -> None:
    """Gold grows, and a tenth of it is relabelled on the way."""
    truth, old, new = (np.tile(each, 25) for each in story(7))
    wrong = relabelled(truth, 0.1)
    table = [[(model == gold).mean() for gold in (wrong, truth)] for model in (old, new)]
    expected = ruler.halves(np.array(table))
    covered = []
    for nth in range(400):
        rows = np.random.default_rng([3, nth]).integers(len(truth), size=n_all)
        first = np.where(np.arange(n_all) < n_first, wrong[rows], -1)
        found = ruler.split((old[rows], new[rows]), (first, truth[rows]))
        both = zip((found.model, found.ruler), expected, strict=True)
        covered.append([low <= value <= high for (_, low, high), value in both])
    assert np.mean(covered, axis=0) == pytest.approx(np.array([0.95, 0.95]), abs=0.03)


def test_gold_that_only_grew_moves_no_comparison_once_all_versions_are_scored_anew() -> None:
    truth, old, new = story()
    hard_first = np.argsort(old == truth, kind="stable")
    small = np.full(N, -1)
    small[hard_first[:200]] = truth[hard_first[:200]]
    kept = ruler.score(new, truth) - ruler.score(old, small)
    anew = ruler.rescored([old, new], truth)
    assert anew[1] - anew[0] == pytest.approx((new == truth).mean() - (old == truth).mean())
    assert kept > anew[1] - anew[0] + 0.1, "old figures kept would have flattered"


def test_any_measure_can_be_split() -> None:
    truth, old, new = story()

    def macro_recall(gold: np.ndarray, predicted: np.ndarray) -> float:
        return float(metrics.macro_recall(metrics.confusion_matrix(gold, predicted, CLASSES)))

    found = ruler.split_by(macro_recall, (old, new), (relabelled(truth, 0.1), truth))
    assert found.model.value + found.ruler.value == pytest.approx(found.headline)
    plain = ruler.split_by(ruler.accuracy, (old, new), (relabelled(truth, 0.1), truth))
    with_bounds = ruler.split((old, new), (relabelled(truth, 0.1), truth))
    assert plain.model.value == pytest.approx(with_bounds.model.value)
    assert np.isnan(plain.model.low)


def test_a_ruler_without_labels_measures_nothing() -> None:
    truth, old, new = story()
    with pytest.raises(ValueError, match="found one without any"):
        ruler.split((old, new), (np.full(N, -1), truth))
