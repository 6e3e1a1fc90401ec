"""Faults of the indexing room that more than one of its modules raises. Each code is in docs/reference/faults.md."""

from core.errors import Conflict, Invalid, NotFound


def no_such_document(document_id: str, index: str) -> NotFound:
    return NotFound("indexing.no_such_document", f"index {index!r} has no document {document_id[:200]!r} that you may read")


def no_such_job(job_id: str) -> NotFound:
    return NotFound("indexing.no_such_job", f"there is no job {job_id[:80]!r}; GET /v1/jobs lists them")


def revision_moved(what: str, given: int, current: int) -> Conflict:
    return Conflict("indexing.revision_moved", f"{what} is at revision {current}, not {given}; read it again, then decide")


def needs_reindex(name: str, documents: str) -> Conflict:
    return Conflict(
        "indexing.needs_reindex",
        f"index {name!r} holds {documents}; its profile (all but fusion) is fixed. Make another index with the new profile "
        "and ingest into that",
    )


def invalid_profile(what: str) -> Invalid:
    return Invalid("indexing.invalid_profile", f"profile: {what}")
