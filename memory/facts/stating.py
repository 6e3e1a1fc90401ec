"""What an explicit write states: its triple and text, or what the rules read in its text, or a note. No I/O."""

from dataclasses import replace
from datetime import datetime

from core.errors import Invalid
from memory import errors
from memory.facts.extraction import Said, extract
from memory.facts.statements import Cardinality, Kind, Statement, fold
from memory.facts.types import FactRequest, OnConflict

TEXT_CHARACTERS_MAX = 2_000
NAME_CHARACTERS_MAX = 200

# Attributes that have many values at a time, as the rules of extraction use them; others have one unless the writer says.
_MANY_WORDS = (
    "note likes dislikes prefers eats drinks goal allergy pet decision commitment done runs son daughter brother sister cousin "
    "uncle aunt niece nephew friend colleague coworker dog cat hobby hobbies skill skills language languages interest interests"
)
_MANY = frozenset(_MANY_WORDS.split())


def check(request: FactRequest) -> None:
    """Invalid when it says nothing, or too much."""
    triple = (request.entity, request.attribute, request.value)
    if (request.text is None) == all(part is None for part in triple):
        raise errors.invalid_fact("/text", "or entity, attribute and value must be given, one of the two")
    if request.text is not None:
        _check("/text", request.text, TEXT_CHARACTERS_MAX)
        return
    for name, part in zip(("entity", "attribute", "value"), triple, strict=True):
        if part is None:
            raise errors.invalid_fact(f"/{name}", "is missing; entity, attribute and value go together")
        _check(f"/{name}", part, TEXT_CHARACTERS_MAX if name == "value" else NAME_CHARACTERS_MAX)


def stated(request: FactRequest, *, user: str, trust: int, valid_from: datetime | None) -> Statement:
    """The statement of a checked request; `user` is whom a text without another subject is about."""
    if request.text is not None:
        found = _read(request.text, user=user, trust=trust, at=valid_from)
    else:
        entity, attribute, value = ((part or "").strip() for part in (request.entity, request.attribute, request.value))
        found = Statement(
            entity=entity,
            attribute=attribute,
            value=value,
            text=f"{entity}'s {attribute} is {'' if request.polarity else 'not '}{value}.",
            kind=Kind.ATTRIBUTE,
            cardinality=Cardinality.MANY if fold(attribute) in _MANY else Cardinality.ONE,
            trust=trust,
            polarity=request.polarity,
        )
    return replace(
        found,
        kind=request.kind or found.kind,
        cardinality=Cardinality.MANY if request.on_conflict is OnConflict.ADD else request.cardinality or found.cardinality,
        valid_from=request.valid_from or found.valid_from or valid_from,
    )


def _read(text: str, *, user: str, trust: int, at: datetime | None) -> Statement:
    """What the one fact in the text is, under the text's own words; a note of the user where there is not exactly one."""
    text = text.strip()
    found = extract(Said(content=text, speaker=user, role="user", occurred_at=at, trust=trust))
    if len(found) == 1:
        return replace(found[0], text=text)
    return Statement(
        entity=user,
        attribute="note",
        value=text,
        text=text,
        kind=Kind.NOTE,
        cardinality=Cardinality.MANY,
        trust=trust,
    )


def _check(pointer: str, text: str, characters_max: int) -> None:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise errors.invalid_fact(pointer, "holds a lone surrogate or a NUL, which no store takes as text")
    if len(text) > characters_max:
        raise errors.invalid_fact(pointer, f"has {len(text)} characters; the limit is {characters_max}")
    if not fold(text):
        raise errors.invalid_fact(pointer, "is empty, or has no letter or digit")


def check_times(request: FactRequest, now: datetime) -> None:
    """Invalid for an expiry that has passed."""
    if request.expires_at is not None and request.expires_at <= now:
        raise errors.invalid_fact("/expires_at", f"is {request.expires_at.isoformat()}, which has passed")


def check_importance(importance: float | None) -> Invalid | None:
    """What is wrong with it, if anything."""
    if importance is not None and not 0.0 <= importance <= 1.0:
        return errors.invalid_fact("/importance", f"is {importance}; it must be 0 to 1")
    return None
