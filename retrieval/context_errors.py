"""The faults of a context's request. Each names the thing, the value, the limit and the way out."""

from collections.abc import Collection

from core.errors import FieldError, Invalid


def budget_too_small(tokens_max: int, least: int) -> Invalid:
    what = f"tokens_max is {tokens_max}; the instructions and the fence alone take {least}: send at least that"
    return Invalid("context.budget_too_small", f"{what}.", errors=(FieldError(pointer="/tokens_max", detail=what),))


def minima_too_large(promised: int, room: int, tokens_max: int) -> Invalid:
    what = (
        f"the tokens_min of `sections` promise {promised} tokens together; of tokens_max {tokens_max} there are {room} for all "
        "sections: lower them, or raise tokens_max"
    )
    return Invalid("context.minima_too_large", f"{what}.", errors=(FieldError(pointer="/sections", detail=what),))


def unknown_section(name: str, known: Collection[str]) -> Invalid:
    what = f"names {name[:80]!r}, which is no section of a context; the sections are {', '.join(known)}"
    return Invalid("context.unknown_section", f"sections {what}.", errors=(FieldError(pointer="/sections", detail=what),))


def section_minimum_over_maximum(name: str, tokens_min: int, tokens_max: int) -> Invalid:
    what = f"has tokens_min {tokens_min} and tokens_max {tokens_max}: lower the one, or raise the other"
    at = f"/sections/{name}/tokens_min"
    return Invalid("context.invalid_section", f"section {name} {what}.", errors=(FieldError(pointer=at, detail=what),))
