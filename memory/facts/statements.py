"""What somebody states, before and after it is believed: the values that extraction proposes and the conflict gate judges.

A statement is about an `entity`, says a `value` of one of its attributes, and says it is so (`polarity`) or is not. An
attribute has one value at a time (a home) or many (likes).
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

_NOT_WORDS = re.compile(r"[^\w%$€£+#.@:/&-]+")
_ARTICLES = re.compile(r"^(?:an?|the|my|our|his|her|their) ")
_EDGES = " .,:;-/'\""
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NAME = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][\w'-]*")
_NEGATION = re.compile(
    r"\b(?:no|not|never|none|neither|nor|without|cannot|nothing|nobody|\w+n't|stopped|quit|avoids?|dislikes?|hates?)\b",
    re.IGNORECASE,
)


class Kind(StrEnum):
    """What sort of thing is known."""

    PREFERENCE = "preference"
    ATTRIBUTE = "attribute"
    DECISION = "decision"
    COMMITMENT = "commitment"
    RELATION = "relation"
    VALUE = "value"
    NOTE = "note"


class Cardinality(StrEnum):
    """How many values an attribute has at a time."""

    ONE = "one"
    MANY = "many"


class Status(StrEnum):
    """How a fact stands. Only the first is in the default recall; rejected ones do not come back by themselves."""

    ACTIVE = "active"
    SUPERSEDED = "superseded"
    CHALLENGED = "challenged"
    QUARANTINED = "quarantined"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Trust(IntEnum):
    """Whose word it is."""

    QUARANTINED = 0
    TOOL = 1
    ASSISTANT = 2
    USER = 3
    EXPLICIT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Proposed: `[start, end)` is where the message says it. `withdraws` says that the opposite was never so ("I misspoke"),
    not only that it is no longer. `valid_from` None: nobody knows since when. "Last month" is a stretch: `begun_by` is its end,
    where `valid_from` is its beginning.
    """

    entity: str
    attribute: str
    value: str
    text: str
    kind: Kind
    cardinality: Cardinality
    trust: int
    polarity: bool = True
    withdraws: bool = False
    valid_from: datetime | None = None
    begun_by: datetime | None = None
    start: int = 0
    end: int = 0


def fold(text: str) -> str:
    """What two spellings of one value share: case, accents' form, spaces, articles and outer punctuation do not count."""
    words = _NOT_WORDS.sub(" ", unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")).strip(_EDGES)
    return _ARTICLES.sub("", " ".join(word.strip(_EDGES) for word in words.split()))


def triple_of(entity: str, attribute: str, value: str) -> str:
    """By what an exact repetition is told."""
    return "\x1f".join(map(fold, (entity, attribute, value)))


def comparable(left: str, right: str) -> bool:
    """Whether two texts name the same numbers and names, and say yes or no alike: what an embedding is blind to."""
    return (
        sorted(_NUMBER.findall(left)) == sorted(_NUMBER.findall(right))
        and _names(left) == _names(right)
        and len(_NEGATION.findall(left)) % 2 == len(_NEGATION.findall(right)) % 2
    )


def _names(text: str) -> set[str]:
    return {name.removesuffix("'s").casefold() for name in _NAME.findall(text)}
