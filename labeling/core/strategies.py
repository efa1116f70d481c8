"""Query strategies: a utility per item (higher = ask sooner), then a selector of ranked rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from labeling.core import scoring, seeds, utilities
from labeling.core.fitting import QUICK_ERROR, Predictor
from labeling.core.scoring import Best
from labeling.core.selectors import SELECTORS, Candidates
from labeling.core.utilities import OF_COMMITTEES, QUICK, UTILITIES, Utility

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_CANDIDATES = 20_000
SAMPLE = 2_000  # of the pool, for selectors that ask what is typical of it
SLACK = 20 * QUICK_ERROR  # a utility moves more than a probability: entropy near 0, tenfold
ALL = 0
RESAMPLED, DIFFERENT = "resampled", "different"


class Strategy(NamedTuple):
    """A query strategy: which utility, which selector, and what it is good and bad at.

    `reach` is how many of the best items the selector sees for each one asked, ALL for a random
    sample of all; `seed` how the first batch is chosen; `committee` who is asked beside the model.
    """

    utility: str
    selector: str
    note: str
    reach: int = 1
    seed: str = "random"
    committee: str = ""


STRATEGIES: dict[str, Strategy] = {
    "margin_spread": Strategy(
        "margin",
        "spread",
        "Asks what the model wavers on, one item of each kind: the best over data sets measured.",
        reach=10,
        seed="typical",
    ),
    "typical_margin": Strategy(
        "margin",
        "typical_spread",
        "The same, typical items first: better on images and words, worse where the rare matter.",
        reach=30,
        seed="typical",
    ),
    "margin": Strategy(
        "margin",
        "top",
        "Asks where the two likeliest classes are closest: sound and quick; may ask look-alikes.",
    ),
    "entropy": Strategy(
        "entropy",
        "top",
        "Asks where all classes are open: fine with two, often worse than margin with many.",
    ),
    "least_confident": Strategy(
        "least_confident",
        "top",
        "Asks where the best guess is weakest: like margin with two classes, noisier with many.",
    ),
    "vote_entropy": Strategy(
        "vote_entropy",
        "top",
        "Asks where five models of resampled labels vote apart: steady, but five times the work.",
        committee=RESAMPLED,
    ),
    "consensus_entropy": Strategy(
        "consensus_entropy",
        "top",
        "Asks where five resampled models are unsure together: asks much noise late.",
        committee=RESAMPLED,
    ),
    "max_disagreement": Strategy(
        "max_disagreement",
        "top",
        "Asks where one of five resampled models stands alone: finds gaps, and oddities.",
        committee=RESAMPLED,
    ),
    "model_votes": Strategy(
        "vote_entropy",
        "top",
        "Asks where different kinds of models vote apart: no model's blind spot, but slow.",
        committee=DIFFERENT,
    ),
    "ranked_batch": Strategy(
        "least_confident",
        "ranked",
        "Asks far from all labels at first, what is unsure later: covers the data, learns slowly.",
        reach=ALL,
    ),
    "badge": Strategy(
        "least_confident",
        "gradients",
        "Asks items that would move the model far and apart: for large batches; draws by chance.",
        reach=ALL,
    ),
    "coreset": Strategy(
        "least_confident",
        "farthest",
        "Asks the item farthest from every label: finds rare kinds, and every outlier.",
        reach=ALL,
    ),
    "random": Strategy(
        "random", "top", "Asks at random: unbiased and hard to beat when the classes are mixed."
    ),
}

DEFAULT = "margin_spread"


def resolve(name: str) -> str:
    """The strategy behind `name`: `default` is what the product would choose itself."""
    return DEFAULT if name == "default" else name


@dataclass(frozen=True)
class Some:
    """Some rows of a matrix, int (rows,), read when they are asked for: never copied whole."""

    matrix: Any
    rows: Ints

    @property
    def shape(self) -> tuple[int, int]:
        """As if they were a matrix of their own."""
        return len(self.rows), int(self.matrix.shape[1])

    def __getitem__(self, chosen: slice | Ints) -> Any:
        """The rows at some places of these, as the matrix gives them."""
        return self.matrix[self.rows[chosen]]


@dataclass(frozen=True)
class Pool:
    """What may be asked: `features` (rows, terms) of the unlabelled items in order of item id.

    They are a matrix, or `Some` rows of one. `labelled` are the features of the labelled items;
    `models` the model first, then the rest of a committee; `multi`: an item may have several
    classes.
    """

    features: Any
    labelled: Any
    models: Sequence[Predictor]
    multi: bool = False

    @property
    def rows(self) -> int:
        """How many items may be asked."""
        return int(self.features.shape[0])


def choose(name: str, pool: Pool, n: int, rng: np.random.Generator) -> Best:
    """Rank a batch of min(n, rows) items, best first, with their utilities.

    Raises KeyError for an unknown strategy and ValueError on probabilities that are no numbers.
    """
    return _chosen(STRATEGIES[resolve(name)], pool, n, rng)


def _chosen(strategy: Strategy, pool: Pool, n: int, rng: np.random.Generator) -> Best:
    if pool.rows == 0 or n <= 0:
        return Best(np.empty(0, dtype=np.int64), np.empty(0))
    if strategy.utility == "random":
        drawn = rng.random(pool.rows)
        rows = np.argsort(-drawn, kind="stable")[:n].astype(np.int64)
        return Best(rows, drawn[rows])
    among = _candidates(strategy, pool, n, rng)
    rows = pool.features[among.rows]
    proba = pool.models[0].exact_proba(rows)
    sample = pool.features[_sample(pool.rows, SAMPLE, rng)]
    seen = Candidates(rows, pool.labelled, sample, proba, pool.rows)
    picks = SELECTORS[strategy.selector](among.utilities, seen, n, rng)
    return Best(among.rows[picks], among.utilities[picks])


def next_best(name: str, pool: Pool, n: int, rng: np.random.Generator) -> Best:
    """The `n` items of the highest utility, whatever the selector makes of a batch."""
    strategy = STRATEGIES[resolve(name)]._replace(selector="top", reach=1)
    return _chosen(strategy, pool, n, rng)


def _candidates(strategy: Strategy, pool: Pool, n: int, rng: np.random.Generator) -> Best:
    """What the selector sees: the best, or a sample of all in order of the rows."""
    scored = _Scored(strategy, pool, rng)
    if strategy.reach != ALL:
        wanted = min(max(n, min(strategy.reach * n, MOST_CANDIDATES)), pool.rows)
        return scoring.best(scored.rough, scored.exact, pool.rows, wanted, slack=SLACK)
    rows = np.arange(pool.rows)
    if pool.rows > max(n, MOST_CANDIDATES):
        rows = _sample(pool.rows, max(n, MOST_CANDIDATES), rng)
    return Best(rows, scored.exact(rows))


def _sample(rows: int, n: int, rng: np.random.Generator) -> Ints:
    """At most `n` rows of so many, drawn without a list of them all; in order, int (n,)."""
    return np.sort(rng.choice(rows, size=min(n, rows), replace=False, shuffle=False))


class _Scored:
    """The utilities of a strategy on a pool."""

    def __init__(self, strategy: Strategy, pool: Pool, rng: np.random.Generator) -> None:
        self.name, self.rng = strategy.utility, rng
        self.utility = UTILITIES[strategy.utility]
        self.pool, self.together = pool, strategy.utility in OF_COMMITTEES

    def rough(self, rows: slice) -> Floats:
        """Utilities of a chunk."""
        features = self.pool.features[rows]
        proba = [model.quick_proba(features) for model in self._asked()]
        return self._of(proba, QUICK.get(self.name, self.utility))

    def exact(self, rows: Ints) -> Floats:
        """Utilities of chosen rows."""
        features = self.pool.features[rows]
        return self._of([model.exact_proba(features) for model in self._asked()], self.utility)

    def _asked(self) -> Sequence[Predictor]:
        return self.pool.models if self.together else self.pool.models[:1]

    def _of(self, proba: list[Floats], utility: Utility) -> Floats:
        if any(np.isnan(each).any() for each in proba):
            raise ValueError("class probabilities must be numbers, found NaN")
        together = np.stack(proba) if self.together else proba[0]
        if self.pool.multi:
            return utilities.per_class(utility, together, self.rng)
        return utility(together, self.rng)


def first(name: str, features: Any, n: int, rng: np.random.Generator) -> Ints:
    """The seed set that a strategy starts from, int (min(n, rows),), in no order."""
    return seeds.SEEDS[STRATEGIES[resolve(name)].seed](features, n, rng)
