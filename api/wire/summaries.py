"""Summaries of sessions on the wire."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from api.wire.indexes import Name
from api.wire.schema import Wire
from memory.compression.types import Source, Summary, SummarySentence


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressIn(Wire):
    """How short, and how. `auto` is extractive; only `abstractive` asks the text model, and waits for it."""

    tokens_max: int
    mode: Literal["auto", "extractive", "abstractive"] = "auto"
    user_id: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOut(Wire):
    """What a sentence stands on: `[start, end)` in code points of the message."""

    message_id: str
    span: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceOut(Wire):
    """A sentence of a summary. `message_id` and `span` are its first source; a rewritten sentence may have several."""

    text: str
    message_id: str
    span: tuple[int, int]
    tokens: int
    rewritten: bool
    sources: Annotated[tuple[SourceOut, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryOut(Wire):
    """A session in few words. `summary_id` is null while no tree of it is kept; `fallback` says why the mode is another."""

    summary_id: str | None
    tokens_before: int
    tokens_after: int
    mode: Literal["extractive", "abstractive"]
    sentences: tuple[SentenceOut, ...]
    fallback: str | None


def summary_out(summary: Summary) -> SummaryOut:
    return SummaryOut(
        summary_id=summary.id,
        tokens_before=summary.tokens_before,
        tokens_after=summary.tokens_after,
        mode="abstractive" if summary.mode == "abstractive" else "extractive",
        sentences=tuple(_sentence(one) for one in summary.sentences),
        fallback=summary.fallback,
    )


def _sentence(one: SummarySentence) -> SentenceOut:
    sources = tuple(_source(source) for source in one.sources)
    return SentenceOut(
        text=one.text,
        message_id=sources[0].message_id,
        span=sources[0].span,
        tokens=one.tokens,
        rewritten=one.rewritten,
        sources=sources,
    )


def _source(source: Source) -> SourceOut:
    return SourceOut(message_id=source.message_id, span=(source.start, source.end))
