"""Whether something may answer a question of certain moments. Pure."""

from datetime import datetime

from memory.recall.types import Moments


def timely(moments: Moments, occurred_at: datetime | None, recorded_at: datetime) -> bool:
    """Whether something may answer a question of these moments. What has no time of its own counts as said when it was
    recorded, except in a period: there it is left out."""
    within = (moments.since is None and moments.until is None) or (
        occurred_at is not None
        and (moments.since is None or occurred_at >= moments.since)
        and (moments.until is None or occurred_at < moments.until)
    )
    then = moments.as_of is None or (occurred_at or recorded_at) <= moments.as_of
    return within and then and (moments.as_known_at is None or recorded_at <= moments.as_known_at)


def holds(moments: Moments, valid_from: datetime | None, valid_to: datetime | None) -> bool:
    """Whether a fact that held in `[valid_from, valid_to)` answers: it held at `as_of`, and in a part of the period; one side
    open where it is not known."""
    begun, over = valid_from, valid_to
    if moments.as_of is not None and (
        (begun is not None and begun > moments.as_of) or (over is not None and over <= moments.as_of)
    ):
        return False
    ends_before = moments.since is not None and over is not None and over <= moments.since
    begins_after = moments.until is not None and begun is not None and begun >= moments.until
    return not ends_before and not begins_after
