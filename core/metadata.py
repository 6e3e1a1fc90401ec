"""The flat metadata of a document and its access list: what they may hold, checked once at the edge."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import cast

from core.errors import Invalid, TooLarge
from core.ids import Principal, check_principal
from core.limits import Limits

_TYPES = "a string, a number, a boolean, or an array of those"

Scalar = str | int | float | bool
Value = Scalar | tuple[Scalar, ...]
Metadata = Mapping[str, Value]

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")


def check_metadata(raw: Mapping[str, object], limits: Limits) -> Metadata:
    """Flat metadata, arrays as tuples, or Invalid / TooLarge naming the key."""
    if len(raw) > limits.metadata_keys_max:
        raise TooLarge("metadata.too_many_keys", f"metadata has {len(raw)} keys; the limit is {limits.metadata_keys_max}")
    size = len(json.dumps(raw, ensure_ascii=False, default=str).encode("utf-8", "replace"))
    if size > limits.metadata_bytes_max:
        raise TooLarge("metadata.too_large", f"metadata is {size} bytes as JSON; the limit is {limits.metadata_bytes_max}")
    return {_check_key(key): _check_value(key, value) for key, value in raw.items()}


def check_acl(raw: Sequence[str] | None, limits: Limits) -> tuple[Principal, ...] | None:
    """Sorted, distinct principals; None stays None (all of the tenant); an empty list stays empty (admins only)."""
    if raw is None:
        return None
    if len(raw) > limits.acl_principals_max:
        raise TooLarge("acl.too_many_principals", f"acl has {len(raw)} principals; the limit is {limits.acl_principals_max}")
    return tuple(sorted({check_principal(principal) for principal in raw}))


def _check_key(key: str) -> str:
    if not _KEY.fullmatch(key) or key.startswith(("doc.", "mem.")):
        raise Invalid(
            "metadata.invalid_key",
            f"metadata key {key[:140]!r} is not allowed: a letter or _, then up to 127 of A-Z a-z 0-9 _ . -, "
            "and not starting with 'doc.' or 'mem.', which are reserved",
        )
    return key


def _check_value(key: str, value: object) -> Value:
    if isinstance(value, list | tuple):
        return tuple(_check_scalar(key, item) for item in cast("Sequence[object]", value))
    return _check_scalar(key, value)


def _check_scalar(key: str, value: object) -> Scalar:
    if isinstance(value, float) and not math.isfinite(value):
        raise Invalid("metadata.not_finite", f"metadata {key!r} is {value}; numbers must be finite")
    if isinstance(value, str | int | float | bool):
        return value
    raise Invalid("metadata.invalid_value", f"metadata {key!r} is {type(value).__name__}; it must be {_TYPES}")
