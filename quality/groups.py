"""Group leakage: rows of one person, premise or product on both sides of the wall.

A model that has seen one row of a person knows something about that person's other rows which it
will not know about strangers: a score on them flatters.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import pandas as pd

from quality.columns import filled, looks_numeric
from quality.duplicates import normalise
from quality.pairs import Bools

FEWEST_GROUPS = 10
MOST_LEVELS = 50
LARGEST = 0.2
MATED = 0.1
SENTENCE = 4
EXCERPT = 60
NAMES = re.compile(
    r"ids?|uu?id|key|code|user|person|people|patient|subject|customer|client|member|author|writer"
    r"|speaker|student|participant|household|family|company|account|session|thread"
    r"|conversation|dialog|document|doc|article|premise|passage|group|product|movie|film|song|case"
    r"|device|animal"
)
KOREAN_NAMES = re.compile(
    r"번호|아이디|식별|코드|사용자|회원|환자|고객|작성자|저자|화자|학생|참가자|피험자|가구|가족|회사"
    r"|계정|세션|대화|문서|기사|전제|지문|그룹|상품|제품|영화|사건"
)
ANSWERERS = re.compile(r"annotators?|raters?|workers?|labell?ers?")


class Leak(NamedTuple):
    """How far the equal values of a column lie on both sides.

    `share` in [0, 1] of the rows that measure have a mate, a row with their value, among those that
    train; `groups` values are concerned, of which `example` has the most such rows, for instance
    `measures`, and `trains` is its mate.
    """

    share: float
    groups: int
    example: str
    measures: int
    trains: int


def group_columns(
    frame: pd.DataFrame, *, content: Collection[str] = (), skip: Collection[str] = ()
) -> list[str]:
    """The columns of `frame` whose equal values look like one person, premise, product or source.

    They repeat, have at least ten values, and none that a fifth of the rows share. Beyond that
    either the name says so (`person_id`, 환자번호), or they hold words, more different ones than
    a category has, and a tenth of the rows share theirs. A model is meant to learn from `content`:
    of its columns only those with whole sentences count (a premise), and never the only one. Who
    answered (annotator, rater, worker) makes no group.
    """
    alone = len(content) == 1
    return [
        name
        for name in frame
        if name not in skip
        and not (alone and name in content)
        and _groups(str(name), filled(frame[name]).dropna(), in_content=name in content)
    ]


def _groups(name: str, known: pd.Series, *, in_content: bool) -> bool:
    answerers = any(ANSWERERS.fullmatch(word) for word in _words(name))
    if answerers or known.empty or isinstance(known.iloc[0], bytes):
        return False
    sizes = known.value_counts()
    if not FEWEST_GROUPS <= len(sizes) < len(known) or sizes.iloc[0] > LARGEST * len(known):
        return False
    if looks_numeric(known):
        return named(name) and not in_content and _whole(known)
    if named(name) and not in_content:
        return True
    mated = float(sizes[sizes > 1].sum()) / len(known)
    words = SENTENCE if in_content else 1
    return (
        len(sizes) > min(MOST_LEVELS, len(known) // 4)
        and mated >= MATED
        and _has_words(known, words)
    )


def named(column: str) -> bool:
    """Whether the name of a column says that it tells persons or things apart.

    >>> named("patientID"), named("환자 번호"), named("width")
    (True, True, False)
    """
    known = any(NAMES.fullmatch(word) for word in _words(column))
    return known or bool(KOREAN_NAMES.search(column))


def _words(column: str) -> list[str]:
    """The Latin words of a name, however they are put together."""
    return re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column).lower())


def _whole(known: pd.Series) -> bool:
    numbers = pd.to_numeric(known, errors="coerce").dropna()
    return bool((numbers == numbers.round()).all())


def _has_words(known: pd.Series, least: int) -> bool:
    """Whether most values have so many words: dates, times and amounts have none."""
    return bool((known.astype(str).str.count(r"[^\W\d_]+") >= least).mean() > 0.5)


def leak(values: pd.Series, *, trains: Bools, measures: Bools) -> Leak | None:
    """How far equal `values` lie among rows that train and rows that measure, or None.

    A row may do both, where no side is known yet: then its mates are all other rows.
    """
    cells = filled(values)
    texts = cells.map(lambda cell: normalise(str(cell)), na_action="ignore")
    codes, names = pd.factorize(texts)
    there = np.bincount(codes[trains & (codes >= 0)], minlength=len(names))
    mated = measures & (codes >= 0)
    mated[mated] = there[codes[mated]] > trains[mated]
    if not mated.any():
        return None
    rows = np.bincount(codes[mated], minlength=len(names))
    most = int(rows.argmax())
    one = int(np.flatnonzero(mated & (codes == most))[0])
    mates = np.flatnonzero(trains & (codes == most))
    share = float(mated.sum() / measures.sum())
    other = int(mates[mates != one][0])
    example = str(cells.iloc[one])[:EXCERPT]
    return Leak(share, int((rows > 0).sum()), example, one, other)
