"""Texts as features: words and letters, how rare they are, and what a text is about.

Terms are hashed, so that a text's counts depend on nothing but the text; what is learned from all
texts together, without any label, is how rare each term is (TF-IDF) and 48 topics (LSA, Deerwester
et al., 1990). All fitted parts are scikit-learn's own, so that they can be handed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from labeling.core.threads import one_thread

TERMS = 2**18  # for words, and as many for letters
READ = 50_000  # letters of a text: what it is about has been said by then
TOPICS = 48
TOPIC_WEIGHT = 1.5
LEARN_TOPICS_FROM = 10_000  # texts
TOPIC_TERMS = 20_000  # that vary most among them
COMMON = 2  # texts that a term must occur in to count, among MANY
MANY = 200

Chunks = Callable[[], Iterable[Any]]


def hashers() -> Any:
    """The step from strings to counts: words (1, 2) and letters inside words (1 to 4).

    Letters carry Korean, which is written without a stable space between morphemes.
    """
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.pipeline import FeatureUnion

    plain = {"n_features": TERMS, "alternate_sign": False, "norm": None, "dtype": np.float32}
    words = HashingVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", **plain)
    letters = HashingVectorizer(analyzer="char_wb", ngram_range=(1, 4), **plain)
    return FeatureUnion([("words", words), ("letters", letters)])


def hash_terms(texts: Sequence[str]) -> Any:
    """Counts of hashed terms, CSR float32 (rows, 2 * TERMS); each row depends on its text alone.

    Of a text of more than READ letters the beginning is read.
    """
    from scipy.sparse import csr_matrix

    if not len(texts):
        return csr_matrix((0, 2 * TERMS), dtype=np.float32)
    return csr_matrix(hashers().transform([text[:READ] for text in texts]))


def learn(chunks: Chunks, rows: int) -> Any:
    """The step from counts to features, learned from all chunks of counts in two passes.

    A scikit-learn pipeline; its features are the weighed terms, then the topics.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.pipeline import FeatureUnion, Pipeline

    sample = _sample(chunks, rows)
    parts = [("words", slice(0, TERMS)), ("letters", slice(TERMS, 2 * TERMS))]
    rarity = ColumnTransformer(
        [(name, TfidfTransformer(sublinear_tf=True), columns) for name, columns in parts],
        sparse_threshold=1.0,
    ).fit(sample)
    found = _document_frequencies(chunks)
    for name, columns in parts:
        rarity.named_transformers_[name].idf_ = _rarity(found[columns], rows)
    weighed = rarity.transform(sample)
    steps = [("terms", "passthrough"), *_topics(weighed)]
    weights = {name: TOPIC_WEIGHT for name, _ in steps if name == "topics"}
    with one_thread():
        meaning = FeatureUnion(steps, transformer_weights=weights).fit(weighed)
    return Pipeline([("rarity", rarity), ("meaning", meaning)])


def _sample(chunks: Chunks, rows: int) -> Any:
    """At most LEARN_TOPICS_FROM rows, drawn evenly from all chunks."""
    from scipy.sparse import vstack

    step = max(1.0, rows / LEARN_TOPICS_FROM)
    wanted = np.floor(np.arange(0, rows, step)).astype(np.int64)
    kept, start = [], 0
    for chunk in chunks():
        own = wanted[(wanted >= start) & (wanted < start + chunk.shape[0])] - start
        kept.append(chunk[own])
        start += chunk.shape[0]
    return vstack(kept, format="csr")


def _document_frequencies(chunks: Chunks) -> Any:
    """In how many texts each term occurs, int (2 * TERMS,)."""
    found = np.zeros(2 * TERMS, dtype=np.int64)
    for chunk in chunks():
        found += np.bincount(chunk.indices, minlength=2 * TERMS)
    return found


def _rarity(found: Any, rows: int) -> Any:
    """Smoothed inverse document frequencies, float32; 0 for terms that are too rare to count."""
    rare = COMMON if rows >= MANY else 1
    idf = np.log((1 + rows) / (1 + found)) + 1.0
    return np.where(found >= rare, idf, 0.0).astype(np.float32)


def _topics(weighed: Any) -> list[tuple[str, Any]]:
    """The topics' step, if there is anything to learn them from."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_selection import VarianceThreshold
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import Normalizer
    from sklearn.utils.sparsefuncs import mean_variance_axis

    variances = np.sort(mean_variance_axis(weighed, axis=0)[1])[::-1]
    telling = int((variances > 0).sum())
    dimensions = min(TOPICS, weighed.shape[0] - 1, telling - 1)
    if dimensions < 1:
        return []
    cut = float(variances[min(telling, TOPIC_TERMS)]) if telling < len(variances) else 0.0
    steps = [
        ("telling", VarianceThreshold(cut)),
        ("svd", TruncatedSVD(dimensions, random_state=0)),
        ("unit", Normalizer()),
    ]
    return [("topics", Pipeline(steps))]


def features(learned: Any, counts: Any) -> Any:
    """Features of texts from their counts, CSR float32 (rows, terms and topics)."""
    from scipy.sparse import csr_matrix

    with one_thread():
        found = csr_matrix(learned.transform(counts), dtype=np.float32)
    found.eliminate_zeros()
    return found
