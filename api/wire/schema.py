"""How wire types are read and written: one TypeAdapter each, strict, straight from and to bytes. Not what they hold."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import AwareDatetime, ConfigDict, Field, GetPydanticSchema, TypeAdapter, ValidationError, WithJsonSchema

from core.errors import FieldError, Invalid, TooLarge

T = TypeVar("T")

_ERRORS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """A wire type: unknown fields are refused, "7" is no number, a NaN is none either."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Shape(Generic[T]):
    """A wire type with its one adapter, made when first used: building all of them costs a start half a second."""

    def __init__(self, kind: type[T]) -> None:
        self.kind = kind

    @cached_property
    def adapter(self) -> TypeAdapter[T]:
        return TypeAdapter(self.kind)

    @property
    def name(self) -> str:
        return self.kind.__name__

    def read(self, body: bytes) -> T:
        """The value behind a JSON body, or Invalid with a JSON pointer for each wrong place."""
        try:
            return self.adapter.validate_json(body)
        except ValidationError as flaws:
            raise _invalid(flaws, "body") from None

    def read_strings(self, given: Mapping[str, str]) -> T:
        """The value behind query parameters, or Invalid naming each wrong one."""
        try:
            return self.adapter.validate_strings(given)
        except ValidationError as flaws:
            raise _invalid(flaws, "query") from None

    def write(self, value: T) -> bytes:
        return self.adapter.dump_json(value)


def absent_or(kind: object) -> Any:  # noqa: ANN401  # the marker of an Annotated; pydantic reads it, no code does
    """Marks a field whose Python type also has a value for "not given": on the wire only `kind` exists."""
    return GetPydanticSchema(lambda _source, handler: handler.generate_schema(kind))


# Text that every store can hold: Postgres has no NUL.
NO_NUL = Field(pattern="^[^\\x00]*$")

# A time as clients send it, with its zone. A day less at both ends, so that no zone leads out of the calendar.
_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
Moment = Annotated[AwareDatetime, Field(ge=_FIRST, le=_LAST)]

# What clients put into metadata; core.metadata checks it, this documents it.
METADATA_SCHEMA = WithJsonSchema(
    {
        "type": "object",
        "description": "flat: scalars or arrays of scalars",
        "additionalProperties": {
            "anyOf": [
                {"type": ["string", "number", "boolean"]},
                {"type": "array", "items": {"type": ["string", "number", "boolean"]}},
            ]
        },
    }
)


def pointer(location: tuple[int | str, ...]) -> str:
    """RFC 6901: `/documents/3/id`."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


@contextmanager
def pointing(at: str) -> Generator[None]:
    """Adds the JSON pointer `at` to a fault from inside that names no place yet."""
    try:
        yield
    except (Invalid, TooLarge) as fault:
        if fault.errors:
            raise
        errors = (FieldError(pointer=at, detail=fault.message),)
        raise type(fault)(fault.code, f"{at}: {fault.message}", errors=errors) from None


def _invalid(flaws: ValidationError, part: str) -> Invalid:
    found = flaws.errors(include_url=False, include_input=False)
    errors = _places([FieldError(pointer=pointer(flaw["loc"]), detail=flaw["msg"]) for flaw in found])
    first, *others = errors
    if found[0]["type"] == "json_invalid":
        return Invalid("request.invalid_json", f"the body is no valid JSON: {first.detail}", errors=errors)
    more = f" and {len(others)} more" if others else ""
    where = first.pointer or "the whole of it"
    return Invalid(f"request.invalid_{part}", f"{part}: {where}: {first.detail}{more}", errors=errors[:_ERRORS_MAX])


def _places(errors: list[FieldError]) -> tuple[FieldError, ...]:
    # An array with a wrong item is told to be too short as well, since the item does not count: only the item says why.
    pointers = [error.pointer for error in errors]
    return tuple(error for error in errors if not any(other.startswith(f"{error.pointer}/") for other in pointers))
