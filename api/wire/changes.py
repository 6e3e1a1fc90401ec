"""The changes feed on the wire: ids of what was added, changed or removed, never a text."""

from dataclasses import dataclass
from typing import Literal

from pydantic import AwareDatetime

from api.wire.schema import Shape, Wire
from indexing.differences import Step
from indexing.feed import Difference

Kind = Literal["document", "message", "fact", "summary"]
Op = Literal["added", "changed", "removed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOut(Wire):
    """What became of something searchable. `id` is a document's, or `msg_…`, `fact_…`, `sum_…`; `index` and `version` are a
    document's; `session_id`, and as `message_id` the client's own id where it gave one, are a message's while it is there.
    """

    offset: int
    at: AwareDatetime
    op: Op
    type: Kind
    id: str
    index: str | None = None
    version: int | None = None
    session_id: str | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressOut(Wire):
    """Nothing that the caller may see happened up to this offset."""

    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceOut(Wire):
    """What differs at `to_offset` from `from_offset`, each thing once."""

    from_offset: int
    to_offset: int
    added: tuple[ChangeOut, ...]
    changed: tuple[ChangeOut, ...]
    removed: tuple[ChangeOut, ...]


CHANGE = Shape(ChangeOut)
PROGRESS = Shape(ProgressOut)


def change_out(step: Step) -> ChangeOut:
    subject = step.subject
    return ChangeOut(
        offset=step.change.offset,
        at=step.change.at,
        op=step.op,
        type=subject.type,
        id=subject.id,
        index=subject.index,
        version=subject.version,
        session_id=subject.session,
        message_id=subject.message_id,
    )


def difference_out(difference: Difference) -> DifferenceOut:
    told = [change_out(step) for step in difference.steps]
    return DifferenceOut(
        from_offset=difference.since,
        to_offset=difference.upto,
        added=tuple(one for one in told if one.op == "added"),
        changed=tuple(one for one in told if one.op == "changed"),
        removed=tuple(one for one in told if one.op == "removed"),
    )
