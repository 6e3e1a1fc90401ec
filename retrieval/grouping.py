"""One result a document: its best chunk stands for it. Pure; nothing is read."""

from collections.abc import Iterable, Iterator

from core.limits import CHUNK_ORDINAL_BITS
from retrieval.fusion import Candidate


def best_per_document(candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """The first candidate of each document version, in the order given.

    A chunk's key begins with its version's row id, so no lookup is needed. A document has one live version; candidates
    of an older one form a group of their own, which the check against the records then drops.
    """
    seen: set[int] = set()
    for candidate in candidates:
        version = candidate.key >> CHUNK_ORDINAL_BITS
        if version not in seen:
            seen.add(version)
            yield candidate
