"""Attribution: one metric movement split into bars, one a change, that add up item by item.

Shapley values over closed sets of changes (METHODS 1.3): exact up to 7 changes, antithetic
permutation pairs beyond.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Coalition = frozenset[int]
Credit = Callable[[Coalition], Floats]

EXACT_UP_TO = 7
PAIRS = 8


def shapley(players: Sequence[int], credit: Credit, rng: np.random.Generator) -> Floats:
    """Per-item bars, float (players, items).

    `credit(S)` gives each item's score under the coalition S, float (items,): usually 1 where the
    model trained on exactly these changes is right. Columns sum to credit(all) - credit(none).
    """
    if not players:
        return np.empty((0, 0))
    if len(players) <= EXACT_UP_TO:
        return _exact(players, credit)
    return _by_permutations(players, credit, rng)


def _exact(players: Sequence[int], credit: Credit) -> Floats:
    k, bars = len(players), []
    for player in players:
        others = [other for other in players if other != player]
        bar: Floats | float = 0.0
        for size in range(k):
            weight = math.factorial(size) * math.factorial(k - size - 1) / math.factorial(k)
            for chosen in combinations(others, size):
                coalition = frozenset(chosen)
                bar = bar + weight * (credit(coalition | {player}) - credit(coalition))
        bars.append(np.asarray(bar))
    return np.array(bars)


def _by_permutations(players: Sequence[int], credit: Credit, rng: np.random.Generator) -> Floats:
    """Mean of marginal credits over orders and their reverses; the sum stays exact."""
    position = {player: index for index, player in enumerate(players)}
    total = np.zeros((len(players), len(credit(frozenset()))))
    for _ in range(PAIRS):
        order = [players[i] for i in rng.permutation(len(players))]
        for walk in (order, order[::-1]):
            present: Coalition = frozenset()
            before = credit(present)
            for player in walk:
                present = present | {player}
                after = credit(present)
                total[position[player]] += after - before
                before = after
    return total / (2 * PAIRS)


def placebo_band(effects: Sequence[float]) -> float:
    """Half-width of the grey band: the largest effect, in size, of changes that mean nothing."""
    return max((abs(effect) for effect in effects), default=0.0)
