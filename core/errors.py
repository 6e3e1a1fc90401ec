"""The one tree of failures that callers may see. No HTTP, gRPC or vendor name appears here.

    Fault
     ├─ Invalid          the request is wrong and will be wrong again
     ├─ Unauthenticated  no credential, or one that is not known
     ├─ Forbidden        a known caller without the grant
     ├─ NotFound         not there, or not theirs: the two are one answer
     │   └─ Gone         it was there and is no longer kept
     ├─ Conflict         the state moved, or is not one where this may happen
     ├─ TooLarge         over a limit that the message names
     ├─ Limited          too much at once; `retry_after_s` says when to come back
     ├─ Unavailable      something this needs is down; `retry_after_s` says when to come back
     ├─ TimedOut         the caller's deadline passed
     └─ Corrupt          stored or given bytes are not what they claim to be

A fault's `code` is stable (`indexing.no_such_index`); its message names the thing, the value, the limit and the way out.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One wrong place in a request: a JSON pointer (RFC 6901) and what is wrong there."""

    pointer: str
    detail: str


class Fault(Exception):
    """A failure with a stable code and a message made for the person who has to act on it."""

    retry_after_s: int | None = None

    def __init__(self, code: str, message: str, *, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.errors = errors


class Invalid(Fault):
    """The request is wrong and will be wrong again."""


class Unauthenticated(Fault):
    """No credential, or one that is not known."""


class Forbidden(Fault):
    """A known caller without the grant."""


class NotFound(Fault):
    """Not there, or not theirs."""


class Gone(NotFound):
    """It was there and is no longer kept."""


class Conflict(Fault):
    """The state moved, or is not one where this may happen."""


class TooLarge(Fault):
    """Over a limit that the message names."""


class _Later(Fault):
    def __init__(self, code: str, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(code, message)
        self.retry_after_s = retry_after_s


class Limited(_Later):
    """Too much at once."""


class Unavailable(_Later):
    """Something this needs is down."""


class TimedOut(Fault):
    """The caller's deadline passed."""


class Corrupt(Fault):
    """Stored or given bytes are not what they claim to be."""
