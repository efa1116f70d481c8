"""Ruler moves: how much of a headline's way between two rounds is the model, how much gold itself.

Gold that was corrected moves every score without any model being better. Gold that only grew by
random draws does not: both models are scored on all of today's items.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from labeling import impact, verified_gain
from labeling.core import ruler
from labeling.core.log import DataVersion
from labeling.core.ruler import Split
from labeling.fits import Fits
from labeling.project import Project
from labeling.versions import Snapshot


class RulerMove(NamedTuple):
    """What moved between round `first` and round `last`, in fractions: model + ruler = headline.

    Of the gold that stood when `first` was closed, `corrected` labels are others today and `gone`
    are none any more; `grown` came since and are in both rulers. `n_gold` are today's labels.
    """

    first: int
    last: int
    corrected: int
    gone: int
    grown: int
    n_gold: int
    split: Split

    def in_words(self) -> str:
        """The move as one line."""
        said = f"{self.corrected} gold labels were corrected" + (
            f" and {self.gone} taken out" if self.gone else ""
        )
        return f"round {self.last} against round {self.first}: {ruler.in_words(self.split)}; {said}"


def measure(
    project: Project, *, first: int | None = None, last: int | None = None
) -> RulerMove | None:
    """The move between two closed rounds, the last two if none is named.

    None while there are not two closed rounds (named ones raise InputError), where nothing of the
    gold was corrected, and where an item may have several classes. Models are read from the store.
    """
    snapshot = Snapshot(project)
    closed = verified_gain.two_rounds(project, first, last)
    if snapshot.multi or closed is None:
        return None
    before, after = snapshot.gold(DataVersion(closed[0].upto_event)), snapshot.gold()
    gone = before.keys() - after.keys()
    corrected = {item for item in before.keys() & after.keys() if before[item] != after[item]}
    if (not corrected and not gone) or not after or not before:
        return None
    fits = Fits(snapshot)
    old, new = (np.asarray(codes, np.int64) for codes in impact.predictions(fits, closed))
    gold = _codes(snapshot, after | before), _codes(snapshot, after)
    if fits.new:
        fits.save(project)
    return RulerMove(
        closed[0].round_no,
        closed[1].round_no,
        len(corrected),
        len(gone),
        len(after.keys() - before.keys()),
        len(after),
        ruler.split((old, new), gold),
    )


def _codes(snapshot: Snapshot, gold: Mapping[str, str]) -> np.ndarray:
    """A ruler: true codes of the reservoir's rows, int64 (reservoir,), -1 where unlabelled."""
    reserved = [snapshot.items[row].item_id for row in snapshot.reservoir]
    return np.array([snapshot.code.get(gold.get(i, ""), -1) for i in reserved], dtype=np.int64)
