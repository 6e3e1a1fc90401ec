"""The form of a credential, `mn_<key id>_<secret>`, and its digest. Pure: the command line needs it without a store."""

import hashlib

from core.ids import KeyId

_PREFIX = "mn_"


def credential(key_id: str, secret: str) -> str:
    return f"{_PREFIX}{key_id}_{secret}"


def split_credential(text: str) -> tuple[KeyId, str] | None:
    """(key id, secret), or None when the text is no credential. The secret is hexadecimal, so the last `_` parts them."""
    key_id, _, secret = text.removeprefix(_PREFIX).rpartition("_")
    return (KeyId(key_id), secret) if text.startswith(_PREFIX) and key_id and secret else None


def digest(secret: str) -> bytes:
    """What is kept of a secret: SHA-256. It is 256 random bits, so there is nothing for a slow hash to slow down."""
    return hashlib.sha256(secret.encode()).digest()
