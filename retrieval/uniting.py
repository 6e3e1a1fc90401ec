"""What several questions found, as what one would have found. Pure; which questions they are is rewording.py's business."""

from collections.abc import Sequence

from retrieval.context_types import Gathered
from retrieval.pieces import Piece


def united(found: Sequence[Gathered], most: int) -> Gathered:
    """What several questions found, best first: of a thing found twice the better place. Scores of a section compare."""
    if len(found) == 1:
        return found[0]
    best: dict[object, Piece] = {}
    for piece in (piece for one in found for piece in one.pieces):
        known = best.get(piece.identity)
        if known is None or known.score < piece.score:
            best[piece.identity] = piece
    return Gathered(
        pieces=tuple(sorted(best.values(), key=lambda one: one.score, reverse=True)[:most]),
        degraded=tuple(dict.fromkeys(code for one in found for code in one.degraded)),
        answerable=max((one.answerable for one in found if one.answerable is not None), default=None),
    )
