"""The faults of the retrieval room. Each names the thing, the value, the limit and the way out."""

from collections.abc import Collection, Iterable

from core.errors import FieldError, Invalid, TooLarge, Unavailable
from core.ids import IndexName


def out_of_range(field: str, value: int, allowed: range) -> Invalid:
    what = f"is {value}; it must be {allowed.start} to {allowed.stop - 1}"
    return Invalid(f"retrieval.invalid_{field}", f"{field} {what}", errors=(FieldError(pointer=f"/{field}", detail=what),))


def empty_query() -> Invalid:
    return Invalid(
        "retrieval.empty_query",
        "query is empty; send the question in words",
        errors=(FieldError(pointer="/query", detail="is empty"),),
    )


def query_not_text() -> Invalid:
    return Invalid(
        "retrieval.query_not_text",
        "query holds a lone surrogate, which is no Unicode text; send valid UTF-8",
        errors=(FieldError(pointer="/query", detail="holds a lone surrogate"),),
    )


def query_too_large(size: int, limit: int) -> TooLarge:
    return TooLarge("retrieval.query_too_large", f"query is {size} bytes as UTF-8; the limit is {limit}. Ask for less at once.")


def too_many_indexes(count: int, limit: int) -> Invalid:
    what = (
        f"this would search {count} indexes at once; the limit is {limit}. Name those to search in `indexes`, or let the "
        "operator raise MNEMIC_LIMITS__INDEXES_PER_SEARCH_MAX"
    )
    return Invalid("retrieval.too_many_indexes", f"{what}.", errors=(FieldError(pointer="/indexes", detail=what),))


def model_mismatch(names: Iterable[IndexName]) -> Invalid:
    return Invalid(
        "retrieval.model_mismatch",
        f"the indexes {', '.join(names)} do not share an embedding model, so their scores cannot be compared; "
        "name indexes of one model in `indexes`",
    )


def model_not_served(name: IndexName, model: str, serving: str) -> Unavailable:
    return Unavailable(
        "retrieval.model_not_served",
        f"index {name!r} was embedded with model {model}, and this service embeds with {serving}; "
        "start it with that embedder, ingest the index anew, or search with mode keyword",
        retry_after_s=60,
    )


def fusion_mismatch(names: Iterable[IndexName]) -> Invalid:
    return Invalid(
        "retrieval.fusion_mismatch",
        f"the indexes {', '.join(names)} have different fusion settings; send `fusion` with the request",
    )


def invalid_weight(weight: float) -> Invalid:
    what = f"is {weight}; it must be a number from 0 to 1"
    return Invalid(
        "retrieval.invalid_dense_weight",
        f"fusion.dense_weight {what}",
        errors=(FieldError(pointer="/fusion/dense_weight", detail=what),),
    )


def unknown_signal(name: str, known: Collection[str]) -> Invalid:
    what = f"names {name[:80]!r}, which is no signal; `min` applies to {' and '.join(known)}, never to the fused score"
    return Invalid("retrieval.unknown_signal", f"min {what}", errors=(FieldError(pointer="/min", detail=what),))


def invalid_minimum(name: str, value: float) -> Invalid:
    what = f"is {value}; it must be a finite number"
    return Invalid("retrieval.invalid_minimum", f"min.{name} {what}", errors=(FieldError(pointer=f"/min/{name}", detail=what),))
