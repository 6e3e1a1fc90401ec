"""The faults of the memory room. Each names the thing, the value, the limit and the way out."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from core.errors import Conflict, FieldError, Invalid, NotFound, TooLarge, Unavailable
from core.ids import SessionId
from storage.fact_records import fact_id


def no_such_session(session: SessionId) -> NotFound:
    return NotFound(
        "memory.no_such_session", f'there is no session {session!r} of this user; make it with POST /v1/sessions {{"id": …}}'
    )


def no_such_message(message: str, session: SessionId) -> NotFound:
    return NotFound("memory.no_such_message", f"there is no message {message[:140]!r} in session {session!r}")


def session_exists(session: SessionId) -> Conflict:
    return Conflict(
        "memory.session_exists",
        f"session {session!r} is there already with another agent, metadata or time to live; use it as it is, or another id",
    )


def session_closed(session: SessionId) -> Conflict:
    return Conflict("memory.session_closed", f"session {session!r} is closed and takes no more messages; open another")


def session_busy(session: SessionId, attempts: int) -> Unavailable:
    return Unavailable(
        "memory.session_busy", f"other writers were faster on session {session!r} {attempts} times in a row; send this again"
    )


def no_messages() -> Invalid:
    return Invalid("memory.no_messages", "messages is empty; send at least one", errors=(_at("/messages", "is empty"),))


def too_many_messages(count: int, limit: int) -> TooLarge:
    return TooLarge(
        "memory.too_many_messages",
        f"this call has {count} messages; the limit is {limit}. Send them in several calls, in order.",
        errors=(_at("/messages", f"has {count} items; the limit is {limit}"),),
    )


def empty_content(place: int) -> Invalid:
    return Invalid(
        "memory.empty_content",
        f"messages[{place}].content is empty or white space; leave the message out, or say what it holds",
        errors=(_at(f"/messages/{place}/content", "is empty"),),
    )


def content_too_large(place: int, size: int, limit: int) -> TooLarge:
    what = f"is {size} bytes as UTF-8; the limit is {limit}"
    return TooLarge(
        "memory.content_too_large",
        f"messages[{place}].content {what}. Keep long texts as documents and refer to them.",
        errors=(_at(f"/messages/{place}/content", what),),
    )


def not_text(place: int) -> Invalid:
    return Invalid(
        "memory.not_text",
        f"messages[{place}] holds a lone surrogate or a NUL, which no store takes as text; send valid UTF-8",
        errors=(_at(f"/messages/{place}", "holds a lone surrogate or a NUL"),),
    )


def invalid_message_id(place: int, value: str) -> Invalid:
    what = f"is {value[:40]!r}; use 1 to 128 printable characters, not the form msg_… that mnemic gives"
    return Invalid("memory.invalid_message_id", f"messages[{place}].id {what}", errors=(_at(f"/messages/{place}/id", what),))


def message_conflict(message: str) -> Conflict:
    return Conflict(
        "memory.message_conflict",
        f"message {message!r} is in this session already with another content; a message is never overwritten. "
        "Send it under another id, or delete the one that is there.",
    )


def message_moved(message: str) -> Conflict:
    return Conflict("memory.message_moved", f"message {message!r} was changed by somebody else meanwhile; read it again first")


def invalid_ttl(ttl_s: int, limit: int) -> Invalid:
    what = f"is {ttl_s}; it must be 1 to {limit} seconds"
    return Invalid("memory.invalid_ttl", f"ttl_s {what}", errors=(_at("/ttl_s", what),))


def model_not_served(model: str, serving: str) -> Unavailable:
    return Unavailable(
        "memory.model_not_served",
        f"this tenant's memory was embedded with model {model}, and this service embeds with {serving}; "
        "start it with that embedder",
        retry_after_s=60,
    )


def invalid_spans(detail: str) -> Invalid:
    return Invalid("memory.invalid_spans", f"spans {detail}", errors=(_at("/spans", detail),))


def no_types() -> Invalid:
    what = "names no type; leave it out for all, or name some of message, fact, summary"
    return Invalid("memory.no_types", f"types {what}", errors=(_at("/types", what),))


def empty_period(since: datetime, until: datetime) -> Invalid:
    what = f"runs from {since.isoformat()} to {until.isoformat()}, and nothing lies between; `to` is exclusive and later"
    return Invalid("memory.empty_period", f"time {what}", errors=(_at("/time", what),))


def check_tokens_max(tokens_max: int, limit: int) -> None:
    """Invalid for a budget that is none."""
    if not 1 <= tokens_max <= limit:
        what = f"is {tokens_max}; it must be 1 to {limit}"
        raise Invalid("memory.invalid_tokens_max", f"tokens_max {what}", errors=(_at("/tokens_max", what),))


def no_such_fact(fact: str) -> NotFound:
    return NotFound("memory.no_such_fact", f"there is no fact {fact[:80]!r} of this user")


def fact_moved(fact: str) -> Conflict:
    return Conflict("memory.fact_moved", f"fact {fact!r} was changed by somebody else meanwhile; read it again first")


def fact_conflicts(text: str, related: Sequence[int]) -> Conflict:
    named = ", ".join(fact_id(row) for row in related)
    return Conflict(
        "memory.fact_conflicts",
        f"{text[:200]!r} contradicts what is known ({named}), and on_conflict is reject: nothing was written. "
        "Send auto to let the gate decide, or add to keep both.",
    )


def invalid_fact(pointer: str, detail: str) -> Invalid:
    return Invalid("memory.invalid_fact", f"{pointer.removeprefix('/')} {detail}", errors=(_at(pointer, detail),))


def fact_not_active(fact: str, status: str, ended_by: str | None) -> Conflict:
    by = f" by {ended_by}; supersede that one instead" if ended_by else "; only an active or challenged fact can be superseded"
    return Conflict("memory.fact_not_active", f"fact {fact!r} is {status}{by}")


def fact_not_restorable(fact: str, status: str) -> Conflict:
    return Conflict(
        "memory.fact_not_restorable",
        f"fact {fact!r} is {status}; only a rejected, expired or quarantined fact can be restored. What a "
        "later one ended comes back when that one is rejected or deleted.",
    )


def no_such_erasure(erasure: str) -> NotFound:
    return NotFound("memory.no_such_erasure", f"there is no erasure {erasure[:140]!r} that this key may look at")


def invalid_retention(pointer: str, flaw: str) -> Invalid:
    return Invalid("memory.invalid_retention", f"{pointer} {flaw}", errors=(_at(pointer, flaw),))


def retention_moved(revision: int) -> Conflict:
    return Conflict(
        "memory.retention_moved",
        f"the policy is at revision {revision} now; read it and try again",
    )


def erasure_incomplete(erasure: str, left: Mapping[str, int]) -> Unavailable:
    told = ", ".join(f"{count} in {name}" for name, count in left.items() if count)
    return Unavailable("memory.erasure_incomplete", f"erasure {erasure} still finds {told}; it goes on by itself")


def erased_meanwhile() -> Conflict:
    return Conflict(
        "memory.erased_meanwhile",
        "this user was erased while the import ran. What had come in by then is erased too, and nothing was written since; "
        "send it again if it is to be a new beginning.",
    )


def no_such_memory(memory: str) -> NotFound:
    return NotFound(
        "memory.no_such_memory",
        f"there is no memory {memory[:140]!r} of this user; ids are those that POST /v1/memories:search answers. "
        "Nothing was done.",
    )


def invalid_selector(detail: str) -> Invalid:
    return Invalid("memory.invalid_selector", f"selector {detail}", errors=(_at("/selector", detail),))


def selector_too_wide(limit: int) -> Conflict:
    return Conflict(
        "memory.selector_too_wide",
        f"the filter matches more than {limit} memories, its limit; nothing was done. Narrow it, or raise selector.limit.",
    )


def _at(pointer: str, detail: str) -> FieldError:
    return FieldError(pointer=pointer, detail=detail)
