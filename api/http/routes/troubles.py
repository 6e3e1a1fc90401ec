"""Failures that many operations share, as openapi.json shows them."""

from api.faults import TooSlow, WrongMediaType
from api.http.operation import Trouble
from core.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TimedOut,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

ALWAYS = (
    Trouble(kind=Unauthenticated, code="auth.unknown_key", detail="this credential is not known."),
    Trouble(
        kind=Forbidden,
        code="auth.missing_grant",
        detail="this needs the grant 'write'; key key_01 has read. An admin can make a key that has it.",
    ),
    Trouble(kind=Invalid, code="request.invalid_query", detail="query: /limt: Unexpected keyword argument"),
    Trouble(kind=Unavailable, code="service.starting", detail="the service is starting (embedder: loading the model)."),
    Trouble(kind=TimedOut, code="deadline.exceeded", detail="the search did not finish within 10000 ms."),
)
NO_INDEX = Trouble(
    kind=NotFound, code="indexing.no_such_index", detail="there is no index 'handbok'; PUT /v1/admin/indexes/handbok makes it."
)
NO_DOCUMENT = Trouble(
    kind=NotFound, code="indexing.no_such_document", detail="there is no document 'hr/leave.md' in 'handbook'."
)
NO_JOB = Trouble(kind=NotFound, code="indexing.no_such_job", detail="there is no job 'job_01'.")
BODY = (
    Trouble(kind=Invalid, code="request.invalid_body", detail="body: /k: Input should be a valid integer"),
    Trouble(kind=WrongMediaType, code="http.unsupported_media_type", detail="send Content-Type: application/json."),
    Trouble(kind=TooLarge, code="request.body_too_large", detail="the JSON body is 34603008 bytes; the limit is 33554432."),
    Trouble(kind=TooSlow, code="http.body_too_slow", detail="no byte of the body came for 30 s; send it again."),
)
MOVED = Trouble(kind=Conflict, code="indexing.revision_moved", detail="the revision is 4, not 3; read the document again.")
ONCE = Trouble(kind=Conflict, code="idempotency.key_reused", detail="the Idempotency-Key 'a1' was used here with another body.")
