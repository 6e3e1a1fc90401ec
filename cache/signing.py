"""Lookup ids and leases: what the service said of a lookup, handed to the client and believed again because it is signed.
Nothing about a lookup has to be written down."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cache import errors

_MAC_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a lookup saw. `entries` are those to compare a new answer with, the candidate first; `features` its features,
    None with a veto or in an exact tier; `served` that its answer went out, `audited` that it was withheld."""

    namespace: str
    partition: bytes
    normalized: bytes
    status: str
    entries: tuple[int, ...]
    features: tuple[float, ...] | None
    similarity: float | None
    audited: bool
    offset: int
    at: datetime
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A lease as its holder has it."""

    partition: bytes
    normalized: bytes
    token: int
    until: datetime


def seal(secret: bytes, seen: Seen) -> str:
    return _sign(
        secret,
        "l",
        [
            seen.namespace,
            seen.partition.hex(),
            seen.normalized.hex(),
            seen.status,
            seen.entries,
            None if seen.features is None else [round(one, 5) for one in seen.features],
            None if seen.similarity is None else round(seen.similarity, 5),
            seen.audited,
            seen.offset,
            seen.at.timestamp(),
            seen.nonce,
        ],
    )


def unseal(secret: bytes, text: str) -> Seen:
    """Invalid for what is none."""
    told = _verified(secret, "l", text, "lookup_id")
    namespace, partition, normalized, status, entries, features, similarity, audited, offset, at, nonce = told
    return Seen(
        namespace=namespace,
        partition=bytes.fromhex(partition),
        normalized=bytes.fromhex(normalized),
        status=status,
        entries=tuple(entries),
        features=None if features is None else tuple(features),
        similarity=similarity,
        audited=audited,
        offset=offset,
        at=datetime.fromtimestamp(at, UTC),
        nonce=nonce,
    )


def grant(secret: bytes, holding: Holding) -> str:
    body = [holding.partition.hex(), holding.normalized.hex(), holding.token, holding.until.timestamp()]
    return _sign(secret, "f", body)


def holding(secret: bytes, text: str) -> Holding:
    """Invalid for what is none."""
    partition, normalized, token, until = _verified(secret, "f", text, "lease")
    return Holding(
        partition=bytes.fromhex(partition),
        normalized=bytes.fromhex(normalized),
        token=token,
        until=datetime.fromtimestamp(until, UTC),
    )


def _sign(secret: bytes, kind: str, body: Sequence[object]) -> str:
    raw = kind.encode() + json.dumps(body, separators=(",", ":")).encode()
    mac = hmac.new(secret, raw, hashlib.sha256).digest()[:_MAC_BYTES]
    return base64.urlsafe_b64encode(mac + raw).decode().rstrip("=")


def _verified(secret: bytes, kind: str, text: str, what: str) -> list[Any]:
    try:
        whole = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as flaw:
        raise errors.invalid_token(what) from flaw
    mac, raw = whole[:_MAC_BYTES], whole[_MAC_BYTES:]
    expected = hmac.new(secret, raw, hashlib.sha256).digest()[:_MAC_BYTES]
    if not hmac.compare_digest(mac, expected) or raw[:1] != kind.encode():
        raise errors.invalid_token(what)
    return json.loads(raw[1:])
