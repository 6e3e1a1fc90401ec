"""Whose memory a caller may read and write."""

import pytest

from core.caller import Caller, Grant, user_name
from core.clock import VirtualClock
from core.deadline import Deadline
from core.errors import NotFound
from core.ids import DEFAULT_TENANT, KeyId, Principal

ANN, BOB, BOT = Principal("user:ann"), Principal("user:bob"), Principal("service:bot")


def caller(subject: Principal, *grants: Grant, eyes: frozenset[Principal] | None = None) -> Caller:
    return Caller(
        tenant=DEFAULT_TENANT,
        key_id=KeyId("k"),
        subject=subject,
        principals=frozenset({subject}) if eyes is None else eyes,
        grants=frozenset(grants),
        deadline=Deadline.after(VirtualClock(), 1),
        request_id="r",
        narrowed=eyes is not None,
    )


def test_without_a_user_memory_is_the_subjects_own() -> None:
    acting = caller(BOT, Grant.WRITE).acting_for(None)
    assert (acting.subject, user_name(acting.subject)) == (BOT, "service:bot")
    assert acting.sees().principals == {BOT}


def test_naming_oneself_needs_no_grant() -> None:
    assert caller(ANN, Grant.READ).acting_for("ann").subject == ANN


@pytest.mark.parametrize("grant", [Grant.DELEGATE, Grant.ADMIN, Grant.OPERATOR])
def test_another_users_memory_is_opened_by_delegate_and_above_and_seen_through_that_users_eyes_alone(grant: Grant) -> None:
    acting = caller(BOT, grant).acting_for("bob")
    assert (acting.subject, user_name(acting.subject)) == (BOB, "bob")
    assert acting.sees().principals == {BOB}


def test_another_users_memory_is_not_there_for_anybody_else() -> None:
    with pytest.raises(NotFound):
        caller(ANN, Grant.READ, Grant.WRITE).acting_for("bob")


def test_eyes_that_were_stated_are_the_most_that_may_be_looked_through() -> None:
    looking = caller(BOT, Grant.DELEGATE, eyes=frozenset({ANN}))
    assert looking.acting_for("ann").subject == ANN
    with pytest.raises(NotFound):
        looking.acting_for("bob")


def test_the_one_user_whose_eyes_were_stated_is_meant_when_none_is_named() -> None:
    assert caller(BOT, Grant.DELEGATE, eyes=frozenset({ANN, Principal("group:hr")})).acting_for(None).subject == ANN
    with pytest.raises(NotFound):
        caller(BOT, Grant.DELEGATE, eyes=frozenset({ANN, BOB})).acting_for(None)
