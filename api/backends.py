"""Which backend each seam gets: one `match` for each, from settings to an object. They are put together in bootstrap.py."""

import os
from dataclasses import dataclass
from typing import Protocol

from api.data_folder import DataFolder
from api.settings import (
    NoProxy,
    NoTextModel,
    OnnxDirectoryEmbedder,
    OnnxEmbedder,
    OpenAIEmbedder,
    OpenAIProxy,
    OpenAITextModel,
    PostgresDatabase,
    SentenceTransformersEmbedder,
    Settings,
    SqliteDatabase,
)
from core.clock import Clock
from core.limits import MIB
from engines.port import SearchEngine
from indexing.parsing.wire import TokenizerSource
from inference.port import Embedder, TextModel
from inference.spending import Ledger
from inference.upstream import Upstream, UpstreamAddress


class CountingEmbedder(Embedder, Protocol):
    """An embedder whose tokenizer can be sent to the processes that cut documents."""

    @property
    def tokenizer(self) -> TokenizerSource: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a seam gets, for the log and `mnemic doctor`. Holds no secret."""

    seam: str
    backend: str
    why: str


def database_url(settings: Settings, folder: DataFolder) -> str:
    match settings.database:
        case SqliteDatabase():
            return folder.database_url
        case PostgresDatabase(url=url):
            return url.get_secret_value()


def make_embedder(settings: Settings, folder: DataFolder) -> CountingEmbedder:
    """Blocks: the first start converts the built-in model, every start loads and proves it."""
    match settings.embedder:
        case OnnxEmbedder(threads=threads):
            from inference.onnx.embedder import OnnxEmbedder as Onnx

            return Onnx.open(cache=folder.models, threads=threads or None)
        case OnnxDirectoryEmbedder() as wanted:
            from inference.onnx.embedder import OnnxEmbedder as Onnx
            from inference.onnx.model_dir import ModelDirectory

            directory = ModelDirectory.read(wanted.path, query_prefix=wanted.query_prefix, passage_prefix=wanted.passage_prefix)
            return Onnx.of_directory(directory, threads=wanted.threads or None)
        case SentenceTransformersEmbedder() as wanted:
            from inference.sentence_transformers import SentenceTransformersEmbedder as Sentences

            return Sentences.open(
                model_dir=wanted.path,
                device=wanted.device,
                query_prefix=wanted.query_prefix,
                passage_prefix=wanted.passage_prefix,
            )
        case OpenAIEmbedder() as wanted:
            return _openai(wanted)


def make_engine(settings: Settings, folder: DataFolder) -> SearchEngine:
    """The one engine of this version."""
    from engines.embedded import EmbeddedEngine

    wanted = settings.engine
    threads = wanted.threads or os.cpu_count() or 1
    return EmbeddedEngine(folder.engine, memory_bytes_max=wanted.memory_mb * MIB, threads=threads)


def make_text_model(settings: Settings, *, ledger: Ledger, clock: Clock) -> TextModel | None:
    """None where none is set: everything works without it."""
    match settings.text_model:
        case NoTextModel():
            return None
        case OpenAITextModel() as wanted:
            return _openai_text(wanted, ledger, clock)


def make_upstream(settings: Settings) -> Upstream | None:
    """None where none is set: then there is no proxy."""
    match settings.proxy:
        case NoProxy():
            return None
        case OpenAIProxy(url=url, api_key=api_key, timeout_s=timeout_s, total_s=total_s):
            key = None if api_key is None else api_key.get_secret_value()
            return Upstream.open(UpstreamAddress(url=url, key=key, timeout_s=timeout_s, total_s=total_s))


def choices(settings: Settings) -> tuple[Choice, ...]:
    """Every seam, its backend, and which setting decided."""
    return (
        _choice(settings, "database", settings.database.kind),
        _choice(settings, "engine", settings.engine.kind),
        _choice(settings, "embedder", settings.embedder.kind),
        _choice(settings, "text_model", settings.text_model.kind),
        _choice(settings, "proxy", settings.proxy.kind),
    )


def _choice(settings: Settings, seam: str, kind: str) -> Choice:
    given = seam in settings.model_fields_set
    why = f"MNEMIC_{seam.upper()}__KIND or what belongs to it is set" if given else "nothing is set: the default"
    return Choice(seam=seam, backend=kind, why=why)


def _openai(wanted: OpenAIEmbedder) -> CountingEmbedder:
    from inference.openai import Endpoint, OpenAiEmbedder

    endpoint = Endpoint(
        url=wanted.url,
        model=wanted.model,
        dimension=wanted.dimension,
        key=None if wanted.api_key is None else wanted.api_key.get_secret_value(),
        tokens_max=wanted.tokens_max,
        query_prefix=wanted.query_prefix,
        passage_prefix=wanted.passage_prefix,
    )
    return OpenAiEmbedder.open(endpoint)


def _openai_text(wanted: OpenAITextModel, ledger: Ledger, clock: Clock) -> TextModel:
    from inference.openai_text import OpenAiText, TextEndpoint
    from inference.spending import Cap, Price

    endpoint = TextEndpoint(
        url=wanted.url,
        model=wanted.model,
        key=None if wanted.api_key is None else wanted.api_key.get_secret_value(),
        response_format=wanted.response_format,
        timeout_s=wanted.timeout_s,
        total_s=wanted.total_s,
        cap=Cap(tokens=wanted.tokens_per_day_max, usd=wanted.usd_per_day_max),
        price=Price(usd_per_million_in=wanted.usd_per_million_in, usd_per_million_out=wanted.usd_per_million_out),
    )
    return OpenAiText.open(endpoint, ledger=ledger, clock=clock)
