"""The rules by which memory is kept no longer: set, shown and tried out by an admin, for a tenant or for one user in its place.
What they say is done in the background (retention.py)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from core.caller import Caller, Grant
from core.clock import Clock
from core.ids import Principal
from memory import errors
from storage import retention
from storage.database import Database, Transaction
from storage.retention import TENANT, PolicyRecord, Rules, RunRecord

AGE_S_MAX = 100 * 366 * 86_400
FACTS_MAX = 1_000_000
IDS_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules for `owner` (TENANT: for all without their own), and the tenant's last look. `revision` 0: there are none."""

    owner: Principal
    rules: Rules
    revision: int
    updated_at: datetime | None
    run: RunRecord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What rules would take out at this moment: how many, and the rows of the first of each kind. What rests on a message alone
    goes with it and is not counted."""

    at: datetime
    messages: int
    sessions: int
    facts: Mapping[str, int]
    message_rows: tuple[int, ...]
    session_ids: tuple[str, ...]
    fact_rows: tuple[int, ...]


class Policies:
    """Retention rules of a tenant. Everything here needs the grant admin."""

    def __init__(self, *, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def get(self, caller: Caller, user: str | None) -> Policy:
        """The user's own rules; where it has none, that is said by revision 0."""
        owner = _owner(caller, user)
        async with self._db.read(caller.tenant) as tx:
            return await _policy(tx, owner)

    async def put(self, caller: Caller, user: str | None, rules: Rules, *, revision: int | None) -> Policy:
        """From now on these rules, whole. Conflict when the policy is not at `revision` any more."""
        owner = _owner(caller, user)
        _check(rules)
        async with self._db.write(caller.tenant) as tx:
            held = await retention.policy(tx, owner)
            now = 0 if held is None else held.revision
            moved = revision not in {None, now}
            if moved or not await retention.set_policy(tx, owner, rules, revision=now, at=self._clock.now()):
                raise errors.retention_moved(now)
            return await _policy(tx, owner)

    async def drop(self, caller: Caller, user: str | None, *, revision: int | None) -> Policy:
        """Without rules nothing goes; a user's memory goes by the tenant's again."""
        owner = _owner(caller, user)
        async with self._db.write(caller.tenant) as tx:
            held = await retention.policy(tx, owner)
            now = 0 if held is None else held.revision
            if revision not in {None, now}:
                raise errors.retention_moved(now)
            await retention.drop_policy(tx, owner)
            return await _policy(tx, owner)

    async def preview(self, caller: Caller, user: str | None, rules: Rules | None) -> Preview:
        """What the rules, or those that are set where none are given, would take out now. Nothing is changed."""
        owner = _owner(caller, user)
        now = self._clock.now()
        async with self._db.read(caller.tenant) as tx:
            held = await _policy(tx, owner)
            if rules is not None:
                _check(rules)
            asked = PolicyRecord(owner=owner, rules=rules or held.rules, revision=0, updated_at=now)
            return await _preview(tx, asked, now)


def no_rules() -> Rules:
    return Rules(facts_by_kind={})


async def _policy(tx: Transaction, owner: Principal) -> Policy:
    held = await retention.policy(tx, owner)
    run = await retention.last_run(tx)
    if held is None:
        return Policy(owner=owner, rules=no_rules(), revision=0, updated_at=None, run=run)
    return Policy(owner=owner, rules=held.rules, revision=held.revision, updated_at=held.updated_at, run=run)


async def _preview(tx: Transaction, policy: PolicyRecord, at: datetime) -> Preview:
    facts = await retention.old_facts(tx, policy, at, limit=IDS_SHOWN)
    return Preview(
        at=at,
        messages=await retention.count(tx, retention.messages_over(tx, policy, at)),
        sessions=await retention.count(tx, retention.sessions_over(tx, policy, at)),
        facts=await retention.count_kinds(tx, retention.facts_over(tx, policy, at)),
        message_rows=await retention.old_messages(tx, policy, at, limit=IDS_SHOWN),
        session_ids=await retention.names_of(tx, retention.sessions_over(tx, policy, at), limit=IDS_SHOWN),
        fact_rows=tuple(one.row_id for one in facts),
    )


def _owner(caller: Caller, user: str | None) -> Principal:
    caller.require(Grant.ADMIN)
    return TENANT if user is None else caller.acting_for(user).subject


def _check(rules: Rules) -> None:
    ages = {
        "messages/age_max_s": rules.messages_age_s,
        "sessions/idle_max_s": rules.sessions_idle_s,
        "users/idle_max_s": rules.users_idle_s,
        "facts/age_max_s": rules.facts_age_s,
        **{f"facts/kinds/{kind}/age_max_s": age_s for kind, age_s in rules.facts_by_kind.items()},
    }
    for place, age_s in ages.items():
        if age_s is not None and not 1 <= age_s <= AGE_S_MAX:
            raise errors.invalid_retention(f"/rules/{place}", f"is {age_s}; give 1 to {AGE_S_MAX} seconds, or null to keep")
    if rules.facts_max is not None and not 0 <= rules.facts_max <= FACTS_MAX:
        raise errors.invalid_retention("/rules/facts/kept_max", f"is {rules.facts_max}; give 0 to {FACTS_MAX}, or null to keep")
