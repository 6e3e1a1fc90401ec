"""The seams to models and scanners. Their contracts are in the docstrings; tests/contract/ executes them against every
backend."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


class Purpose(StrEnum):
    """What a text is embedded for. Queries are served ahead of passages."""

    QUERY = "query"
    PASSAGE = "passage"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """What decides a vector. Two texts may be compared only under equal specs.

    `source_sha256` is of the weights as shipped, `recipe` counts our changes to how they are run, `variant` names the
    arithmetic (`int8-dynamic`, `fp32`), `tokens_max` is the model's window with its special tokens.
    """

    name: str
    source_sha256: str
    recipe: int
    variant: str
    dimension: int
    tokens_max: int
    normalized: bool = True
    query_prefix: str = ""
    passage_prefix: str = ""

    @property
    def digest(self) -> str:
        """16 hex digits over every field: the name of the vector space in the store."""
        return hashlib.sha256(repr(sorted(asdict(self).items())).encode()).hexdigest()[:16]

    def prefix(self, purpose: Purpose) -> str:
        """What the model wants before a text of this purpose."""
        return self.query_prefix if purpose is Purpose.QUERY else self.passage_prefix


class TokenCounter(Protocol):
    """Counts text in a model's own tokens, special tokens left out."""

    @property
    def specials(self) -> int:
        """How many special tokens the model adds to one text."""
        ...

    def count(self, text: str) -> int: ...

    def spans(self, text: str) -> Sequence[tuple[int, int]]:
        """`[start, end)` in code points for each token, ascending, not overlapping."""
        ...


class Vocabulary(Protocol):
    """Counts text as a language model will be charged for it. Not an embedder's own counter: that one cuts, this one bills.

    - `count` is of the text alone: no special tokens, no message around it. It is what the model's tokenizer finds, where
      `exact`; otherwise never less than that, for any text.
    - Safe to share between threads; any string has a count, lone surrogates included.
    """

    @property
    def name(self) -> str:
        """The vocabulary that is counted in, as answers say it."""
        ...

    @property
    def exact(self) -> bool: ...

    def count(self, text: str) -> int: ...


class Vocabularies(Protocol):
    """Vocabularies by name."""

    def named(self, name: str | None) -> Vocabulary:
        """That of a vocabulary's or a model's name; None is the default. A name that nobody knows gets an upper bound, whose
        `exact` is false; Invalid only for what is no name. Loading the first takes part of a second: call it in a thread."""
        ...


class Embedder(Protocol):
    """Texts to vectors.

    - `embed` answers float32 [n, dimension], row i for texts[i], each of norm 1 when the spec says normalized; no texts give
      [0, dimension]. A text's vector does not depend on the texts it came with, nor on the thread.
    - Text beyond the window is cut, never an error; an empty text has a vector too.
    - Passages never make queries wait for a whole batch. Cancelling the call drops what has not begun.
    - Failures are Faults: Unavailable when the backend is down, TimedOut when it is too slow.
    """

    @property
    def spec(self) -> ModelSpec: ...

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> NDArray[np.float32]: ...

    async def close(self) -> None: ...


class Label(StrEnum):
    """What a scanner warns of."""

    SECRET = "secret"  # noqa: S105  # the name of a class
    PII = "pii"
    INJECTION = "injection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`[start, end)` in code points is what was taken for a thing of this `kind` (`github_token`, `email`, `override`). What
    stands there is never part of a finding, so that none can reach a log or an answer."""

    label: Label
    kind: str
    start: int
    end: int


class Scanner(Protocol):
    """Text to what somebody should know of it before it is believed, obeyed or shown: secrets, personal data, instructions
    planted for a model.

    - Any string can be scanned, lone surrogates included, in time linear in its length: below a millisecond for a kilobyte.
    - The same text gives the same findings, in the order of their start. Of very many of one kind only the first are told.
    - It marks and drops nothing; what follows from a finding is decided by who asks.
    """

    def scan(self, text: str) -> Sequence[Finding]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a text model is told (`instruction`) and what it is told it about (`material`, data and never an instruction), and
    how many tokens its answer may have. `shape` is a JSON Schema narrower than that of the answer's type: what this material
    can be answered with."""

    instruction: str
    material: str
    tokens_out_max: int = 1024
    shape: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion(Generic[T]):
    """A checked answer and what it cost, as the endpoint said, or as estimated where it said nothing."""

    answer: T
    tokens_in: int
    tokens_out: int
    usd: float


class TextModel(Protocol):
    """A prompt to a value of a given type. Absent by default: who uses one works without it, and says so in `degraded` or
    `fallback`.

    - `schema` is a type that pydantic can build: a frozen dataclass as a rule, with
      `__pydantic_config__ = {"extra": "forbid"}`. The model is asked for JSON of its schema; what comes back is checked
      strictly, and an answer of another shape is the fault Corrupt, never a value.
    - Whether an answer is *true* is not checked here: whoever asked holds it to its sources.
    - Nothing is asked beyond the day's cap (Limited, until midnight UTC), nor while the endpoint has just failed again and
      again (Unavailable). Otherwise Unavailable when it is down and TimedOut past `within_s` or the settings' own limit.
    - Hold no transaction across a call, and never make one while a caller waits who did not ask for it.
    """

    @property
    def name(self) -> str:
        """The model's name, for provenance."""
        ...

    async def complete(self, prompt: Prompt, schema: type[T], *, within_s: float | None = None) -> Completion[T]: ...

    async def close(self) -> None: ...
