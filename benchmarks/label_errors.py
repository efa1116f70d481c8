"""How well wrong labels are found, counted and reviewed, beside plain cross-validation, cleanlab.

python -m benchmarks.label_errors DATA [--quick]

DATA is a folder with the sets `yoruba_news`, `mnist_verified`, `rte_crowd`, `klue_sts_raters`,
`weather_crowd`, `sms_spam`, `nsmc_6k`, `penguins`, `adult_6k`, each a folder of CSV files; what is
not there is left out. Four tables: ranking (AUROC / average precision / errors in the first 50 and
100), the estimated number, reviewing in the order of the ranking, and crowds; then CPU seconds.
"""

from __future__ import annotations

import argparse
import functools
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from labeling.core.features import Content, matrix
from quality import detectors, label_estimates, label_signals, labels, review_progress
from quality.duplicates import exact_keys

RATES = {"uniform": (0.05,), "confusable": (0.02, 0.2), "boundary": (0.1, 0.3), "slice": (0.1,)}
RATES |= {"annotator": (0.1,), "copied": (0.05,)}
SUBSET = 3000  # rows of the larger sets


class Labelled(NamedTuple):
    """Features of a kind, groups of equal rows, labels and, if known, which of them are wrong."""

    name: str
    features: Any
    kind: str
    groups: np.ndarray
    codes: np.ndarray
    wrong: np.ndarray
    noise: str = "real"

    @property
    def n_classes(self) -> int:
        return int(self.codes.max()) + 1


# -- the sets -------------------------------------------------------------------------------------


def labelled(name: str, frame: pd.DataFrame, content: Content, label: Any) -> Labelled:
    """A set taken for clean."""
    codes = pd.factorize(np.asarray(label), sort=True)[0].astype(np.int64)
    groups = exact_keys(frame, content.columns)
    features = matrix(frame, content)
    return Labelled(
        name, features, content.kind, groups, codes, np.zeros(len(codes), bool), "none known"
    )


def from_file(data: Path, name: str, *, text: str | None = None) -> Labelled:
    """A set of the folder; its columns but id and label, or one of text."""
    frame = pd.read_csv(data / name / "data.csv", dtype=str)
    frame = frame.sample(min(len(frame), SUBSET), random_state=0).reset_index(drop=True)
    columns = [c for c in frame if c not in ("id", "label")] if text is None else [text]
    content = Content("columns" if text is None else "text", tuple(columns))
    return labelled(name, frame, content, frame["label"])


def from_sklearn(name: str) -> Labelled:
    """One of scikit-learn's own sets, as a table of numbers."""
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    if name == "digits":
        groups = np.arange(len(bunch.target)).astype(str)
        codes = bunch.target.astype(np.int64)
        clean = np.zeros(len(codes), bool)
        return Labelled(name, bunch.data / 16.0, "image", groups, codes, clean, "none known")
    frame = pd.DataFrame(bunch.data, columns=[f"c{k}" for k in range(bunch.data.shape[1])])
    return labelled(name, frame, Content("columns", tuple(frame.columns)), bunch.target)


def yoruba_news(data: Path) -> Labelled:
    """Headlines labelled by gazetteer rules, with native speakers' labels as the truth."""
    frame, truth = read(data, "yoruba_news")
    made = labelled("yoruba_news", frame, Content("text", ("text",)), frame["label"])
    wrong = (frame["label"] != truth["true_label"].to_numpy()).to_numpy()
    return made._replace(wrong=wrong, noise="real")


def mnist_verified(data: Path) -> Labelled:
    """Digits of which five people checked a hundred candidates."""
    frame, truth = read(data, "mnist_verified")
    with zipfile.ZipFile(data / "mnist_verified" / "images.zip") as images:
        frame["image"] = [images.read(name) for name in frame["file"]]
    made = labelled("mnist_verified", frame, Content("image", ("image",)), frame["label"])
    return made._replace(wrong=(truth["review"] == "error").to_numpy(), noise="real")


def read(data: Path, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The items of a set and, in the same order, what is known to be true."""
    frame = pd.read_csv(data / name / "data.csv", dtype=str)
    truth = pd.read_csv(data / name / "truth.csv", dtype=str).set_index("id").loc[frame["id"]]
    return frame, truth.reset_index()


CLEAN: dict[str, Callable[[Path], Labelled]] = {
    "digits": lambda data: from_sklearn("digits"),
    "breast_cancer": lambda data: from_sklearn("breast_cancer"),
    "wine": lambda data: from_sklearn("wine"),
    "penguins": lambda data: from_file(data, "penguins"),
    "sms_spam": lambda data: from_file(data, "sms_spam", text="text"),
    "nsmc_6k": lambda data: from_file(data, "nsmc_6k", text="text"),
    "adult_6k": lambda data: from_file(data, "adult_6k"),
}
REAL = {"yoruba_news": yoruba_news, "mnist_verified": mnist_verified}
QUICK = ("digits", "penguins", "yoruba_news")


def sets(data: Path, table: dict[str, Callable[[Path], Labelled]], quick: bool) -> list[Labelled]:
    """The sets of a table that are there."""
    from_disk = {path.name for path in data.iterdir()} | {"digits", "breast_cancer", "wine"}
    names = [name for name in table if name in from_disk and (not quick or name in QUICK)]
    return [table[name](data) for name in names]


# -- planted errors -------------------------------------------------------------------------------


def planted(clean: Labelled, noise: str, rate: float, seed: int = 1) -> Labelled:
    """The set with wrong labels: which rows, and which class they get, depends on `noise`."""
    rng, n = np.random.default_rng(seed), len(clean.codes)
    proba = reference(clean)
    margin = proba[np.arange(n), clean.codes]
    proba[np.arange(n), clean.codes] = -1.0
    other, margin = proba.argmax(axis=1), margin - proba.max(axis=1)
    rows = PLACES[noise](clean, margin, int(rate * n), rng)
    codes = clean.codes.copy()
    codes[rows] = (
        rng.integers(clean.n_classes, size=len(rows)) if noise == "uniform" else other[rows]
    )
    if noise == "copied":
        return copied(clean, codes, rows)
    return clean._replace(codes=codes, wrong=codes != clean.codes, noise=f"{noise} {rate:.0%}")


def reference(clean: Labelled) -> np.ndarray:
    """Probabilities of a model of the true labels, out of fold; it only chooses what to spoil."""
    return logistic(clean.features, clean.codes, clean.n_classes, seed=7)


def copied(clean: Labelled, codes: np.ndarray, rows: np.ndarray) -> Labelled:
    """Every spoiled row stands there three times: copies that vouch for each other."""
    keep = np.concatenate([np.arange(len(codes)), np.repeat(rows, 2)])
    wrong = (codes != clean.codes)[keep]
    features, groups = clean.features[keep], clean.groups[keep]
    return clean._replace(
        features=features, groups=groups, codes=codes[keep], wrong=wrong, noise="copied"
    )


def anywhere(clean: Labelled, margin: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(len(margin), n, replace=False)


def near_the_border(
    clean: Labelled, margin: np.ndarray, n: int, rng: np.random.Generator
) -> np.ndarray:
    weight = np.exp(-4.0 * margin)
    return rng.choice(len(margin), n, replace=False, p=weight / weight.sum())


def in_one_region(
    clean: Labelled, margin: np.ndarray, n: int, rng: np.random.Generator
) -> np.ndarray:
    from quality.neighbours import space

    points = space(clean.features, kind=clean.kind)
    points = points.toarray() if hasattr(points, "toarray") else points
    distance = ((points - points[rng.integers(len(points))]) ** 2).sum(axis=1)
    return rng.choice(np.argsort(distance)[: int(n / 0.4)], n, replace=False)


def by_bad_annotators(
    clean: Labelled, margin: np.ndarray, n: int, rng: np.random.Generator
) -> np.ndarray:
    weight = np.where(rng.integers(10, size=len(margin)) < 2, 1.0, 0.05)
    return rng.choice(len(margin), n, replace=False, p=weight / weight.sum())


PLACES: dict[str, Callable[..., np.ndarray]] = {
    "uniform": anywhere,
    "confusable": anywhere,
    "boundary": near_the_border,
    "slice": in_one_region,
    "annotator": by_bad_annotators,
    "copied": anywhere,
}


# -- rankings: float (rows,), low = suspicious ----------------------------------------------------


def logistic(features: Any, codes: np.ndarray, n_classes: int, *, seed: int = 0) -> np.ndarray:
    """Plain 5-fold probabilities of a logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import KFold

    proba = np.zeros((len(codes), n_classes))
    for train, test in KFold(5, shuffle=True, random_state=seed).split(codes):
        fitted = LogisticRegression(max_iter=3000).fit(features[train], codes[train])
        proba[np.ix_(test, fitted.classes_)] = fitted.predict_proba(features[test])
    return proba


def believed(data: Labelled) -> np.ndarray:
    """What this project believes, (rows, classes)."""
    return label_signals.belief(
        label_signals.gather(
            data.features, data.codes, kind=data.kind, n_classes=data.n_classes, groups=data.groups
        )
    )


def alone(data: Labelled) -> np.ndarray:
    """The detectors alone, once, (rows, classes)."""
    return detectors.held_out(
        data.features, data.codes, kind=data.kind, n_classes=data.n_classes, groups=data.groups
    ).mean(axis=0)


def cleanlab_scores(proba: np.ndarray, codes: np.ndarray) -> np.ndarray:
    from cleanlab.rank import get_label_quality_scores

    return np.asarray(get_label_quality_scores(codes, proba, method="normalized_margin"))


def cleanlab_issues(proba: np.ndarray, codes: np.ndarray) -> np.ndarray:
    from cleanlab.filter import find_label_issues

    return np.asarray(find_label_issues(codes, proba, n_jobs=1))


def timed(work: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    started = time.process_time()
    return work(), time.process_time() - started


def quality_of(scores: np.ndarray, wrong: np.ndarray) -> tuple[float, float, int, int]:
    """AUROC, average precision, errors among the first 50 and the first 100."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    order = np.argsort(scores, kind="stable")
    first = (int(wrong[order[:50]].sum()), int(wrong[order[:100]].sum()))
    return roc_auc_score(wrong, -scores), average_precision_score(wrong, -scores), *first


# -- the tables -----------------------------------------------------------------------------------


METHODS = ("plain 5-fold", "cleanlab", "detectors alone", "Groundwork")


def compare(data: Labelled) -> tuple[dict[str, tuple[float, float, int, int]], np.ndarray]:
    """Each method's figures on one set, printed as a line, and this project's belief."""
    plain, plain_seconds = timed(lambda: logistic(data.features, data.codes, data.n_classes))
    ours, ours_seconds = timed(lambda: believed(data))
    scores = (
        labels.self_confidence(plain, data.codes),
        cleanlab_scores(plain, data.codes),
        labels.normalised_margin(alone(data), data.codes),
        labels.ranking(ours, data.codes)[0],
    )
    figures = [quality_of(each, data.wrong) for each in scores]
    flagged = cleanlab_issues(plain, data.codes)
    hits = f"{int((flagged & data.wrong).sum())} of {int(flagged.sum())}"
    cells = " | ".join(f"{a:.3f} / {p:.3f} / {k} / {m}" for a, p, k, m in figures)
    head = f"| {data.name} | {data.noise} | {len(data.codes):,} | {int(data.wrong.sum())} | "
    print(f"{head}{cells} | {hits} | {plain_seconds:.1f} / {ours_seconds:.1f} |", flush=True)
    return dict(zip(METHODS, figures, strict=True)), ours


def ranking_table(cases: Iterator[Labelled]) -> list[tuple[Labelled, np.ndarray]]:
    """Prints a line for each set; returns the beliefs for the other tables."""
    print("| set | errors | rows | wrong | " + " | ".join(METHODS), end="")
    print(" | cleanlab's issues | CPU s plain / ours |\n|" + "---|" * 10)
    figures, beliefs = [], []
    for case in cases:
        found, ours = compare(case)
        figures.append(found)
        beliefs.append((case, ours))
    means = [np.mean([each[name][:2] for each in figures], axis=0) for name in METHODS]
    cells = " | ".join(f"{auroc:.3f} / {precision:.3f}" for auroc, precision in means)
    print(f"| **mean** | | | | {cells} | | |\n")
    return beliefs


def estimates_table(beliefs: list[tuple[Labelled, np.ndarray]]) -> None:
    """The estimated number of errors beside the true one and cleanlab's."""
    from cleanlab.count import num_label_issues

    print("| set | errors | wrong | estimate | interval | holds | listed, right | cleanlab |")
    print("|" + "---|" * 8)
    held = []
    for case, proba in beliefs:
        found = label_estimates.estimate(proba, case.codes)
        low, _, high = (int(end + 0.5) for end in found.errors)
        truth = int(case.wrong.sum())
        held.append(low <= truth <= high)
        order = np.argsort(labels.ranking(proba, case.codes)[0], kind="stable")[: found.listed]
        listed = f"{int(case.wrong[order].sum())} of {found.listed}"
        plain = num_label_issues(case.codes, logistic(case.features, case.codes, case.n_classes))
        print(
            f"| {case.name} | {case.noise} | {truth} | {found.number} | {low} to {high} | "
            f"{held[-1]} | {listed} | {plain} |",
            flush=True,
        )
    print(f"\nThe interval held in {np.mean(held):.0%} of {len(held)} cases.\n")


SECONDS = 8.0  # of a review and of a plain new label


def review_table(beliefs: list[tuple[Labelled, np.ndarray]]) -> None:
    """Reviewing twenty rows at a time in the order of the ranking, until it no longer pays."""
    print("| set | errors | wrong | reviewed until it says stop | found | an error every |")
    print("|" + "---|" * 6)
    held: list[bool] = []
    for case, proba in beliefs:
        scores = labels.ranking(proba, case.codes)[0]
        order = np.argsort(scores, kind="stable")
        k, looks = reviewed(case.wrong[order], scores[order])
        held += looks
        found = int(case.wrong[order][:k].sum())
        cost = f"{SECONDS * k / found:.0f} s" if found else "-"
        print(f"| {case.name} | {case.noise} | {int(case.wrong.sum())} | {k} | {found} | {cost} |")
    print(f"\nThe 90 % interval of the next rows held {np.mean(held):.0%} of {len(held)} times.\n")


def reviewed(outcomes: np.ndarray, scores: np.ndarray) -> tuple[int, list[bool]]:
    """How many rows are reviewed, and each time whether what lay ahead was in the interval."""
    k, held = 0, []
    while k < len(outcomes):
        seconds = np.full(k, SECONDS)
        state = review_progress.progress(outcomes[:k], scores, seconds, label_seconds=SECONDS)
        if k:
            ahead = int(outcomes[k : k + state.ahead].sum())
            held.append(state.expected.low <= ahead <= state.expected.high)
        if not state.pays:
            break
        k = min(len(outcomes), k + 20)
    return k, held


# -- crowds ---------------------------------------------------------------------------------------

CROWDS = {"rte_crowd": ("text", "hypothesis"), "klue_sts_raters": ("text", "text_b")}


def crowd_table(data: Path) -> None:
    """One answer of each item as its label, the others as evidence: AUROC / average precision."""
    print("| crowd | answers an item | wrong | content alone | people alone | both | estimate |")
    print("|" + "---|" * 7)
    for name in (name for name in CROWDS if (data / name).is_dir()):
        frame, truth = read(data, name)
        answers = pd.read_csv(data / name / "annotations.csv", dtype=str)
        answers.columns = ["item", "annotator", "label", *answers.columns[3:]]
        if name == "klue_sts_raters":
            similar = answers["label"].astype(float) >= 3
            answers["label"] = np.where(similar, "similar", "different")
        for each in (2, 3, 5):
            crowd_line(name, frame, truth["true_label"], answers, each)


def crowd_line(
    name: str, frame: pd.DataFrame, truth: pd.Series, answers: pd.DataFrame, each: int
) -> None:
    """A line of the table: `each` answers of every item, drawn at random."""
    asked = answers.sample(frac=1.0, random_state=each).groupby("item", sort=False).head(each)
    given = asked.drop_duplicates("item").set_index("item")["label"].loc[frame["id"]]
    made = labelled(name, frame, Content("text", CROWDS[name]), given)
    wrong = (given.to_numpy() != truth.to_numpy()).astype(bool)
    said = label_signals.answered(asked, frame["id"].to_numpy(), sorted(given.unique()))
    assert said is not None
    content = believed(made)
    proba = label_signals.with_answers(content, said)
    scores = (
        labels.normalised_margin(content, made.codes),
        labels.normalised_margin(said.posterior, made.codes),
        labels.ranking(proba, made.codes)[0],
    )
    cells = ["{:.3f} / {:.3f}".format(*quality_of(score, wrong)[:2]) for score in scores]
    found = label_estimates.estimate(content, made.codes, said)
    low, _, high = (int(end + 0.5) for end in found.errors)
    estimate = f"{found.number}, {low} to {high}"
    print(
        f"| {name} | {each} | {int(wrong.sum())} | {' | '.join(cells)} | {estimate} |", flush=True
    )


# -- speed ----------------------------------------------------------------------------------------


def speed_table(sizes: tuple[int, ...]) -> None:
    """CPU seconds of ranking and estimate beside one plain 5-fold logistic regression."""
    print("\n| rows | kind | plain 5-fold, s | ranking, s | estimate, s |\n|" + "---|" * 5)
    for n in sizes:
        for kind, made in (("text", texts(n)), ("columns", numbers(n))):
            _, plain = timed(lambda m=made: logistic(m.features, m.codes, m.n_classes))
            proba, ours = timed(functools.partial(believed, made))
            started = time.process_time()
            label_estimates.estimate(proba, made.codes)
            last = time.process_time() - started
            print(f"| {n:,} | {kind} | {plain:.1f} | {ours:.1f} | {last:.2f} |", flush=True)


def texts(n: int) -> Labelled:
    """Korean and English words, four classes, a twentieth of the labels wrong."""
    rng = np.random.default_rng(0)
    codes = rng.integers(4, size=n)
    words = np.array(
        [f"{stem}{k}" for k in range(500) for stem in ("배송", "word", "환불", "term")]
    )
    common, own = (
        rng.integers(2000, size=(n, 8)),
        rng.integers(60, size=(n, 3)) + 60 * codes[:, None],
    )
    lines = [" ".join(words[row]) for row in np.hstack([common, own])]
    frame = pd.DataFrame({"text": lines}, dtype=object)
    codes = np.where(rng.random(n) < 0.05, rng.integers(4, size=n), codes)
    return labelled("made", frame, Content("text", ("text",)), codes)


def numbers(n: int) -> Labelled:
    """Twenty numbers, four classes, a twentieth of the labels wrong."""
    rng = np.random.default_rng(0)
    codes = rng.integers(4, size=n)
    values = rng.normal(size=(n, 20)) + rng.normal(size=(4, 20))[codes]
    codes = np.where(rng.random(n) < 0.05, rng.integers(4, size=n), codes)
    frame = pd.DataFrame(values, columns=[f"c{k}" for k in range(20)])
    return labelled("made", frame, Content("columns", tuple(frame.columns)), codes)


def main() -> None:
    """All tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder of the sets")
    parser.add_argument("--quick", action="store_true", help="three sets, no large pool")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    clean = sets(args.data, CLEAN, args.quick)
    spoiled = (planted(c, noise, rate) for c in clean for noise in RATES for rate in RATES[noise])
    real = sets(args.data, REAL, args.quick)
    beliefs = ranking_table(case for part in (real, spoiled) for case in part)
    estimates_table([(case, believed(case)) for case in clean] + beliefs)
    review_table(beliefs)
    crowd_table(args.data)
    speed_table((5_000,) if args.quick else (5_000, 100_000))


if __name__ == "__main__":
    main()
