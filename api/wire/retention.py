"""Retention on the wire: how long what is kept, and what has gone by it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from api.wire.indexes import Name
from api.wire.memories import KindName
from api.wire.schema import Wire
from core.caller import user_name
from core.ids import row_name
from memory.facts.statements import Kind
from memory.forgetting.policies import Policy, Preview
from storage.fact_records import fact_id
from storage.retention import TENANT, Rules, RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeRule(Wire):
    """Seconds since it was written down; null is for ever."""

    age_max_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleRule(Wire):
    """Seconds since anybody wrote to it; null is for ever."""

    idle_max_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsRule(Wire):
    """`age_max_s` since a fact was recorded or last said; `kinds` has rules in its place; `kept_max` is how many a user keeps
    that are not pinned: those that hold before history, the more important first, then the later. With `mode` expire they
    stay in lists."""

    age_max_s: int | None = None
    kinds: Annotated[Mapping[KindName, AgeRule], Field(max_length=7)] = field(default_factory=dict[KindName, AgeRule])
    kept_max: int | None = None
    mode: Literal["remove", "expire"] = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesIO(Wire):
    """What is absent is kept for ever. Pinned facts never go, nor what they rest on."""

    messages: AgeRule = field(default_factory=AgeRule)
    sessions: IdleRule = field(default_factory=IdleRule)
    users: IdleRule = field(default_factory=IdleRule)
    facts: FactsRule = field(default_factory=FactsRule)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionIn(Wire):
    """The rules, whole. With `user_id`, those of one user in the place of the tenant's. `if_revision` 0: if there are none."""

    rules: RulesIO
    user_id: Name | None = None
    if_revision: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPreviewIn(Wire):
    """The rules to try out; absent, those that are set."""

    rules: RulesIO | None = None
    user_id: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRun(Wire):
    """The last look over the tenant, all policies together: `finished_at` null while it goes on. `total` is of all looks."""

    started_at: AwareDatetime
    finished_at: AwareDatetime | None
    removed: Mapping[str, int]
    total: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionOut(Wire):
    """The rules that are set; `revision` 0 is none."""

    user_id: str | None
    rules: RulesIO
    revision: int
    updated_at: AwareDatetime | None
    last_run: RetentionRun | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionCounts(Wire):
    """How many would go."""

    messages: int
    sessions: int
    facts: int
    facts_by_kind: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionIds(Wire):
    """The first hundred of each. Messages as `POST /v1/memories:search` names them, sessions by their own ids."""

    messages: tuple[str, ...]
    sessions: tuple[str, ...]
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPreviewOut(Wire):
    """What would go at `at`. Facts that rest on such a message alone go with it, and are not counted."""

    at: AwareDatetime
    counts: RetentionCounts
    ids: RetentionIds


def rules_in(body: RulesIO) -> Rules:
    return Rules(
        messages_age_s=body.messages.age_max_s,
        sessions_idle_s=body.sessions.idle_max_s,
        users_idle_s=body.users.idle_max_s,
        facts_age_s=body.facts.age_max_s,
        facts_by_kind={kind: rule.age_max_s for kind, rule in body.facts.kinds.items()},
        facts_max=body.facts.kept_max,
        facts_expire=body.facts.mode == "expire",
    )


def retention_out(policy: Policy) -> RetentionOut:
    return RetentionOut(
        user_id=None if policy.owner == TENANT else user_name(policy.owner),
        rules=_rules_out(policy.rules),
        revision=policy.revision,
        updated_at=policy.updated_at,
        last_run=None if policy.run is None else _run_out(policy.run),
    )


def preview_out(preview: Preview) -> RetentionPreviewOut:
    return RetentionPreviewOut(
        at=preview.at,
        counts=RetentionCounts(
            messages=preview.messages,
            sessions=preview.sessions,
            facts=sum(preview.facts.values()),
            facts_by_kind=preview.facts,
        ),
        ids=RetentionIds(
            messages=tuple(row_name("msg", row) for row in preview.message_rows),
            sessions=preview.session_ids,
            facts=tuple(fact_id(row) for row in preview.fact_rows),
        ),
    )


def _rules_out(rules: Rules) -> RulesIO:
    kinds: dict[KindName, AgeRule] = {Kind(kind).value: AgeRule(age_max_s=age_s) for kind, age_s in rules.facts_by_kind.items()}
    return RulesIO(
        messages=AgeRule(age_max_s=rules.messages_age_s),
        sessions=IdleRule(idle_max_s=rules.sessions_idle_s),
        users=IdleRule(idle_max_s=rules.users_idle_s),
        facts=FactsRule(
            age_max_s=rules.facts_age_s,
            kinds=kinds,
            kept_max=rules.facts_max,
            mode="expire" if rules.facts_expire else "remove",
        ),
    )


def _run_out(run: RunRecord) -> RetentionRun:
    return RetentionRun(started_at=run.started_at, finished_at=run.finished_at, removed=run.removed, total=run.total)
