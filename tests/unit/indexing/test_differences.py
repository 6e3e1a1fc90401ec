"""What a run of changes comes to: step by step, and as one difference."""

from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from indexing.differences import net, steps
from storage.changes import Change
from storage.subjects import SubjectRecord
from tests.support.stores import AT

Said = tuple[str, Literal["publish", "retract"], bool]


def run(*said: Said) -> tuple[tuple[Change, ...], dict[int, SubjectRecord]]:
    """Changes from (subject, op, fresh), and their subjects by offset."""
    found = tuple(
        Change(
            offset=offset,
            token="t",
            index_id=1,
            op=op,
            subject_id=ord(name),
            block=offset,
            rows=1,
            fresh=fresh,
            owner=None,
            at=AT,
        )
        for offset, (name, op, fresh) in enumerate(said, start=1)
    )
    return found, {change.offset: SubjectRecord(type="document", id=chr(change.subject_id), acl=None) for change in found}


def told(*said: Said, more: bool = False) -> tuple[list[str], int]:
    found, named = run(*said)
    out, used = steps(found, named, more=more)
    return [f"{step.op} {step.subject.id}" for step in out], used


def difference(*said: Said) -> list[str]:
    return [f"{step.op} {step.subject.id}" for step in net(*run(*said))]


def test_a_first_publication_adds_a_later_one_changes_a_retraction_removes() -> None:
    assert told(("a", "publish", True), ("a", "publish", False), ("a", "retract", False))[0] == [
        "added a",
        "changed a",
        "removed a",
    ]


def test_a_new_version_is_one_step_though_it_retracts_the_old_one() -> None:
    assert told(("a", "retract", False), ("a", "publish", False)) == (["changed a"], 2)
    assert told(("a", "retract", False), ("b", "publish", True))[0] == ["removed a", "added b"]


def test_a_retraction_at_the_end_waits_for_what_follows() -> None:
    assert told(("b", "publish", True), ("a", "retract", False), more=True) == (["added b"], 1)
    assert told(("a", "retract", False), more=True) == (["removed a"], 1)
    assert told(("b", "publish", True), ("a", "retract", False)) == (["added b", "removed a"], 2)


def test_what_is_of_a_deleted_index_is_passed_over() -> None:
    found, named = run(("a", "publish", True), ("b", "publish", True))
    del named[1]
    assert [step.subject.id for step in steps(found, named, more=False)[0]] == ["b"]
    assert [step.subject.id for step in net(found, named)] == ["b"]


def test_a_difference_tells_each_thing_once_and_nothing_of_what_came_and_went() -> None:
    assert difference(("a", "publish", True), ("a", "retract", False)) == []
    assert difference(("a", "retract", False), ("a", "publish", True)) == ["changed a"]
    assert difference(("a", "publish", True), ("b", "retract", False), ("a", "publish", False)) == ["removed b", "added a"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=20), st.sets(st.sampled_from("abc")))
def test_the_steps_lead_where_the_difference_says(wishes: list[tuple[str, bool]], before: set[str]) -> None:
    there, said = set(before), list[Said]()
    for name, present in wishes:
        if present:
            said.append((name, "publish", name not in there))
            there.add(name)
        elif name in there:
            said.append((name, "retract", False))
            there.discard(name)
    changed = {name: op for op, name in (line.split() for line in difference(*said))}
    assert {name for name, op in changed.items() if op == "added"} == there - before
    assert {name for name, op in changed.items() if op == "removed"} == before - there
    walked = set(before)
    for op, name in (line.split() for line in told(*said)[0]) if said else ():
        walked = walked - {name} if op == "removed" else walked | {name}
    assert walked == there
