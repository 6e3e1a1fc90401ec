"""What makes two requests the same: canonical JSON and the digests over it. Pure.

`exact` is over everything that shapes an answer, the user's text as it stands. `normalized` folds that text: the form of its
characters, white space, case, final punctuation. `compatibility` leaves it out: requests that agree in it differ in nothing
but what the user asks, and only among those is similarity ever looked at. Boilerplate in the system prompt is therefore never
embedded.
"""

import hashlib
import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from core.errors import FieldError, Invalid

DEPTH_MAX = 32
_FINAL = " \t.!?\u2026\u3002\uff1f\uff01;:,"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """SHA-256 each, as hex digits."""

    exact: str
    normalized: str
    compatibility: str


def fingerprint(query: str, request: Mapping[str, object], *, embedder: str) -> Fingerprint:
    """Of a question within a request. `embedder` names the vector space: entries of two spaces are never compared."""
    context = canonical(request)
    return Fingerprint(
        exact=_digest("exact", context, query),
        normalized=_digest("normalized", context, normalized(query)),
        compatibility=_digest("compatibility", context, embedder),
    )


def normalized(query: str) -> str:
    """`  How do I  RESET it ?` and `how do i reset it` are one. What is only punctuation stays."""
    folded = " ".join(unicodedata.normalize("NFKC", query).casefold().split())
    return folded.rstrip(_FINAL) or folded


def canonical(value: object) -> str:
    """JSON with sorted keys and no white space. Null is as absent, 1.0 is as 1; the order of an array counts."""
    return json.dumps(_plain(value, 0), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _plain(value: object, depth: int) -> object:
    if depth > DEPTH_MAX:
        raise _invalid(f"is nested more than {DEPTH_MAX} deep")
    if isinstance(value, Mapping):
        items = cast("Mapping[str, object]", value).items()
        return {str(key): _plain(one, depth + 1) for key, one in items if one is not None}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one, depth + 1) for one in cast("Sequence[object]", value)]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _invalid(f"holds {value}; numbers must be finite")
        return int(value) if value.is_integer() else value
    return value


def _digest(kind: str, *parts: str) -> str:
    # Lengths in front: no two different splits give the same bytes. Lone surrogates are text to JSON, so they pass.
    encoded = [part.encode("utf-8", "surrogatepass") for part in (kind, *parts)]
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in encoded)).hexdigest()


def _invalid(what: str) -> Invalid:
    return Invalid("cache.invalid_request", f"request {what}", errors=(FieldError(pointer="/request", detail=what),))
