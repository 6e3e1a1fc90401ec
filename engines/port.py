"""The seam to a search engine. Its contract, executed by tests/contract/ against every engine, is in the docstrings here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.caller import Visibility
from core.filters import Filter, RangeKind
from core.ids import TenantId
from core.profile import IndexProfile

Vector = NDArray[np.float32]


class SearchedIndex(Protocol):
    """What the store's record of an index tells of its collection."""

    @property
    def tenant(self) -> TenantId: ...
    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> int: ...
    @property
    def generation(self) -> int: ...
    @property
    def dimension(self) -> int: ...
    @property
    def profile(self) -> IndexProfile: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What is searched together: one generation of one index of one tenant, all rows in one vector space.

    `index_id` is the store's row id of the index, never reused. `dimension` is that of its vectors. `ranged` are the
    fields that `Range` may name. All but the first four describe the rows and never change for the same four.
    """

    tenant: TenantId
    kind: str
    index_id: int
    generation: int
    dimension: int
    language: str
    ranged: Mapping[str, RangeKind] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    @classmethod
    def of_index(cls, index: "SearchedIndex") -> "Collection":
        """The rows of one index: chunks of documents, or all of a tenant's memory."""
        return cls(
            tenant=index.tenant,
            kind=index.kind,
            index_id=index.id,
            generation=index.generation,
            dimension=index.dimension,
            language=index.profile.language,
            ranged=index.profile.ranged,
        )

    @property
    def path(self) -> str:
        """`<tenant>/<kind>/<index>/<generation>`: unique, and safe in a file system."""
        return f"{self.tenant}/{self.kind}/{self.index_id}/{self.generation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One searchable thing. `key` > 0 fits 63 bits. `vector` is float32 [dimension], finite, of norm 1 (± 0.01).

    `text` is what the keyword arm indexes, unanalysed; the engine analyses it in the collection's language. `tokens`
    are from core.filters (`tokens_of`, `acl_tokens`); `numbers` hold the values of the ranged fields.
    """

    key: int
    vector: Vector
    text: str
    tokens: tuple[str, ...]
    numbers: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """How far a collection has been applied: the store's id, the offset, and the random token of the change there."""

    store_id: str
    offset: int
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """`vector` None leaves the dense arm out, `text` None the keyword arm. `limit` bounds each arm."""

    collection: Collection
    vector: Vector | None
    text: str | None
    condition: Filter | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Hit:
    """A row's key and its score in one arm: cosine in [-1, 1], or BM25 > 0."""

    key: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """The two ranked lists, best first, ties by the smaller key; unfused. None where the arm was not asked for."""

    dense: tuple[Hit, ...] | None
    keyword: tuple[Hit, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Keys that the arms hold."""

    dense: frozenset[int]
    keyword: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionStats:
    """What the engine holds. `structure` names the dense index in use (`flat`, `ivf1024`)."""

    rows: int
    structure: str
    memory_bytes: int
    disk_bytes: int
    durable: Watermark | None


class SearchEngine(Protocol):
    """Where rows are searched.

    - Rows under an ACL, a filter, or both: an arm returns the best `limit` rows *among those admitted*. A filter never cuts
      after the top was taken. A row is admitted when the visibility's principals are None, or it carries `acl=*` or
      `acl=<principal>` for one of them, and the condition holds as core.filters.matches defines it on its tokens.
    - Keyword scores are BM25 (k1 1.2, b 0.75) over the whole collection's statistics, whatever the filter. A query term that is
      repeated counts as often as it is there. Only rows with a score above 0 are hits.
    - Dense scores are cosines. Every admitted row may be a hit; approximate structures keep recall@100 >= 0.98.
    - A search sees every `apply` that returned before it began, and never a half of one batch's effect on one row.
    - A deleted key never comes back by itself. Upserting a key replaces its row.
    - Searching a collection that nothing was applied to gives empty arms.
    - Failures of the backend are core.errors Faults.
    """

    async def apply(
        self, collection: Collection, *, upserts: Sequence[Row], deletes: Sequence[int], watermark: Watermark
    ) -> None:
        """Deletes, then upserts; idempotent; searchable when it returns; durable at the latest by the next `flush`.

        After a crash the collection is as of its last durable watermark, or newer rows than that for later changes,
        which applying the same changes again makes right. Raises Invalid for a vector that is not finite, not of norm 1, or not
        of the collection's dimension, before anything is changed.
        """
        ...

    async def search(self, visibility: Visibility, query: Query) -> Arms:
        """The two arms. Raises Invalid when the visibility is of another tenant than the collection."""
        ...

    async def held(self, collection: Collection, keys: Sequence[int]) -> Held:
        """Which of `keys` each arm holds, whoever may see them: how an erasure is proven."""
        ...

    async def durable(self, collection: Collection) -> Watermark | None:
        """What survives a crash now; None when there is nothing, or what is there cannot be read."""
        ...

    async def flush(self, collection: Collection) -> None:
        """Makes everything applied durable, with the last watermark applied."""
        ...

    async def drop(self, collection: Collection) -> None:
        """Removes everything; dropping what is not there is no error."""
        ...

    async def stats(self, collection: Collection) -> CollectionStats: ...

    async def close(self) -> None:
        """Flushes and lets go of everything. Nothing may be called afterwards."""
        ...
