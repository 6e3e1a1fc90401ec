"""Why a piece is out of a context whatever the budget: whom it comes from, what it is labelled, what replaced it, that it says
nothing to the question. Pure."""

from collections.abc import Sequence

from retrieval import stopping
from retrieval.budget import Budget
from retrieval.pieces import TRUST_QUARANTINED, Piece, Section
from retrieval.rendering import Marked

# Labels by which scanners say that a text is made to be obeyed.
LABELS_KEPT_OUT = frozenset({"injection", "quarantined"})


def refusals(marked: Sequence[Marked], budget: Budget) -> dict[str, str]:
    """The reason by marker, of those that have one."""
    return {one.marker: reason for one in marked if (reason := _refusal(one, budget)) is not None}


def noise(marked: Sequence[Marked]) -> dict[str, str]:
    """`below_floor` for the end of each ranked section, by marker."""
    reasons: dict[str, str] = {}
    for section, stop in ((Section.DOCUMENTS, stopping.DOCUMENTS), (Section.MEMORIES, stopping.MEMORIES)):
        # By score: in the order of packing, what is worth its room for another reason may stand before what is nearer.
        own = sorted((one for one in marked if one.piece.section is section), key=lambda one: one.piece.score, reverse=True)
        cut = stopping.kept([one.piece.score for one in own], stop)
        reasons |= {one.marker: "below_floor" for one in own[cut:]}
    return reasons


def refusal(piece: Piece, trust_min: int, *, labelled: bool) -> str | None:
    """Whom it comes from, what it is labelled, what replaced it; None where nothing is against it."""
    if piece.trust < trust_min or (piece.trust == TRUST_QUARANTINED and not labelled):
        return "trust"
    if not labelled and LABELS_KEPT_OUT.intersection(piece.labels):
        return "label"
    return None if piece.superseded_by is None else f"superseded_by:{piece.superseded_by}"


def _refusal(one: Marked, budget: Budget) -> str | None:
    against = refusal(one.piece, budget.trust_min, labelled=budget.labelled)
    return against or (None if one.text else "empty")
