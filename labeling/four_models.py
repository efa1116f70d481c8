"""Four models: old and new data with the plain and the tuned model, on the same reservoir rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from labeling import duel_log, model_arm, verified_gain
from labeling.core import duel, sequential, verified
from labeling.core.duel import Cells, Hours
from labeling.core.log import DataVersion
from labeling.core.models import ModelConfig
from labeling.core.sequential import Look
from labeling.core.verified import Verified
from labeling.duel_log import DUEL, Clock, Frozen, Outcome
from labeling.errors import InputError
from labeling.fits import Fits
from labeling.ingest import Progress
from labeling.model_arm import OWN, Searched
from labeling.project import derive_seed
from labeling.versions import Snapshot

Ints = npt.NDArray[np.int64]


class FourModels:
    """The two versions of a duel, the reservoir rows that stand, and what four models say of them.

    `known` is what an earlier measure found: the same rows give the same search. Raises InputError
    when the classes are others than at the freeze.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        frozen: Frozen,
        clock: Clock,
        *,
        known: Outcome | None,
        progress: Progress,
    ) -> None:
        if list(snapshot.classes) != frozen.classes:
            raise InputError(
                "the classes have changed since the freeze, so old and new data cannot be scored "
                "on one ruler: give the duel up and start another"
            )
        assert clock.end is not None
        self.snapshot, self.frozen, self.clock = snapshot, frozen, clock
        self.known, self.progress, self.fits = known, progress, Fits(snapshot)
        self.plain, self.searched = ModelConfig(**frozen.model), dict[str, Searched]()
        self.ends = {"old": frozen.upto, "new": clock.end}
        versions = {name: frozen.version(upto) for name, upto in self.ends.items()}
        self.training = {name: snapshot.training_set(v) for name, v in versions.items()}
        standing = snapshot.standing(DataVersion(snapshot.upto))
        reserved = [snapshot.items[row] for row in snapshot.reservoir]
        self.kept = np.array([item.item_id not in standing.excluded for item in reserved], bool)
        self.items = [item for item in reserved if item.item_id not in standing.excluded]
        self.ids = [item.item_id for item in self.items]
        self.queues = duel_log.queues(snapshot.changes, frozen.change_id)
        asked = duel_log.asked_in(self.queues)
        self.rulings = {item: e for item, e in standing.rulings.items() if item in asked}

    def outcome(self) -> Outcome:
        """Who moved the score more, and all that it rests on."""
        said, _ = duel.fight("old", "new", plain=OWN, search=self._search, predict=self._predict)
        self.progress(0.95, "comparing the four models on the gold")
        gold = self._codes(self.snapshot.gold(self.frozen.version(self.ends["new"])))
        at = np.flatnonzero(gold >= 0)
        rng = np.random.default_rng(derive_seed(self.snapshot.seed, DUEL, self.frozen.change_id))
        judged = duel.judge(said, at=at, truth=gold[at], hours=self._hours(), rng=rng)
        found, look = self._verified(said, gold)
        settled = duel.settle(judged, found, look)
        needed = None if settled.is_decided else _needed(said, gold, look)
        open_ = judged.to_verify[duel.crossed(said)[judged.to_verify]]
        return Outcome(
            verdict=settled.verdict,
            decided=settled.is_decided,
            words=duel.in_words(settled),
            scores=judged.scores._asdict(),
            effects={name: list(each) for name, each in judged.effects._asdict().items()},
            hours=judged.hours._asdict(),
            n_gold=judged.n_gold,
            needed=needed,
            to_verify=[self.ids[row] for row in open_],
            n_ruled=look.n_labels,
            verified=list(found.interval) if look.n_labels else None,
            upto=self.ends,
            labels={name: len(each.labels) for name, each in self.training.items()},
            searched={name: each._asdict() for name, each in self.searched.items()},
        )

    def _search(self, name: str) -> str:
        self.progress(0.05 if name == "old" else 0.5, f"searching for a model on the {name} data")
        if self.known is not None:
            self.searched[name] = Searched(**self.known.searched[name])
        else:
            self.searched[name] = model_arm.tune(
                self.fits, self.training[name], plain=self.plain, names=self.frozen.search
            )
        return self.searched[name].winner

    def _predict(self, name: str, model: str) -> Ints:
        self.progress(0.45 if name == "old" else 0.9, f"training on the {name} data")
        training = self.training[name]
        if model == OWN:
            said = self.fits.predicted(training, self.plain)
        else:
            said = self.fits.searched(training, model)
        return np.asarray(said[self.kept], dtype=np.int64)

    def _codes(self, labels: Mapping[str, str]) -> Ints:
        """Codes of the rows, int64 (rows,), -1 where `labels` say nothing."""
        code = self.snapshot.code
        return np.array([code.get(labels.get(item, ""), -1) for item in self.ids], dtype=np.int64)

    def _hours(self) -> Hours:
        analyst, searched = self.frozen.analyst_minutes / 60, self.searched["old"].seconds / 3600
        return Hours(self.clock.seconds / 3600, analyst + searched)

    def _verified(self, said: Cells[Ints], gold: Ints) -> tuple[Verified, Look]:
        """Data less model with all labels that bear on it, and what each ruling allows to say."""
        ruled = self._codes({item: str(event.value) for item, event in self.rulings.items()})
        truth = np.where(gold >= 0, gold, ruled)
        old, new = said.old_tuned, said.new_plain
        won = np.where(truth >= 0, (new == truth).astype(float) - (old == truth), np.nan)
        strata = verified_gain.strata(self.items, self.queues)
        return verified.gain(old, new, truth, strata=strata), self._look(won)

    def _look(self, won: npt.NDArray[np.float64]) -> Look:
        """The direction among the rows that were left when the first lot fell, ruling by ruling."""
        if not self.queues:
            return sequential.look(np.zeros(0), n_differ=None)
        first, row = self.queues[0].payload, {item: nth for nth, item in enumerate(self.ids)}
        bearing = row.keys() & self.rulings.keys() & set(first["among"])
        told = sorted((self.rulings[item].seq, row[item]) for item in bearing)
        said = won[[at for _, at in told]]
        return sequential.look(said[~np.isnan(said)], n_differ=first["left"])


def _needed(said: Cells[Ints], gold: Ints, look: Look) -> int | None:
    """About how many more verify labels would decide; None when no number would, or too early."""
    if look.n_labels:
        return look.more
    at = np.flatnonzero(gold >= 0)
    right = Cells(*[(codes[at] == gold[at]).astype(float) for codes in said])
    return duel.verify_labels_needed(right, said)
