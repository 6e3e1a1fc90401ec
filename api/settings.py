"""Everything an operator may set, and the only reader of the environment. Not how a backend is built: that is
api/bootstrap.py. A name that starts with MNEMIC_ and is none of these stops the start, with the nearest valid one named."""

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from cache.types import StoreLimits
from core.errors import FieldError, Invalid
from core.limits import MIB, Limits
from core.profile import DENSE_WEIGHT_DEFAULT
from memory.compression.types import Triggers
from memory.recall.weights import Weights

PREFIX = "MNEMIC_"
DELIMITER = "__"
# Read by the command line and by the tests, never by the service.
FOREIGN = frozenset({"MNEMIC_API_KEY", "MNEMIC_URL", "MNEMIC_EVAL_DATA"})
FOREIGN_PREFIX = "MNEMIC_TEST_"
OPERATOR_KEY_CHARACTERS_MIN = 16

_DEFAULTS = Limits()
_TRIGGERS = Triggers()
_STORED = StoreLimits()


def _split_paths(value: object) -> object:
    return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class SqliteDatabase(_Group):
    """One file under the data folder."""

    kind: Literal["sqlite"] = "sqlite"


class PostgresDatabase(_Group):
    """A Postgres server. `url` is `postgresql://user:password@host:port/name`."""

    kind: Literal["postgres"] = "postgres"
    url: SecretStr = Field(description="postgresql://user:password@host:port/name")


class EmbeddedEngine(_Group):
    """FAISS and Tantivy in this process, under the data folder."""

    kind: Literal["embedded"] = "embedded"
    memory_mb: int = Field(default=1024, ge=16, description="memory that open collections may hold together, in MiB")
    threads: int = Field(default=0, ge=0, le=256, description="searches that run at once; 0 is one for each core")


class OnnxEmbedder(_Group):
    """The built-in all-MiniLM-L6-v2 on onnxruntime."""

    kind: Literal["onnx"] = "onnx"
    threads: int = Field(default=0, ge=0, le=256, description="threads for passages; 0 is one for each core")


class _Prefixed(_Group):
    query_prefix: str = Field(default="", description="what the model wants before a query, such as `query: `")
    passage_prefix: str = Field(default="", description="what the model wants before a passage")


class OnnxDirectoryEmbedder(_Prefixed):
    """Another ONNX model: a directory with the graph and its tokenizer."""

    kind: Literal["onnx_directory"] = "onnx_directory"
    path: Path = Field(description="directory with the ONNX graph and tokenizer.json")
    threads: int = Field(default=0, ge=0, le=256, description="threads for passages; 0 is one for each core")


class SentenceTransformersEmbedder(_Prefixed):
    """Any model of sentence-transformers; needs the extra `models`."""

    kind: Literal["sentence_transformers"] = "sentence_transformers"
    path: Path = Field(description="directory with the model and its tokenizer.json")
    device: str | None = Field(default=None, description="cpu, cuda or cuda:N; absent is the library's choice")


class OpenAIEmbedder(_Prefixed):
    """An endpoint that speaks OpenAI's embeddings API."""

    kind: Literal["openai"] = "openai"
    url: str = Field(min_length=1, description="base address, such as http://localhost:8080/v1")
    model: str = Field(min_length=1, description="the model's name at that endpoint")
    dimension: int = Field(ge=1, le=65_536, description="length of its vectors")
    tokens_max: int = Field(default=512, ge=16, description="window of the model in tokens")
    api_key: SecretStr | None = Field(default=None, description="credential of the endpoint")


class NoTextModel(_Group):
    """No text model: summaries are extracted, facts come from rules."""

    kind: Literal["none"] = "none"


class OpenAITextModel(_Group):
    """An endpoint that speaks OpenAI's chat completions."""

    kind: Literal["openai"] = "openai"
    url: str = Field(min_length=1, description="base address, such as http://localhost:8080/v1; nothing goes anywhere else")
    model: str = Field(min_length=1, description="the model's name at that endpoint")
    api_key: SecretStr | None = Field(default=None, description="credential of the endpoint")
    response_format: Literal["auto", "json_schema", "json_object", "none"] = Field(
        default="auto",
        description="how JSON is asked for: OpenAI's way, llama.cpp's, or in words; auto: the first not refused",
    )
    timeout_s: float = Field(default=30.0, gt=0, le=600, description="seconds for one attempt")
    total_s: float = Field(
        default=60.0, gt=0, le=600, description="seconds for one prompt with its retries, three attempts at most"
    )
    tokens_per_day_max: int = Field(
        default=1_000_000, ge=0, description="tokens in and out that a UTC day may cost; what might pass it is not sent"
    )
    usd_per_day_max: float | None = Field(
        default=None, ge=0, description="US dollars that a UTC day may cost; absent is no bound"
    )
    usd_per_million_in: float = Field(default=0.0, ge=0, description="price of a million tokens of prompts")
    usd_per_million_out: float = Field(default=0.0, ge=0, description="price of a million tokens of answers")


class NoProxy(_Group):
    """No chat endpoint behind the cache: the proxy is not there."""

    kind: Literal["none"] = "none"


class OpenAIProxy(_Group):
    """The OpenAI-compatible endpoint that `POST /v1/proxy/chat/completions` forwards to."""

    kind: Literal["openai"] = "openai"
    url: str = Field(min_length=1, description="base address, such as http://localhost:8080/v1; nothing goes anywhere else")
    api_key: SecretStr | None = Field(default=None, description="credential of the endpoint; callers never send it")
    timeout_s: float = Field(default=60.0, gt=0, le=600, description="seconds without any byte of an answer")
    total_s: float = Field(default=300.0, ge=1, le=600, description="seconds for an answer that is not streamed")


Database = Annotated[SqliteDatabase | PostgresDatabase, Field(discriminator="kind")]
Engine = EmbeddedEngine  # a discriminated union as soon as there is a second one
Embedder = Annotated[
    OnnxEmbedder | OnnxDirectoryEmbedder | SentenceTransformersEmbedder | OpenAIEmbedder, Field(discriminator="kind")
]

TextModel = Annotated[NoTextModel | OpenAITextModel, Field(discriminator="kind")]
Proxy = Annotated[NoProxy | OpenAIProxy, Field(discriminator="kind")]


class LimitSettings(_Group):
    """The bounds of core.limits.Limits that an operator may move. A test holds the two together."""

    body_bytes_max: int = Field(default=_DEFAULTS.body_bytes_max, gt=0, description="JSON body of one request, bytes")
    text_bytes_max: int = Field(default=_DEFAULTS.text_bytes_max, gt=0, description="`text` of one document, bytes")
    file_bytes_max: int = Field(default=_DEFAULTS.file_bytes_max, gt=0, description="one uploaded file, bytes")
    job_bytes_max: int = Field(default=_DEFAULTS.job_bytes_max, gt=0, description="all files of one job, bytes")
    job_files_max: int = Field(default=_DEFAULTS.job_files_max, gt=0, description="files of one job")
    query_bytes_max: int = Field(default=_DEFAULTS.query_bytes_max, gt=0, description="a search query, bytes")
    metadata_bytes_max: int = Field(default=_DEFAULTS.metadata_bytes_max, gt=0, description="metadata as JSON, bytes")
    metadata_keys_max: int = Field(default=_DEFAULTS.metadata_keys_max, gt=0, description="keys of metadata")
    acl_principals_max: int = Field(default=_DEFAULTS.acl_principals_max, gt=0, description="principals of an access list")
    filter_nodes_max: int = Field(default=_DEFAULTS.filter_nodes_max, gt=0, description="operators of a filter")
    filter_depth_max: int = Field(default=_DEFAULTS.filter_depth_max, gt=0, description="nesting of a filter")
    filter_values_max: int = Field(default=_DEFAULTS.filter_values_max, gt=0, description="values in one `in`")
    k_max: int = Field(default=_DEFAULTS.k_max, gt=0, description="results of one search")
    neighbors_max: int = Field(default=_DEFAULTS.neighbors_max, ge=0, description="neighbours on each side of a result")
    indexes_per_search_max: int = Field(default=_DEFAULTS.indexes_per_search_max, gt=0, description="indexes of one search")
    message_bytes_max: int = Field(default=_DEFAULTS.message_bytes_max, gt=0, description="content of one message, bytes")
    messages_per_call_max: int = Field(default=_DEFAULTS.messages_per_call_max, gt=0, description="messages appended at once")
    import_bytes_max: int = Field(default=_DEFAULTS.import_bytes_max, gt=0, description="body of one import, bytes")
    streams_max: int = Field(default=_DEFAULTS.streams_max, gt=0, description="streams that are open at once")
    streams_per_key_max: int = Field(default=_DEFAULTS.streams_per_key_max, gt=0, description="streams that one key has open")

    def values(self) -> Limits:
        """The same as the value that services take."""
        return Limits(**self.model_dump())


class SearchSettings(_Group):
    """How a search fuses its arms where neither the request nor the index says."""

    fusion: Literal["convex", "rrf"] = Field(default="convex", description="how the two arms become one list")
    dense_weight: float = Field(default=DENSE_WEIGHT_DEFAULT, ge=0, le=1, description="share of the dense arm in convex fusion")


class RecallSettings(_Group):
    """How recall weighs what it finds, in units of the fused score, which is 0 to 1. Fitted on the development conversations
    alone; the figures beside each are LoCoMo turn recall@10, BEAM message recall@10 of the 100K and of the 500K tier."""

    # 0.3: 0.733, 0.583, 0.477; 0.4: 0.741, 0.591, 0.479; 0.5: 0.731, 0.588, 0.478.
    dense_weight: float = Field(default=0.4, ge=0, le=1, description="share of the dense arm in what a row scores")
    # Without neighbours 0.676, 0.583, 0.470; 0.3 and 0.4 over two messages 0.741, 0.591, 0.479; 0.5 each 0.751, 0.550, 0.468:
    # short turns live on what stands around them, long answers do not.
    before_weight: float = Field(default=0.3, ge=0, le=1, description="what the message before lends of its score")
    after_weight: float = Field(default=0.4, ge=0, le=1, description="what the message after lends of its score")
    reach: int = Field(default=2, ge=0, le=4, description="how many messages on each side lend, the nth an nth of it")
    # Without 0.717, 0.530, 0.444; with 0.25 0.741, 0.589, 0.479. "I" and "my" name the user, to whom four fifths of BEAM's
    # evidence belong. 0.4 adds another 0.01 on BEAM, and lets who speaks outweigh what is said.
    speaker_weight: float = Field(default=0.25, ge=0, le=1, description="added for a speaker whom the question names")
    # 0.1 to 0.2 gain 0.001 to 0.004 on LoCoMo, whose questions seldom name a time; BEAM is untouched.
    period_weight: float = Field(default=0.1, ge=0, le=1, description="added for the time that the question asks about")
    # No development question is decided by it; small, so that the newest wins among equals.
    recency_weight: float = Field(default=0.05, ge=0, le=0.1, description="added for the latest where it asks about now")

    def values(self) -> Weights:
        """The same as the value that the memory room takes."""
        return Weights(
            dense=self.dense_weight,
            before=self.before_weight,
            after=self.after_weight,
            reach=self.reach,
            speaker=self.speaker_weight,
            period=self.period_weight,
            recency=self.recency_weight,
        )


class CompressionSettings(_Group):
    """When a session's summary tree is built unasked, by how much was said in it."""

    session_tokens: int = Field(
        default=_TRIGGERS.session_tokens, ge=100, description="tokens that a session may take in a context"
    )
    soft: float = Field(
        default=_TRIGGERS.soft, gt=0, le=1, description="share of them from which its tree is built behind the requests"
    )
    hard: float = Field(
        default=_TRIGGERS.hard, gt=0, le=1, description="share of them from which the tree serves and is found by recall"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.soft > self.hard:
            raise ValueError(f"soft is {self.soft}, above hard, which is {self.hard}")
        return self

    def values(self) -> Triggers:
        """The same as the value that the service takes."""
        return Triggers(**self.model_dump())


class ScannerSettings(_Group):
    """What is looked for in messages and facts as they are written. What is found is kept and tagged; secrets and planted
    instructions are quarantined besides."""

    secrets: bool = Field(default=True, description="look for credentials: keys, tokens, passwords")
    pii: bool = Field(default=True, description="look for personal data: cards, accounts, addresses, telephone numbers")
    injections: bool = Field(default=True, description="look for instructions planted for a model")

    def labels(self) -> tuple[str, ...]:
        """The classes that are looked for, by inference.port.Label's names."""
        chosen = {"secret": self.secrets, "pii": self.pii, "injection": self.injections}
        return tuple(label for label, wanted in chosen.items() if wanted)


class CacheSettings(_Group):
    """What one cached answer may take."""

    response_bytes_max: int = Field(
        default=_STORED.response_bytes_max, gt=0, le=16 * MIB, description="a cached answer as JSON, bytes"
    )
    sources_max: int = Field(default=_STORED.sources_max, gt=0, le=256, description="sources that a cached answer may cite")
    tags_max: int = Field(default=_STORED.tags_max, gt=0, le=64, description="tags of a cached answer")

    def values(self) -> StoreLimits:
        """The same as the value that the cache room takes."""
        return StoreLimits(**self.model_dump())


class LogSettings(_Group):
    """What the service writes to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="least severity that is written")
    format: Literal["auto", "json", "console"] = Field(default="auto", description="auto is console on a terminal, else json")


class Settings(BaseSettings):
    """The whole of it. Nothing set is SQLite, the embedded engine and the local ONNX model, under ./mnemic-data."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        validate_default=True,
    )

    data: Path = Field(default=Path("mnemic-data"), description="the data folder: records, vectors, models, keys")
    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(default=8321, ge=0, le=65_535, description="HTTP port; 0 takes a free one")
    operator_key: SecretStr | None = Field(
        default=None,
        min_length=OPERATOR_KEY_CHARACTERS_MIN,
        description="the operator key, 16 characters or more; without it one is made and kept in <data>/operator.key",
    )
    database: Database = Field(default_factory=SqliteDatabase, description="where the records are")
    engine: Engine = Field(default_factory=EmbeddedEngine, description="what searches")
    embedder: Embedder = Field(default_factory=OnnxEmbedder, description="what makes vectors")
    text_model: TextModel = Field(default_factory=NoTextModel, description="what rewrites summaries and proposes facts")
    proxy: Proxy = Field(default_factory=NoProxy, description="the chat endpoint behind the cache")
    limits: LimitSettings = Field(default_factory=LimitSettings, description="bounds on requests")
    search: SearchSettings = Field(default_factory=SearchSettings, description="defaults of searches")
    recall: RecallSettings = Field(default_factory=RecallSettings, description="how memories are weighed")
    compression: CompressionSettings = Field(default_factory=CompressionSettings, description="when sessions are compressed")
    scanners: ScannerSettings = Field(default_factory=ScannerSettings, description="what is looked for in what is remembered")
    cache: CacheSettings = Field(default_factory=CacheSettings, description="bounds on cached answers")
    ingest_roots: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split_paths)] = Field(
        default=(), description="directories that directory and JSONL jobs may read below, separated by ':' (';' on Windows)"
    )
    parsers: int = Field(default=1, ge=1, le=64, description="processes that read files; the embedder keeps the cores busy")
    jobs_kept_days: int = Field(
        default=30,
        ge=1,
        le=3650,
        description="days until an ended job goes with its items, and an unstarted one is cancelled",
    )
    log: LogSettings = Field(default_factory=LogSettings, description="logging")
    drain_s: int = Field(default=20, ge=0, le=600, description="seconds that requests in flight get at a stop")


def load_settings(**overrides: object) -> Settings:
    """The settings of this process, `overrides` (the command line's) winning; or Invalid naming each wrong one."""
    refuse_unknown(os.environ)
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # pyright: ignore[reportArgumentType]  # validated by the model itself
    except ValidationError as flaws:
        raise _invalid(flaws) from None


def command_environment() -> tuple[str | None, str | None]:
    """(MNEMIC_URL, MNEMIC_API_KEY): where the command finds the service, and its credential."""
    return os.environ.get("MNEMIC_URL") or None, os.environ.get("MNEMIC_API_KEY") or None


def setting_names() -> tuple[str, ...]:
    """Every valid name of the environment, upper case, sorted."""
    return tuple(sorted({name for name, _, _ in walk(Settings)}))


def walk(model: type[BaseModel], prefix: str = PREFIX) -> Iterator[tuple[str, str, type[BaseModel]]]:
    """(environment name, field name, model that has it) for each leaf, discriminated unions opened."""
    for name, field in model.model_fields.items():
        groups = _groups(field.annotation)
        if not groups:
            yield f"{prefix}{name.upper()}", name, model
        for group in groups:
            yield from walk(group, f"{prefix}{name.upper()}{DELIMITER}")


def refuse_unknown(environ: Mapping[str, str]) -> None:
    """Invalid naming every MNEMIC_ name that is no setting, with the nearest one; the library would ignore them."""
    valid = set(setting_names())
    unknown = sorted(
        name
        for name in environ
        if name.upper().startswith(PREFIX)
        and not name.upper().startswith(FOREIGN_PREFIX)
        and name.upper() not in FOREIGN
        and name.upper() not in valid
    )
    if unknown:
        raise Invalid("settings.unknown", "; ".join(_advice(name, valid) for name in unknown))


def _advice(name: str, valid: set[str]) -> str:
    near = difflib.get_close_matches(name.upper(), sorted(valid), n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}?" if near else "docs/reference/settings.md lists the names."
    return f"{name} is no setting: {hint}"


def _groups(annotation: object) -> tuple[type[BaseModel], ...]:
    members = get_args(annotation) or (annotation,)
    return tuple(member for member in members if isinstance(member, type) and issubclass(member, BaseModel))


def _invalid(flaws: ValidationError) -> Invalid:
    errors = tuple(_error(flaw) for flaw in flaws.errors(include_url=False, include_input=False))
    named = "; ".join(f"{_name(error.pointer)}: {error.detail}" for error in errors)
    return Invalid("settings.invalid", named, errors=errors)


def _error(flaw: ErrorDetails) -> FieldError:
    parts = [str(part) for part in flaw["loc"]]
    if flaw["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        kinds = ", ".join(_kinds(parts[0]))
        detail = f"must be one of {kinds}, since other names of its group are set"
        return FieldError(pointer="/" + "/".join([*parts, "kind"]), detail=detail)
    return FieldError(pointer="/" + "/".join(parts), detail=flaw["msg"])


def _kinds(group: str) -> list[str]:
    field = Settings.model_fields.get(group)
    return [] if field is None else [str(one.model_fields["kind"].default) for one in _groups(field.annotation)]


def _name(pointer: str) -> str:
    group, *rest = pointer.strip("/").split("/")
    # A union's member shows up in the place of a flaw; it is no part of the name.
    known = set(_kinds(group)) if group in _UNIONS else set[str]()
    return PREFIX + DELIMITER.join(part.upper() for part in (group, *rest) if part not in known)


_UNIONS = frozenset({"database", "embedder", "text_model", "proxy"})
