"""Attribution: one metric movement split into bars, one a change, that add up item by item.

Shapley values over closed sets of changes (METHODS 1.3): exact up to 7 changes, antithetic
permutation pairs beyond. A preview takes 2 k + 2 fits; interactions say which changes make each
other worth less or more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

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


def preview(players: Sequence[int], credit: Credit) -> Floats:
    """Per-item bars from two places only, float (players, items): first in and last out.

    The mean of what a change does alone and what it does after all the others, moved by an equal
    share of what is missing so that columns sum as the exact bars do. A change that did nothing in
    either place takes no share, unless none did anything.
    """
    if not players:
        return np.empty((0, 0))
    nothing, everything = credit(frozenset()), credit(frozenset(players))
    bars = np.array([(first + last) / 2 for first, last in _ends(players, players, credit)])
    missing = everything - nothing - bars.sum(axis=0)
    acts = np.abs(bars).max(axis=1) > 0 if bars.any() else np.ones(len(bars), dtype=bool)
    bars[acts] += missing / acts.sum()
    return bars


def _ends(
    among: Sequence[int], players: Sequence[int], credit: Credit
) -> Iterator[tuple[Floats, Floats]]:
    """What some changes add to nothing, and to all the other players, float (items,) each."""
    nothing, everyone = credit(frozenset()), frozenset(players)
    everything = credit(everyone)
    for player in among:
        yield credit(frozenset({player})) - nothing, everything - credit(everyone - {player})


class Interaction(NamedTuple):
    """How two changes bear on each other; all in fractions, means over items.

    `value` above 0: they help each other; below 0: one does part of the other's work. `alone` is
    what `first` is worth by itself, `after` what it is worth after all the others.
    """

    first: int
    second: int
    value: float
    alone: float
    after: float


def interactions(
    players: Sequence[int], credit: Credit, *, among: Sequence[int] | None = None
) -> list[Interaction]:
    """Every pair of changes, the largest interaction first; of a pair, first the more affected one.

    `among` names the players whose pairs are wanted, where all are too many.

    The mean over sets S of the others of c(S+g+h) - c(S+g) - c(S+h) + c(S) (Banzhaf): over all
    sets up to 7 changes, beyond over the empty and the full one.
    """
    among = players if among is None else among
    ends = zip(among, _ends(among, players, credit), strict=True)
    worth = {player: (float(a.mean()), float(b.mean())) for player, (a, b) in ends}
    found = []
    for pair in combinations(among, 2):
        sets = _without(players, pair)
        value = float(np.mean([_second_difference(s, pair, credit) for s in sets]))
        first, second = sorted(pair, key=lambda p: -abs(worth[p][0] - worth[p][1]))
        found.append(Interaction(first, second, value, *worth[first]))
    return sorted(found, key=lambda each: -abs(each.value))


def _without(players: Sequence[int], pair: tuple[int, int]) -> list[Coalition]:
    others = [player for player in players if player not in pair]
    sizes = range(len(others) + 1)
    if len(players) > EXACT_UP_TO:
        return [frozenset(), frozenset(others)]
    return [frozenset(chosen) for size in sizes for chosen in combinations(others, size)]


def _second_difference(present: Coalition, pair: tuple[int, int], credit: Credit) -> float:
    g, h = pair
    both = credit(present | {g, h}) - credit(present | {g})
    return float((both - credit(present | {h}) + credit(present)).mean())


def in_words(found: Interaction, names: Mapping[int, str]) -> str:
    """An interaction as one sentence, in points.

    >>> in_words(Interaction(2, 5, -0.03, 0.055, 0.005), {2: "the random batch", 5: "the import"})
    'the random batch is worth +5.5 points alone, +0.5 after all the others; most with the import'
    """
    return (
        f"{names[found.first]} is worth {100 * found.alone:+.1f} points alone, "
        f"{100 * found.after:+.1f} after all the others; most with {names[found.second]}"
    )


def placebo_band(effects: Sequence[float]) -> float:
    """Half-width of the grey band: the largest effect, in size, of changes that mean nothing."""
    return max((abs(effect) for effect in effects), default=0.0)
