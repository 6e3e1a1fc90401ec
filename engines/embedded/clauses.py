"""Filters as Tantivy queries, over the same tokens that the bitmaps hold. They restrict; they never score."""

import math
from collections.abc import Callable, Mapping

import tantivy
from tantivy import FieldType, Occur, Query

from core.caller import Visibility
from core.filters import (
    All,
    Any,
    Eq,
    Exists,
    Filter,
    In,
    Not,
    Prefix,
    Range,
    RangeKind,
    acl_tokens,
    exists_token,
    prefix_token,
    value_token,
)

KEY, TEXT, TOKENS = "key", "text", "tokens"
EVERY_ROW = "*"  # stands in every row's tokens; its frequency is the number of rows that Tantivy's statistics count


def columns_of(ranged: Mapping[str, RangeKind]) -> dict[str, str]:
    """Ranged field → its fast field: numbered, since a field of metadata may have any name."""
    return {field: f"number{place}" for place, field in enumerate(sorted(ranged))}


def indexable(token: str) -> str:
    """A token that Tantivy can hold, different for different tokens: JSON may carry lone surrogates, which UTF-8 cannot."""
    if token.isascii():
        return token
    try:
        token.encode()
    except UnicodeEncodeError:
        # No other token starts with NUL, so this meets none that spells the escapes out.
        return "\0" + token.replace("\\", "\\\\").encode("utf-8", "backslashreplace").decode()
    return token


class Clauses:
    """Compiles for one schema."""

    def __init__(self, schema: tantivy.Schema, columns: Mapping[str, str]) -> None:
        self._schema = schema
        self._columns = columns

    def restricting(self, visibility: Visibility, condition: Filter | None, starting: Callable[[str], list[str]]) -> Query:
        """Rows that the visibility and the condition admit. `starting` lists the known tokens with a prefix."""
        parts: list[Query] = []
        if visibility.principals is not None:
            parts.append(self._one_of(["acl=*", *acl_tokens(visibility.principals)]))
        if condition is not None:
            parts.append(self._clause(condition, starting))
        return _all(parts)

    def _clause(self, condition: Filter, starting: Callable[[str], list[str]]) -> Query:
        match condition:
            case Eq(field, value):
                return self._one_of([value_token(field, value)])
            case In(field, values):
                return self._one_of([value_token(field, value) for value in values])
            case Exists(field):
                return self._one_of([exists_token(field)])
            case Prefix(field, prefix):
                return self._one_of(starting(prefix_token(field, prefix)))
            case Range():
                return self._range(condition)
            case All(parts):
                return _all([self._clause(part, starting) for part in parts])
            case Any(parts):
                return _any([self._clause(part, starting) for part in parts])
            case Not(part):
                return Query.boolean_query([(Occur.Must, Query.all_query()), (Occur.MustNot, self._clause(part, starting))])

    def _one_of(self, tokens: list[str]) -> Query:
        if not tokens:
            return Query.empty_query()
        if len(tokens) == 1:
            return Query.term_query(self._schema, TOKENS, indexable(tokens[0]), "basic")
        return Query.term_set_query(self._schema, TOKENS, [indexable(token) for token in tokens])

    def _range(self, bounds: Range) -> Query:
        lower, lower_in = _tighter(bounds.gt, bounds.gte, max, -math.inf)
        upper, upper_in = _tighter(bounds.lt, bounds.lte, min, math.inf)
        return Query.range_query(
            self._schema,
            self._columns[bounds.field],
            FieldType.Float,
            lower_bound=lower,
            upper_bound=upper,
            include_lower=lower_in,
            include_upper=upper_in,
        )


def _tighter(
    exclusive: float | None, inclusive: float | None, tighter: Callable[[float, float], float], unbounded: float
) -> tuple[float, bool]:
    """The bound that both imply, and whether it is within. `+ 0.0`: -0.0 and 0.0 are one number, and two to Tantivy."""
    if exclusive is None:
        return (unbounded if inclusive is None else inclusive) + 0.0, True
    if inclusive is None or tighter(exclusive, inclusive) == exclusive:
        return exclusive + 0.0, False
    return inclusive + 0.0, True


def _all(parts: list[Query]) -> Query:
    return Query.boolean_query([(Occur.Must, part) for part in parts]) if parts else Query.all_query()


def _any(parts: list[Query]) -> Query:
    return Query.boolean_query([(Occur.Should, part) for part in parts]) if parts else Query.empty_query()
