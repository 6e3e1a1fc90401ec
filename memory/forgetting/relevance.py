"""Which results of a search somebody means who says "forget that": a search answers its best, however little they say to the
query, and what is forgotten by mistake is lost. Pure."""

from collections.abc import Sequence

from memory.recall.types import Memo

# Of the best score of an arm. In words: "the cherry door code" says three of four words of "the bramble door code", 0.57; a
# message said at length beside the fact learned from it is at 0.7. In meaning the cosines of neighbours lie near each other.
KEYWORD_SHARE_MIN = 0.6
DENSE_SHARE_MIN = 0.9
# With the default model, of 14 questions in other words to ten short messages the message that was meant had 0.25 to 0.52; of
# 12 about nothing that was there the best had 0.03 to 0.21, one 0.30.
DENSE_MIN = 0.24


def meant(found: Sequence[Memo]) -> tuple[Memo, ...]:
    """Those that say nearly as much to the query as the best of an arm, in their order; none where nothing says anything."""
    keyword = max((one.signals.keyword or 0.0 for one in found), default=0.0)
    dense = max((one.signals.dense or 0.0 for one in found), default=0.0)
    return tuple(
        one
        for one in found
        if ((one.signals.keyword or 0.0) >= KEYWORD_SHARE_MIN * keyword > 0.0)
        or (one.signals.dense or 0.0) >= max(DENSE_MIN, DENSE_SHARE_MIN * dense)
    )
