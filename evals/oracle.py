"""The keyword oracle: bm25s over whole documents, with the service's own terms. What our keyword arm has to equal; it stands
beside it in the table, made in the same run."""

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

import bm25s
import numpy as np
from numpy.typing import NDArray

from engines.analysis import analyse

LANGUAGE = "english"


class _Bm25(Protocol):
    def index(self, corpus: Sequence[Sequence[str]], *, show_progress: bool) -> None: ...

    def get_scores(self, query_tokens_single: Sequence[str]) -> NDArray[np.float32]: ...


class Oracle:
    """BM25 as Lucene scores it (k1 1.2, b 0.75), over texts by document id."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._ids = list(texts)
        self._bm25 = cast("_Bm25", bm25s.BM25(method="lucene", k1=1.2, b=0.75))
        self._bm25.index([analyse(text, LANGUAGE) for text in texts.values()], show_progress=False)

    def rank(self, query: str, limit: int) -> Sequence[str]:
        """Document ids, best first, those that share no term left out."""
        terms = analyse(query, LANGUAGE)
        if not terms:
            return []
        scores = self._bm25.get_scores(terms)
        order = cast("list[int]", np.argsort(-scores, kind="stable")[:limit].tolist())
        return [self._ids[place] for place in order if scores[place] > 0]
