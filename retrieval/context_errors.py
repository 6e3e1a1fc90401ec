"""The faults of a context's request. Each names the thing, the value, the limit and the way out."""

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
