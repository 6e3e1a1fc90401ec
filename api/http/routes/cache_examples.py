"""Examples and troubles of the cache's operations, for openapi.json."""

from collections.abc import Mapping

from api.http.operation import Trouble
from core.errors import Conflict, Invalid, NotFound, TooLarge

LOOKUP: Mapping[str, object] = {
    "namespace": "support",
    "query": "How do I reset my password?",
    "request": {"model": "gpt-x", "system": "You are helpful.", "tools": [], "temperature": 0, "history": []},
    "scope": "tenant",
}
_SOURCE: Mapping[str, object] = {"type": "document", "id": "hr/leave.md", "index": "handbook", "version": 3}
STORE: Mapping[str, object] = {
    **LOOKUP,
    "response": "Under Settings, Security.",
    "sources": [_SOURCE],
    "lease": "ZiBsZWFzZQ",
    "cost": {"tokens_in": 900, "tokens_out": 60, "usd": 0.002, "latency_ms": 1800},
}
FOUND: Mapping[str, object] = {
    "status": "hit",
    "tier": "normalized",
    "response": "Under Settings, Security.",
    "entry_id": "ent_0000000000042",
    "similarity": None,
    "score": None,
    "threshold": None,
    "wrong_rate_upper": None,
    "guards": [],
    "age_s": 12.5,
    "sources": [_SOURCE],
    "lease": None,
    "lookup_id": "bG9va3VwIGlk",
    "reason": None,
    "indexed_offset": 17,
}
NAMESPACE: Mapping[str, object] = {
    "mode": "verified",
    "threshold": 0.95,
    "wrong_rate_max": 0.02,
    "ttl_s": 604800,
    "entries_max": 100000,
}
STATS: Mapping[str, object] = {
    "namespace": "support",
    "mode": "verified",
    "wrong_rate_max": 0.02,
    "entries": 812,
    "lookups": {"hit": 400, "miss": 580, "audit": 20, "total": 1000},
    "hits": {"exact": 150, "normalized": 20, "semantic": 230},
    "hit_rate": {"exact": 0.15, "normalized": 0.02, "semantic": 0.23, "total": 0.4},
    "reasons": {"no_entry": 300, "below_threshold": 250, "guarded": 30},
    "semantic": {
        "threshold": 0.81,
        "wrong_rate_upper": 0.019,
        "predicted_hit_rate": 0.3,
        "labels": 560,
        "audits": 20,
        "audited_wrong": 0,
        "drifted": False,
    },
    "saved": {"tokens": 384000, "usd": 0.8, "latency_ms": 720000.0},
    "stored": 600,
    "refused": {"refusal": 2},
    "stale": {"source_changed": 4},
    "leases": {"granted": 580, "waited": 12},
    "evictions": 0,
}
ENTRY: Mapping[str, object] = {
    "id": "ent_0000000000042",
    "namespace": "support",
    "scope": "tenant",
    "scope_id": "",
    "query": "How do I reset my password?",
    "state": "active",
    "cause": None,
    "sources": [_SOURCE],
    "bytes": 27,
    "hits": 4,
    "false_hits": 0,
    "created_at": "2026-05-01T09:00:00Z",
    "used_at": "2026-05-01T10:00:00Z",
    "expires_at": "2026-05-08T08:00:00Z",
}

NO_GROUP = Trouble(
    kind=NotFound, code="cache.no_such_group", detail="there is no group 'group:hr' among this caller's principals"
)
RANGE = Trouble(kind=Invalid, code="cache.out_of_range", detail="threshold is 2; it must be above 0 and at most 1")
RESPONSE_INVALID = Trouble(
    kind=Invalid, code="cache.invalid_response", detail="response holds NaN or an infinite number, which JSON does not know."
)
RESPONSE_LARGE = Trouble(
    kind=TooLarge, code="cache.response_too_large", detail="response is 10485760 bytes as JSON; the limit is 1048576."
)
EXPIRED = Trouble(
    kind=Conflict,
    code="cache.lease_expired",
    detail="this lease no longer holds: its time was over, or an answer was stored under it.",
)
SOURCE_AHEAD = Trouble(
    kind=Conflict, code="cache.source_ahead", detail="source 'hr/leave.md' is given in version 9, but the newest there is is 3."
)
TOKEN = Trouble(kind=Invalid, code="cache.invalid_token", detail="lookup_id is not one that this service gave")
MISMATCH = Trouble(kind=Invalid, code="cache.token_mismatch", detail="lease was given for another question, namespace or scope")
NO_ENTRY = Trouble(kind=NotFound, code="cache.no_such_entry", detail="there is no entry 'ent_000000000001a' for this caller")
NOT_JUDGED = Trouble(kind=Invalid, code="cache.nothing_to_judge", detail="that lookup gave no answer of the cache")
ONE_OF = Trouble(kind=Invalid, code="cache.one_of", detail="by takes exactly one of source, tag, namespace, query")
