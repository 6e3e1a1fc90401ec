"""The one way in: a parsed document becomes chunks whose indexed text never exceeds the embedder's window."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.errors import TooLarge
from indexing.chunking.packing import Room, Stretch, pack
from indexing.chunking.sections import Section, merged, sections_of
from indexing.chunking.tokens import TokenMap
from indexing.chunking.types import Chunk, ChunkingParameters
from indexing.chunking.units import trimmed
from indexing.parsing.types import ParsedDocument

if TYPE_CHECKING:  # the port imports numpy, which a parser process has no use for
    from inference.port import TokenCounter

# Shares of the window that what is not text may take: title and headings, and a continued table's header.
_CONTEXT_SHARE = 4
_HEADER_SHARE = 4
# Sections below this share of the target join their neighbours.
_SMALL_SHARE = 0.5


def chunk_document(document: ParsedDocument, counter: "TokenCounter", parameters: ChunkingParameters) -> tuple[Chunk, ...]:
    """Chunks in document order. Every visible character is in at least one; the same input gives the same chunks.

    Raises TooLarge past `chunks_max`. Time is linear in the text.
    """
    tokens = TokenMap(document.text, counter)
    chunks: list[Chunk] = []
    for chunk in _chunks(document, tokens, parameters):
        if len(chunks) >= parameters.chunks_max:
            raise TooLarge(
                "indexing.document_too_large",
                f"the document makes more than {parameters.chunks_max} chunks; split it or use larger chunks",
            )
        chunks.append(chunk)
    return tuple(chunks)


def _chunks(document: ParsedDocument, tokens: TokenMap, parameters: ChunkingParameters) -> Iterator[Chunk]:
    window = parameters.tokens_max - tokens.specials - parameters.reserved_tokens
    target = min(parameters.chunk_tokens, window)
    sections = merged(sections_of(document, tokens), target=target, small=int(target * _SMALL_SHARE))
    ordinal = 0
    for section in sections:
        lead = _Lead(document.title, section, tokens, window)
        budget = window - lead.tokens
        overlap = min(parameters.overlap_tokens, budget // 4)
        room = Room(target=min(target, budget), budget=budget, overlap=overlap)
        for stretch in pack(section.units, tokens, room):
            for chunk in _fitted(stretch, lead, tokens, budget):
                yield Chunk(
                    ordinal=ordinal,
                    start=chunk.start,
                    end=chunk.end,
                    page=chunk.page,
                    heading_path=tuple(heading.text for heading in section.path),
                    context=lead.context(chunk),
                )
                ordinal += 1


class _Lead:
    """What is indexed before the text of one section's chunks. `tokens` is what it takes at most, table headers apart."""

    def __init__(self, title: str | None, section: Section, tokens: TokenMap, window: int) -> None:
        self._map = tokens
        self._header_max = window // _HEADER_SHARE
        named = {heading.text.casefold() for heading in section.path}
        lines = [(-1, title)] if title and title.casefold() not in named else []
        lines += [(heading.start, heading.text) for heading in section.path]
        self._lines = _cut_to(lines, tokens, window // _CONTEXT_SHARE)
        self.tokens = tokens.measure(self._join(self._lines))

    def context(self, stretch: Stretch) -> str:
        """Headings that stand in the text itself are not said twice."""
        lines = [line for line in self._lines if not stretch.start <= line[0] < stretch.end]
        parts = [self._join(lines), self._header(stretch)]
        return "\n".join(part for part in parts if part)

    def header_tokens(self, stretch: Stretch) -> int:
        header = self._header(stretch)
        return self._map.measure(header) if header else 0

    def _header(self, stretch: Stretch) -> str:
        if stretch.header is None:
            return ""
        start, end = stretch.header
        start, end = trimmed(self._map.text, start, self._map.after(start, self._header_max, end))
        return self._map.text[start:end]

    @staticmethod
    def _join(lines: list[tuple[int, str]]) -> str:
        return " > ".join(text for _, text in lines)


def _cut_to(lines: list[tuple[int, str]], tokens: TokenMap, most: int) -> list[tuple[int, str]]:
    """The title and the nearest headings that fit; what is between goes first, then the ends of long ones."""
    share = max(1, most // 2)
    kept = [(start, _shortened(text, tokens, share)) for start, text in lines]
    while len(kept) > 2 and tokens.measure(" > ".join(text for _, text in kept)) > most:
        del kept[1]
    while kept and tokens.measure(" > ".join(text for _, text in kept)) > most:
        del kept[0]
    return kept


def _shortened(text: str, tokens: TokenMap, most: int) -> str:
    while text and tokens.measure(text) > most:
        text = text[: len(text) * 2 // 3].rstrip()
    return text


def _fitted(stretch: Stretch, lead: _Lead, tokens: TokenMap, budget: int) -> Iterator[Stretch]:
    """The stretch, or pieces of it where a cut within a word, or a header that counts more alone, made it too long."""
    most = budget - lead.header_tokens(stretch)
    within_word = tokens.is_within_word(stretch.start) or tokens.is_within_word(stretch.end)
    if not within_word and tokens.count(stretch.start, stretch.end) <= most:
        yield stretch
        return
    pending = [stretch]
    while pending:
        piece = pending.pop()
        if piece.end - piece.start <= 1 or tokens.exact(piece.start, piece.end) <= most:
            yield piece
            continue
        count = tokens.count(piece.start, piece.end)
        middle = tokens.after(piece.start, count // 2, piece.end) if count >= 4 else (piece.start + piece.end) // 2
        if not piece.start < middle < piece.end:
            middle = (piece.start + piece.end) // 2
        pending += [_piece(tokens, piece, middle, piece.end), _piece(tokens, piece, piece.start, middle)]


def _piece(tokens: TokenMap, whole: Stretch, start: int, end: int) -> Stretch:
    left, right = trimmed(tokens.text, start, end)
    return Stretch(start=left, end=max(left, right), page=whole.page, header=whole.header)
