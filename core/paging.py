"""Cursor pages: a list cut at a key, so that writes in between neither repeat nor skip a row."""

import base64
import binascii
from dataclasses import dataclass
from typing import Generic, TypeVar

from core.errors import Invalid
from core.limits import PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """`after` is the sort key of the last row already seen, None at the start."""

    after: str | None = None
    limit: int = PAGE_LIMIT_DEFAULT

    @classmethod
    def parse(cls, cursor: str | None, limit: int | None) -> "PageRequest":
        """From what the client sent, or Invalid."""
        wanted = PAGE_LIMIT_DEFAULT if limit is None else limit
        if not 1 <= wanted <= PAGE_LIMIT_MAX:
            raise Invalid("paging.invalid_limit", f"limit is {wanted}; it must be 1 to {PAGE_LIMIT_MAX}")
        return cls(after=None if cursor is None else _decode(cursor), limit=wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """One page; `after` is what the next request continues from, None on the last."""

    items: tuple[Item, ...]
    after: str | None = None

    @property
    def next_cursor(self) -> str | None:
        return None if self.after is None else base64.urlsafe_b64encode(self.after.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as flaw:
        raise Invalid("paging.invalid_cursor", f"cursor {cursor[:40]!r} is not one that this service gave") from flaw
