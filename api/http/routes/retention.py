"""Retention: how long what is kept, for a tenant or for one user."""

from collections.abc import Mapping
from dataclasses import dataclass

from api.http.operation import Ask, NoQuery, Operation, Trouble, alone
from api.http.readers import JsonBody, NoBody
from api.http.routes.sessions import NO_USER
from api.http.routes.troubles import BODY
from api.services import Services
from api.wire.indexes import Name
from api.wire.retention import (
    RetentionIn,
    RetentionOut,
    RetentionPreviewIn,
    RetentionPreviewOut,
    preview_out,
    retention_out,
    rules_in,
)
from api.wire.schema import Shape
from core.caller import Grant
from core.errors import Conflict, Invalid
from memory.forgetting.policies import Policy, Preview

_DAY_S = 86_400
_RULES: Mapping[str, object] = {
    "messages": {"age_max_s": 90 * _DAY_S},
    "sessions": {"idle_max_s": 30 * _DAY_S},
    "users": {"idle_max_s": None},
    "facts": {"age_max_s": 730 * _DAY_S, "kinds": {"decision": {"age_max_s": None}}, "kept_max": 500, "mode": "remove"},
}
_POLICY: Mapping[str, object] = {
    "user_id": None,
    "rules": _RULES,
    "revision": 1,
    "updated_at": "2026-05-01T00:00:00Z",
    "last_run": {
        "started_at": "2026-05-01T00:10:00Z",
        "finished_at": "2026-05-01T00:10:01Z",
        "removed": {"messages": 12},
        "total": {"messages": 12, "sessions": 1, "facts": 3},
    },
}
_INVALID = Trouble(
    kind=Invalid,
    code="memory.invalid_retention",
    detail="/rules/messages/age_max_s is 0; give 1 to 3162240000 seconds, or null to keep",
)
_MOVED = Trouble(
    kind=Conflict,
    code="memory.retention_moved",
    detail="the policy is at revision 2 now; read it and try again",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionQuery(NoQuery):
    """Whose rules; absent, the tenant's."""

    user_id: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionDropQuery(RetentionQuery):
    """The same, if they are at this revision."""

    if_revision: int | None = None


async def _get(services: Services, ask: Ask[None, RetentionQuery]) -> Policy:
    return await services.remembering.policies.get(ask.caller, ask.query.user_id)


async def _put(services: Services, ask: Ask[RetentionIn, NoQuery]) -> Policy:
    body, remembering = ask.body, services.remembering
    policy = await remembering.policies.put(ask.caller, body.user_id, rules_in(body.rules), revision=body.if_revision)
    remembering.retention.wake()
    return policy


async def _drop(services: Services, ask: Ask[None, RetentionDropQuery]) -> Policy:
    query, remembering = ask.query, services.remembering
    policy = await remembering.policies.drop(ask.caller, query.user_id, revision=query.if_revision)
    remembering.retention.wake()
    return policy


async def _preview(services: Services, ask: Ask[RetentionPreviewIn, NoQuery]) -> Preview:
    rules = None if ask.body.rules is None else rules_in(ask.body.rules)
    return await services.remembering.policies.preview(ask.caller, ask.body.user_id, rules)


GET = Operation(
    method="GET",
    path="/v1/admin/retention",
    name="getRetention",
    summary="Show how long what is kept",
    description="The tenant's rules, or with `user_id` those that are in their place for a user; `revision` 0 is none. "
    "`last_run` tells when they were last applied, and how many went.",
    tag="Memories",
    needs=Grant.ADMIN,
    body=NoBody(),
    query=Shape(RetentionQuery),
    run=_get,
    present=alone(retention_out),
    answer=Shape(RetentionOut),
    answer_example=_POLICY,
    troubles=(NO_USER,),
)
PUT = Operation(
    method="PUT",
    path="/v1/admin/retention",
    name="putRetention",
    summary="Set how long what is kept",
    description="At once and every ten minutes what is over is taken out, in batches, with all that was derived from it. "
    "A user's rules are in the place of the tenant's, whole: empty ones keep everything. Look at `:preview` first.",
    tag="Memories",
    needs=Grant.ADMIN,
    body=JsonBody(Shape(RetentionIn), {"rules": _RULES, "if_revision": 0}),
    query=Shape(NoQuery),
    run=_put,
    present=alone(retention_out),
    answer=Shape(RetentionOut),
    answer_example=_POLICY,
    troubles=(*BODY, NO_USER, _INVALID, _MOVED),
)
DROP = Operation(
    method="DELETE",
    path="/v1/admin/retention",
    name="deleteRetention",
    summary="Keep everything again, or a user's memory by the tenant's rules",
    tag="Memories",
    needs=Grant.ADMIN,
    body=NoBody(),
    query=Shape(RetentionDropQuery),
    run=_drop,
    present=alone(retention_out),
    answer=Shape(RetentionOut),
    answer_example={**_POLICY, "rules": {}, "revision": 0, "updated_at": None},
    troubles=(NO_USER, _MOVED),
)
PREVIEW = Operation(
    method="POST",
    path="/v1/admin/retention:preview",
    name="previewRetention",
    summary="Try rules out: what would go now",
    description="Counts by kind, and the first hundred ids of each. Nothing is changed.",
    tag="Memories",
    needs=Grant.ADMIN,
    body=JsonBody(Shape(RetentionPreviewIn), {"rules": _RULES, "user_id": "ann"}),
    query=Shape(NoQuery),
    run=_preview,
    present=alone(preview_out),
    answer=Shape(RetentionPreviewOut),
    answer_example={
        "at": "2026-05-01T00:00:00Z",
        "counts": {"messages": 1, "sessions": 0, "facts": 1, "facts_by_kind": {"note": 1}},
        "ids": {"messages": ["msg_0000000000001"], "sessions": [], "facts": ["fact_0000000000001"]},
    },
    troubles=(*BODY, NO_USER, _INVALID),
)

OPERATIONS = (GET, PUT, DROP, PREVIEW)
