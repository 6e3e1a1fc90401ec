"""The faults of the cache room. Each names the thing, the value, the limit and the way out."""

from core.errors import Conflict, FieldError, Invalid, NotFound, TooLarge
from core.ids import row_name

ENTRY_PREFIX = "ent"
# What an item of an import has of its own; the rest of a fault's pointers are the request's.
_OF_ITEMS = ("/query", "/response", "/sources", "/tags")


def out_of_range(field: str, value: object, allowed: str) -> Invalid:
    detail = f"is {value}; it must be {allowed}"
    return Invalid("cache.out_of_range", f"{field} {detail}", errors=(FieldError(pointer=f"/{field}", detail=detail),))


def no_such_group(group: str | None) -> NotFound:
    return NotFound("cache.no_such_group", f"there is no group {group!r} among this caller's principals")


def group_needed() -> Invalid:
    detail = "scope 'group' needs `group`, a principal such as group:hr; the other scopes take none"
    return Invalid("cache.invalid_scope", detail, errors=(FieldError(pointer="/group", detail=detail),))


def empty_query() -> Invalid:
    detail = "is empty; ask something"
    return Invalid("cache.invalid_query", f"query {detail}", errors=(FieldError(pointer="/query", detail=detail),))


def query_too_large(size: int, limit: int) -> TooLarge:
    detail = f"is {size} bytes as UTF-8; the limit is {limit}"
    return TooLarge("cache.query_too_large", f"query {detail}", errors=(FieldError(pointer="/query", detail=detail),))


def response_too_large(size: int, limit: int) -> TooLarge:
    detail = f"is {size} bytes as JSON; the limit is {limit}. Nothing was stored."
    return TooLarge("cache.response_too_large", f"response {detail}", errors=(FieldError(pointer="/response", detail=detail),))


def invalid_response(what: str) -> Invalid:
    detail = f"{what}. Nothing was stored."
    return Invalid("cache.invalid_response", f"response {detail}", errors=(FieldError(pointer="/response", detail=detail),))


def in_item(place: int, fault: Invalid | TooLarge) -> Invalid | TooLarge:
    """The same fault, and which item of an import it speaks of. Nothing was stored."""
    if not any(one.pointer.startswith(_OF_ITEMS) for one in fault.errors):
        return fault
    moved = tuple(FieldError(pointer=f"/items/{place}{one.pointer}", detail=one.detail) for one in fault.errors)
    return type(fault)(fault.code, f"item {place}: {fault.message}", errors=moved)


def invalid_token(what: str) -> Invalid:
    detail = f"{what} is not one that this service gave, or it was changed on the way"
    return Invalid("cache.invalid_token", detail, errors=(FieldError(pointer=f"/{what}", detail=detail),))


def token_mismatch(what: str) -> Invalid:
    detail = f"{what} was given for another question, namespace or scope; send it with the very same `query` and `request`"
    return Invalid("cache.token_mismatch", detail, errors=(FieldError(pointer=f"/{what}", detail=detail),))


def lookup_expired(hours: int) -> Conflict:
    return Conflict("cache.lookup_expired", f"the lookup is more than {hours} hours ago; look up again")


def lease_over(reason: str) -> Conflict:
    how = "its time was over, or an answer was stored under it" if reason == "lease_expired" else "another took over"
    message = f"this lease no longer holds: {how}. Nothing was stored; look up again."
    return Conflict("cache.lease_expired" if reason == "lease_expired" else "cache.lease_lost", message)


def source_ahead(name: str, given: int, current: int) -> Conflict:
    return Conflict(
        "cache.source_ahead",
        f"source {name!r} is given in version {given}, but the newest there is is {current}. Nothing was stored.",
    )


def version_needed(place: int) -> Invalid:
    detail = "documents and facts are cited with their version, as search and context answer it"
    return Invalid("cache.invalid_source", detail, errors=(FieldError(pointer=f"/sources/{place}/version", detail=detail),))


def nothing_to_judge() -> Invalid:
    return Invalid("cache.nothing_to_judge", "that lookup gave no answer of the cache, so there is nothing to judge")


def nothing_to_compare() -> Invalid:
    detail = "`equals_cached` speaks of the entry that a lookup had found; send its `lookup_id`, of one that found an entry"
    return Invalid("cache.nothing_to_compare", detail, errors=(FieldError(pointer="/equals_cached", detail=detail),))


def one_of(where: str, names: str) -> Invalid:
    """`where` is a field of the body, or what the whole of it is."""
    detail = f"takes exactly one of {names}"
    pointer = "" if where == "feedback" else f"/{where}"
    return Invalid("cache.one_of", f"{where} {detail}", errors=(FieldError(pointer=pointer, detail=detail),))


def no_such_entry(entry: int) -> NotFound:
    """`entry` below 0: what was sent is the name of none."""
    if entry < 0:
        return NotFound(
            "cache.no_such_entry",
            f"`entry_id` is not of the form that a store or a lookup answers, such as {row_name(ENTRY_PREFIX, 1)}",
        )
    return NotFound("cache.no_such_entry", f"there is no entry {row_name(ENTRY_PREFIX, entry)!r} for this caller")
