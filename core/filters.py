"""Filters on metadata: the typed tree, its JSON form, the reference evaluator, and the tokens that engines index.

The evaluator is the definition. A compiler (FAISS bitmaps, Tantivy queries, Qdrant filters) is right when it agrees with it.
A field is present when it has at least one value; an array matches when any of its values does; a missing field equals
nothing; a boolean is no number; 1 and 1.0 are the same number.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, cast

from core.errors import FieldError, Invalid
from core.limits import Limits
from core.metadata import Scalar, Value

RangeKind = Literal["number", "time"]
Fields = Mapping[str, Value]

OCCURRED_AT = "doc.occurred_at"
RESERVED = frozenset({"doc.id", "doc.source_uri", "doc.media_type", OCCURRED_AT, "doc.labels"})
# Every document may have an event time, so every collection can be cut by it without a declaration.
ALWAYS_RANGED: Mapping[str, RangeKind] = {OCCURRED_AT: "time"}


@dataclass(frozen=True, slots=True)
class Eq:
    """Some value of the field is this one, of the same type."""

    field: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class In:
    """Some value of the field is one of these."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """The field has a value."""

    field: str


@dataclass(frozen=True, slots=True)
class Prefix:
    """Some value of the field is a string that starts so."""

    field: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Range:
    """Some value of the field lies between the bounds. Numbers, or seconds since 1970 for a time field."""

    field: str
    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None

    def holds(self, number: float) -> bool:
        return (
            (self.gt is None or number > self.gt)
            and (self.gte is None or number >= self.gte)
            and (self.lt is None or number < self.lt)
            and (self.lte is None or number <= self.lte)
        )


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; true when there is none."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Some part holds; false when there is none."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Filter"


Filter = Eq | In | Exists | Prefix | Range | All | Any | Not


def matches(condition: Filter, fields: Fields, ranged: Mapping[str, RangeKind]) -> bool:
    """The reference evaluator: whether a row with these fields passes."""
    match condition:
        case Eq(field, value):
            return any(_same(value, held) for held in values_of(fields, field))
        case In(field, values):
            return any(_same(value, held) for held in values_of(fields, field) for value in values)
        case Exists(field):
            return bool(values_of(fields, field))
        case Prefix(field, prefix):
            return any(isinstance(held, str) and held.startswith(prefix) for held in values_of(fields, field))
        case Range(field):
            return any(condition.holds(number) for number in numbers_of(fields, field, ranged[field]))
        case All(parts):
            return all(matches(part, fields, ranged) for part in parts)
        case Any(parts):
            return any(matches(part, fields, ranged) for part in parts)
        case Not(part):
            return not matches(part, fields, ranged)


def admits(condition: Filter, tokens: Collection[str], numbers: Mapping[str, tuple[float, ...]]) -> bool:
    """As `matches`, of a row that is stored as its tokens, with the values of its ranged fields as numbers."""
    match condition:
        case Eq(field, value):
            return value_token(field, value) in tokens
        case In(field, values):
            return any(value_token(field, value) in tokens for value in values)
        case Exists(field):
            return exists_token(field) in tokens
        case Prefix(field, prefix):
            return any(token.startswith(prefix_token(field, prefix)) for token in tokens)
        case Range(field):
            return any(condition.holds(number) for number in numbers.get(field, ()))
        case All(parts):
            return all(admits(part, tokens, numbers) for part in parts)
        case Any(parts):
            return any(admits(part, tokens, numbers) for part in parts)
        case Not(part):
            return not admits(part, tokens, numbers)


def values_of(fields: Fields, field: str) -> tuple[Scalar, ...]:
    """The values of a field, none when it is missing."""
    value = fields.get(field, ())
    return value if isinstance(value, tuple) else (value,)


def numbers_of(fields: Fields, field: str, kind: RangeKind) -> tuple[float, ...]:
    """The values of a ranged field as numbers; values of another type do not count."""
    numbers = (_number(value, kind) for value in values_of(fields, field))
    return tuple(number for number in numbers if number is not None)


def tokens_of(fields: Fields) -> tuple[str, ...]:
    """The exact-match tokens of a row: one for each value, one for each field that exists. Sorted, distinct."""
    tokens: set[str] = set()
    for field in fields:
        held = values_of(fields, field)
        tokens.update(value_token(field, value) for value in held)
        if held:
            tokens.add(exists_token(field))
    return tuple(sorted(tokens))


def value_token(field: str, value: Scalar) -> str:
    """`m.team=s:hr`, `m.year=n:2026`, `m.open=b:true`, `doc.id=s:hr/leave.md`."""
    if isinstance(value, bool):
        return f"{_scope(field)}=b:{str(value).lower()}"
    if isinstance(value, str):
        return f"{_scope(field)}=s:{value}"
    return f"{_scope(field)}=n:{_canonical(value)}"


def prefix_token(field: str, prefix: str) -> str:
    """What the token of every string value with that prefix starts with."""
    return f"{_scope(field)}=s:{prefix}"


def exists_token(field: str) -> str:
    """`m.year?`"""
    return f"{_scope(field)}?"


def acl_tokens(acl: Iterable[str] | None) -> tuple[str, ...]:
    """`acl=*` for all of the tenant, else one token for each principal; none for admins only."""
    return ("acl=*",) if acl is None else tuple(f"acl={principal}" for principal in acl)


def fields_used(condition: Filter) -> frozenset[str]:
    """Every field that the tree names."""
    match condition:
        case All(parts) | Any(parts):
            return frozenset[str]().union(*(fields_used(part) for part in parts))
        case Not(part):
            return fields_used(part)
        case _:
            return frozenset({condition.field})


def parse_time(value: str) -> float | None:
    """Seconds since 1970 of an RFC 3339 time or date, or None. A time without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() if moment.year > 1 else None


def parse_filter(raw: object, ranged: Mapping[str, RangeKind], limits: Limits) -> Filter:
    """The tree behind a filter's JSON, or Invalid naming the operator, the field or the limit."""
    return _Parser(ranged, limits).parse(raw, 1, "/filter")


def _scope(field: str) -> str:
    return field if field.startswith(("doc.", "mem.")) else f"m.{field}"


def _canonical(number: float) -> str:
    return str(int(number)) if isinstance(number, int) or number.is_integer() else repr(number)


def _same(wanted: Scalar, held: Scalar) -> bool:
    if isinstance(wanted, bool) or isinstance(held, bool):
        return wanted is held
    return isinstance(wanted, str) == isinstance(held, str) and wanted == held


def _number(value: Scalar, kind: RangeKind) -> float | None:
    if kind == "time":
        return parse_time(value) if isinstance(value, str) else None
    if isinstance(value, bool | str):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


class _Parser:
    """Walks the JSON once, counting nodes, so that a hostile tree costs no more than the limits allow."""

    def __init__(self, ranged: Mapping[str, RangeKind], limits: Limits) -> None:
        self._ranged = ranged
        self._limits = limits
        self._nodes = 0
        self._leaves: Mapping[str, Callable[[object, str], Filter]] = {
            "eq": self._eq,
            "ne": lambda operand, at: Not(self._eq(operand, at)),
            "in": self._in,
            "exists": self._exists,
            "prefix": self._prefix,
            "range": self._range,
        }

    def parse(self, raw: object, depth: int, at: str) -> Filter:
        self._count(depth)
        if not isinstance(raw, dict) or len(cast("dict[str, object]", raw)) != 1:
            raise _invalid(at, 'must be an object with exactly one operator, such as {"eq": ["team", "hr"]}')
        ((operator, operand),) = cast("dict[str, object]", raw).items()
        at = f"{at}/{operator}"
        if operator in {"all", "any"}:
            return self._group(operator, operand, depth, at)
        if operator == "not":
            return Not(self.parse(operand, depth + 1, at))
        leaf = self._leaves.get(operator)
        if leaf is None:
            known = ", ".join(["all", "any", "not", *self._leaves])
            raise _invalid(at, f"is no operator; the operators are {known}", code="filter.unknown_operator")
        return leaf(operand, at)

    def _count(self, depth: int) -> None:
        self._nodes += 1
        limits = self._limits
        if self._nodes > limits.filter_nodes_max:
            raise Invalid("filter.too_many_nodes", f"the filter has more than {limits.filter_nodes_max} nodes, the limit")
        if depth > limits.filter_depth_max:
            raise Invalid("filter.too_deep", f"the filter nests deeper than {limits.filter_depth_max}, the limit")

    def _group(self, operator: str, operand: object, depth: int, at: str) -> Filter:
        if not isinstance(operand, list):
            raise _invalid(at, "takes an array of filters")
        items = cast("list[object]", operand)
        parts = tuple(self.parse(item, depth + 1, f"{at}/{place}") for place, item in enumerate(items))
        return All(parts) if operator == "all" else Any(parts)

    def _eq(self, operand: object, at: str) -> Filter:
        field, value = _pair(operand, at)
        return Eq(_field(field, at), _scalar(value, at))

    def _in(self, operand: object, at: str) -> Filter:
        field, values = _pair(operand, at)
        if not isinstance(values, list):
            raise _invalid(at, "takes [field, [value, …]]")
        items = cast("list[object]", values)
        if len(items) > self._limits.filter_values_max:
            raise _invalid(at, f"has {len(items)} values; the limit is {self._limits.filter_values_max}")
        return In(_field(field, at), tuple(_scalar(value, at) for value in items))

    def _exists(self, operand: object, at: str) -> Filter:
        items = cast("list[object]", operand) if isinstance(operand, list) else [operand]
        if len(items) != 1:
            raise _invalid(at, "takes one field")
        return Exists(_field(items[0], at))

    def _prefix(self, operand: object, at: str) -> Filter:
        field, prefix = _pair(operand, at)
        if not isinstance(prefix, str):
            raise _invalid(at, "takes [field, text]")
        return Prefix(_field(field, at), prefix)

    def _range(self, operand: object, at: str) -> Filter:
        field, bounds = _pair(operand, at)
        name = _field(field, at)
        kind = self._ranged.get(name)
        if kind is None:
            declared = ", ".join(sorted(self._ranged))
            raise _invalid(
                at,
                f"on {name!r}, which the index profile does not declare; declared: {declared}. "
                "Declare it in profile.range_fields when the index is made",
                code="filter.not_a_range_field",
            )
        if not isinstance(bounds, dict) or not bounds:
            raise _invalid(at, "takes [field, {gt|gte|lt|lte: bound}]")
        edges: dict[str, float] = {}
        for edge, bound in cast("dict[str, object]", bounds).items():
            if edge not in {"gt", "gte", "lt", "lte"}:
                raise _invalid(at, f"has the bound {edge!r}; the bounds are gt, gte, lt, lte")
            edges[edge] = _bound(bound, kind, at)
        return Range(name, **edges)


def _invalid(at: str, what: str, *, code: str = "filter.invalid") -> Invalid:
    return Invalid(code, f"filter at {at[:200]} {what}", errors=(FieldError(pointer=at[:200], detail=what),))


def _pair(operand: object, at: str) -> tuple[object, object]:
    if not isinstance(operand, list) or len(cast("list[object]", operand)) != 2:
        raise _invalid(at, "takes an array of two: [field, value]")
    first, second = cast("list[object]", operand)
    return first, second


def _field(name: object, at: str) -> str:
    if not isinstance(name, str) or not name:
        raise _invalid(at, "names no field")
    if name.startswith("doc.") and name not in RESERVED:
        raise _invalid(at, f"names {name!r}; the reserved fields are {', '.join(sorted(RESERVED))}")
    return name


def _scalar(value: object, at: str) -> Scalar:
    if isinstance(value, float) and not math.isfinite(value):
        raise _invalid(at, f"compares with {value}; numbers must be finite")
    if isinstance(value, str | int | float):
        return value
    raise _invalid(at, f"compares with {type(value).__name__}; values are strings, numbers or booleans")


def _bound(bound: object, kind: RangeKind, at: str) -> float:
    if not isinstance(bound, str | int | float) or isinstance(bound, bool):
        raise _invalid(at, f"is bounded by {type(bound).__name__}; this field takes a {kind}")
    number = _number(bound, kind)
    if number is None or math.isnan(number):
        raise _invalid(at, f"is bounded by {bound!r}, which is no {'RFC 3339 time' if kind == 'time' else 'number'}")
    return number
