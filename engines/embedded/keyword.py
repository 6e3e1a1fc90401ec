"""The keyword arm: BM25 by Tantivy over our own analysis, restricted inside the query.

A `KeywordIndex` writes; a `KeywordView` is what one search sees and never changes. Tantivy accepts unknown fields and deletes
by a term of the wrong type without a word, so the schema is made in one place from constants, and the key is a signed integer.
"""

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import tantivy
from pyroaring import BitMap
from tantivy import Occur, Query

from core.filters import RangeKind
from engines.analysis import analyse
from engines.embedded.clauses import EVERY_ROW, KEY, TEXT, TOKENS, Clauses, columns_of, indexable
from engines.embedded.ranking import Scored, cut, is_settled, settle
from engines.embedded.tuning import Tuning
from engines.port import Row

_ANALYSED = "spaces"  # the text field's tokenizer: our terms are already final
_COUNTED_MAX = 1_000
KEYS_PER_QUERY = 1_000
_NUMBER_MAX = 1.7e308


@dataclass(frozen=True, slots=True)
class Restriction:
    """Which rows a search may return: by slot, and as the clause that says the same to Tantivy."""

    admitted: BitMap
    share: float
    slot_of: Mapping[int, int]
    clause: Callable[[], Query]

    def admits(self, key: int) -> bool:
        slot = self.slot_of.get(key)
        return slot is not None and slot in self.admitted


@dataclass(frozen=True, slots=True)
class Committed:
    """What Tantivy has made durable. The stamp of a commit is larger than that of the one before; a merge keeps the stamp and
    puts one segment in the place of others."""

    stamp: int
    segments: frozenset[str]


class KeywordView:
    """One committed state of the index."""

    def __init__(self, searcher: tantivy.Searcher, schema: tantivy.Schema, *, language: str, wide_share_min: float) -> None:
        self._searcher = searcher
        self._schema = schema
        self._language = language
        self._wide_share_min = wide_share_min

    @property
    def rows(self) -> int:
        return self._searcher.num_docs

    def search(self, text: str, *, limit: int, restriction: Restriction | None) -> Scored:
        scoring = self._scoring(Counter(analyse(text, self._language)))
        if scoring is None:
            return []
        if restriction is None:
            return settle(self._fetcher(scoring), limit)
        if restriction.share >= self._wide_share_min:
            checked = self._check(scoring, limit, restriction)
            if checked is not None:
                return checked
        silent = Query.const_score_query(restriction.clause(), 0.0)
        return settle(self._fetcher(Query.boolean_query([(Occur.Must, scoring), (Occur.Must, silent)])), limit)

    def holding(self, keys: Sequence[int]) -> list[int]:
        """Those of `keys` that are there."""
        found: list[int] = []
        for start in range(0, len(keys), KEYS_PER_QUERY):
            wanted = list(keys[start : start + KEYS_PER_QUERY])
            query = Query.term_set_query(self._schema, KEY, wanted)
            hits = self._searcher.search(query, len(wanted), count=False).hits
            found += [int(key or 0) for key in self._searcher.fast_field_values(KEY, [address for _, address in hits])]
        return found

    def _check(self, scoring: Query, limit: int, restriction: Restriction) -> Scored | None:
        """The unrestricted list, long enough that `limit` of it should pass; None when too few did.

        An unrestricted query skips whole blocks of postings that cannot reach the top; with a wide filter in it,
        Tantivy scores nearly everything: 4.2 ms against 2.2 for 90 % of 100,000 rows.
        """
        wanted = math.ceil(1.2 * limit / restriction.share) + 32
        scored = self._fetcher(scoring)(wanted)
        passed = [pair for pair in scored if restriction.admits(pair[1])]
        if len(scored) < wanted:
            return cut(passed, limit)
        if len(passed) < limit or not is_settled([*passed[:limit], scored[-1]], limit + 1, limit):
            return None
        return cut(passed, limit)

    def _fetcher(self, query: Query) -> Callable[[int], Scored]:
        def fetch(wanted: int) -> Scored:
            # Counting would score every match.
            hits = self._searcher.search(query, wanted, count=False).hits
            keys = self._searcher.fast_field_values(KEY, [address for _, address in hits])
            return [(float(score), int(key or 0)) for (score, _), key in zip(hits, keys, strict=True)]

        return fetch

    def _scoring(self, counts: Counter[str]) -> Query | None:
        ever = self._searcher.doc_freq(TOKENS, EVERY_ROW)
        weighed = [(term, self._weight(term, count, ever)) for term, count in counts.items()]
        parts = [
            (Occur.Should, Query.boost_query(Query.term_query(self._schema, TEXT, term, "freq"), weight))
            for term, weight in weighed
            if weight > 0
        ]
        return Query.boolean_query(parts) if parts else None

    def _weight(self, term: str, count: int, ever: int) -> float:
        """How often the query has the term, corrected for deleted rows, which Tantivy counts until a merge drops them."""
        frequency, rows = self._searcher.doc_freq(TEXT, term), self.rows
        if not frequency or ever == rows:
            return count if frequency else 0.0
        left = self._left(term, frequency, rows / ever)
        return count * _idf(rows, left) / _idf(ever, frequency) if left else 0.0

    def _left(self, term: str, frequency: int, ratio: float) -> int:
        """Rows that hold the term now: counted where that is cheap and matters, else taken to have shrunk like all."""
        if frequency > _COUNTED_MAX:
            return max(1, round(frequency * ratio))
        holding = Query.term_query(self._schema, TEXT, term, "freq")
        return cast("Any", self._searcher.search(holding, 1, count=True)).count  # missing from its stubs


class KeywordIndex:
    """Writes one folder. One thread at a time; `stage` does not disturb the views that searches hold."""

    def __init__(self, folder: Path, *, language: str, ranged: Mapping[str, RangeKind], tuning: Tuning) -> None:
        """Opens the index there, or makes one. Raises ValueError or OSError for one that cannot be read."""
        self._folder = folder
        self._language = language
        self._columns = columns_of(ranged)
        self._tuning = tuning
        self._schema = _schema(self._columns.values())
        folder.mkdir(parents=True, exist_ok=True)
        self._index = tantivy.Index(self._schema, str(folder))
        whitespace = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
        self._index.register_tokenizer(_ANALYSED, whitespace)
        self._index.config_reader("manual")
        self._writer: tantivy.IndexWriter | None = None
        self._used_at = 0.0
        self.clauses = Clauses(self._schema, self._columns)

    @property
    def committed(self) -> Committed:
        meta = json.loads((self._folder / "meta.json").read_bytes())
        segments = frozenset(str(one["segment_id"]).replace("-", "") for one in meta["segments"])
        return Committed(stamp=int(meta["opstamp"]), segments=segments)

    @property
    def writer_bytes(self) -> int:
        return self._tuning.writer_heap_bytes if self._writer else 0

    def view(self) -> KeywordView:
        self._index.reload()
        searcher = self._index.searcher()
        return KeywordView(searcher, self._schema, language=self._language, wide_share_min=self._tuning.wide_share_min)

    def stage(self, rows: Sequence[Row], deletes: Iterable[int]) -> KeywordView:
        """Deletes, writes and commits; the view that has it. One commit: 20 to 90 ms, whatever is in it."""
        documents = [self._document(row) for row in rows]
        if self._writer is None:
            self._writer = self._index.writer(self._tuning.writer_heap_bytes, 1)
        try:
            for key in deletes:
                self._writer.delete_documents_by_term(KEY, key)
            for document in documents:
                self._writer.add_document(document)
            self._writer.commit()
        except BaseException:
            # What was added without a commit must not ride along with the next one.
            self._writer = None
            raise
        self._used_at = time.monotonic()
        return self.view()

    def rest(self, *, idle_s: float = 0.0) -> None:
        """Closes a writer that was not used for so long, after its merges: it holds its heap and six threads."""
        if self._writer and time.monotonic() - self._used_at >= idle_s:
            writer, self._writer = self._writer, None
            writer.garbage_collect_files()
            writer.wait_merging_threads()

    def _document(self, row: Row) -> tantivy.Document:
        document = tantivy.Document()
        document.add_integer(KEY, row.key)
        document.add_text(TEXT, " ".join(analyse(row.text, self._language)))
        document.add_text(TOKENS, EVERY_ROW)
        for token in row.tokens:
            document.add_text(TOKENS, indexable(token))
        for field, column in self._columns.items():
            for number in row.numbers.get(field, ()):
                document.add_float(column, number + 0.0)  # -0.0 is less than 0.0 to Tantivy
        return document


def _schema(columns: Iterable[str]) -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field(KEY, indexed=True, fast=True)
    builder.add_text_field(TEXT, tokenizer_name=_ANALYSED, index_option="freq")
    builder.add_text_field(TOKENS, tokenizer_name="raw", index_option="basic")
    for column in columns:
        builder.add_float_field(column, fast=True)
    return builder.build()


def _idf(rows: int, frequency: int) -> float:
    """Robertson's, as Lucene and Tantivy have it."""
    return math.log(1 + (rows - frequency + 0.5) / (frequency + 0.5))
