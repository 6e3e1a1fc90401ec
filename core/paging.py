"""Cursor pages: a list cut at a key, so that writes in between neither repeat nor skip a row."""

import base64
import binascii
from dataclasses import dataclass
from typing import Generic, TypeVar

from core.errors import Invalid
from core.limits import PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX

_NUMBER_DIGITS_MAX = 18  # fits 63 bits

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

    def after_number(self, start: int) -> int:
        """The last row already seen of a list that is sorted by number, `start` before the first; or Invalid."""
        if self.after is None:
            return start
        if not (self.after.isascii() and self.after.isdecimal() and len(self.after) <= _NUMBER_DIGITS_MAX):
            raise _invalid(self.after)
        return int(self.after)


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
        after = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as flaw:
        raise _invalid(cursor) from flaw
    if "\0" in after:  # no key holds one, and Postgres takes none
        raise _invalid(cursor)
    return after


def _invalid(cursor: str) -> Invalid:
    return Invalid("paging.invalid_cursor", f"cursor {cursor[:40]!r} is not one that this service gave")
