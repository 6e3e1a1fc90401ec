"""What a run of changes comes to for somebody who looks at their subjects: step by step, or as one difference. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from storage.changes import Change
from storage.subjects import SubjectRecord

Op = Literal["added", "changed", "removed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What became of a subject, and the change that says so."""

    change: Change
    op: Op
    subject: SubjectRecord


def steps(found: Sequence[Change], named: Mapping[int, SubjectRecord], *, more: bool) -> tuple[tuple[Step, ...], int]:
    """Every step that the changes tell, and the offset up to which they are used: with `more` behind them, a retraction at
    their end waits for what follows it. A new version of a document is a retraction and a publication; it is one step.
    """
    used = found
    if more and len(found) > 1 and found[-1].op == "retract":
        used = found[:-1]
    told: list[Step] = []
    for place, change in enumerate(used):
        subject = named.get(change.offset)
        following = used[place + 1] if place + 1 < len(used) else None
        replaced = change.op == "retract" and following is not None and _same(change, following, named)
        if subject is not None and not replaced:
            told.append(Step(change=change, op=_op(change), subject=subject))
    return tuple(told), used[-1].offset


def net(found: Sequence[Change], named: Mapping[int, SubjectRecord]) -> tuple[Step, ...]:
    """What differs behind the last of the changes from before the first, once for each subject, by its last change."""
    firsts: dict[tuple[int, str], Change] = {}
    lasts: dict[tuple[int, str], Change] = {}
    for change in found:
        subject = named.get(change.offset)
        if subject is not None:
            key = (change.index_id, subject.id)
            firsts.setdefault(key, change)
            lasts[key] = change
    told: list[Step] = []
    for key, last in lasts.items():
        op = _net_op(firsts[key], last)
        if op is not None:
            told.append(Step(change=last, op=op, subject=named[last.offset]))
    return tuple(sorted(told, key=lambda step: step.change.offset))


def _op(change: Change) -> Op:
    if change.op == "retract":
        return "removed"
    return "added" if change.fresh else "changed"


def _net_op(first: Change, last: Change) -> Op | None:
    before, after = not first.fresh, last.op == "publish"
    if before:
        return "changed" if after else "removed"
    return "added" if after else None


def _same(change: Change, following: Change, named: Mapping[int, SubjectRecord]) -> bool:
    one, other = named.get(change.offset), named.get(following.offset)
    return (
        following.op == "publish"
        and change.index_id == following.index_id
        and one is not None
        and other is not None
        and one.id == other.id
    )
