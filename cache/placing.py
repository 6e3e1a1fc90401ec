"""From a question to its partition: whose eyes, which scope, which digests. Similarity never crosses a partition."""

import hashlib
import json
from dataclasses import replace

from cache import errors
from cache.fingerprint import fingerprint, normalized
from cache.types import QUERY_BYTES_MAX, Place, Question, Scope
from core.caller import Caller, Grant
from core.ids import check_name, check_principal


def place(caller: Caller, question: Question, *, embedder: str) -> Place:
    """Raises Invalid, TooLarge, and NotFound for a user or group that is not the caller's."""
    check_name(question.namespace, what="namespace")
    _check_query(question.query)
    scope_id, eyes = _scope(caller, question)
    print_ = fingerprint(question.query, question.request, embedder=embedder)
    return Place(
        eyes=eyes,
        owner=eyes.subject,
        scope=question.scope,
        scope_id=scope_id,
        namespace=question.namespace,
        query=question.query,
        partition=_digest(question.namespace, question.scope, scope_id, print_.compatibility),
        exact=bytes.fromhex(print_.exact),
        normalized=bytes.fromhex(print_.normalized),
        text_digest=text_digest(question.query),
    )


def text_digest(query: str) -> bytes:
    """Of a question alone, folded: what it is invalidated by."""
    return _digest(normalized(query))


def eyes_digest(caller: Caller) -> bytes:
    """Two callers of one digest see the same records."""
    principals = caller.sees().principals
    return _digest("*") if principals is None else _digest("seen", *sorted(principals))


def scopes_of(caller: Caller) -> tuple[tuple[str, str], ...] | None:
    """The scopes whose entries a caller may look into; None is all of them."""
    if caller.may(Grant.ADMIN) and not caller.narrowed:
        return None
    held = sorted({*caller.principals, caller.subject} if not caller.narrowed else caller.principals)
    return ((Scope.TENANT, ""), *((Scope.PRIVATE, one) for one in held), *((Scope.GROUP, one) for one in held))


def _scope(caller: Caller, question: Question) -> tuple[str, Caller]:
    if (question.group is None) == (question.scope is Scope.GROUP):
        raise errors.group_needed()
    eyes = caller if question.user is None or caller.narrowed else caller.acting_for(question.user)
    if question.scope is Scope.PRIVATE or question.user is not None:
        # A caller that looks through several eyes keeps them all: what it may see is not only what is the user's.
        eyes = replace(eyes, subject=caller.acting_for(question.user).subject)
    if question.scope is Scope.PRIVATE:
        return eyes.subject, eyes
    if question.scope is Scope.TENANT:
        return "", eyes
    group = check_principal(question.group or "")
    if group not in caller.principals and (caller.narrowed or not caller.may(Grant.ADMIN)):
        raise errors.no_such_group(group)
    return group, eyes


def _check_query(query: str) -> None:
    size = len(query.encode("utf-8", "surrogatepass"))
    if size > QUERY_BYTES_MAX:
        raise errors.query_too_large(size, QUERY_BYTES_MAX)
    if not query.strip():
        raise errors.empty_query()


def _digest(*parts: str) -> bytes:
    return hashlib.sha256(json.dumps(parts).encode()).digest()
