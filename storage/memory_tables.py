"""The tables of memory: what was said, what is known from it, what of both is searchable, and what must stay forgotten.

Everything belongs to an owner, a principal (`user:ann`), whose it is to read and to erase. Who may act for an owner is decided
in core/caller.py; how rows are used is in the repositories.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)

from storage.columns import BigId, Moment, Name, table, tenant


def _owner() -> Column[str]:
    return Column("owner", Text, nullable=False)


# A session id is its owner's own: two users may use the same.
sessions = table(
    "sessions",
    Column("id", BigId, primary_key=True, autoincrement=True),
    tenant(),
    _owner(),
    Column("external_id", Name, nullable=False),
    Column("agent", Text),
    Column("state", Text, nullable=False),  # open | closed
    Column("metadata", JSON, nullable=False),
    Column("ttl_s", BigInteger),
    Column("expires_at", Moment),
    Column("head_seq", BigInteger, nullable=False, server_default=text("0")),  # the last number given; never given again
    Column("messages", Integer, nullable=False, server_default=text("0")),
    Column("tokens", BigInteger, nullable=False, server_default=text("0")),
    Column("last_occurred_at", Moment),  # the latest event time so far; an earlier one is late
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("closed_at", Moment),
    UniqueConstraint("tenant", "owner", "external_id", name="sessions_by_external_id"),
    Index("sessions_by_expiry", "expires_at"),
    autoincrement=True,
)

messages = table(
    "messages",
    Column("id", BigId, primary_key=True, autoincrement=True),
    tenant(),
    _owner(),
    Column("session_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("client_id", Text),
    Column("role", Text, nullable=False),
    Column("speaker", Text),
    Column("content", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),  # of all that the client said: the same id with another is a conflict
    Column("occurred_at", Moment),
    Column("occurred_kind", Text, nullable=False),  # given | inferred | missing
    Column("recorded_at", Moment, nullable=False),
    Column("source", Text),
    Column("trust", Integer, nullable=False),
    Column("flags", JSON, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("rows", Integer, nullable=False),  # how many searchable rows it has, or ever had: what a retraction takes out
    Column("revision", Integer, nullable=False, server_default=text("1")),  # moves when its words are blacked out
    UniqueConstraint("tenant", "session_id", "seq", name="messages_by_seq"),
    UniqueConstraint("tenant", "session_id", "client_id", name="messages_by_client_id"),
    Index("messages_by_owner", "tenant", "owner", "id"),
    autoincrement=True,
)

# Exactly what the engine holds of memory: the projector copies these rows and knows nothing else about memory.
# The key is (subject_id * 4 + type) << CHUNK_ORDINAL_BITS | ordinal, type 0 message, 1 fact, 2 summary.
memory_rows = table(
    "memory_rows",
    Column("key", BigId, primary_key=True, autoincrement=False),
    tenant(),
    _owner(),
    Column("session_id", BigInteger),
    Column("type", Text, nullable=False),  # message | fact | summary
    Column("subject_id", BigInteger, nullable=False),
    Column("level", Text, nullable=False),  # turn | round | chunk | fact | summary
    Column("seq_from", BigInteger),
    Column("seq_to", BigInteger),
    Column("start", Integer),  # of a turn's part: `[start, end)` in code points of the message
    Column("end", Integer),
    Column("body", Text, nullable=False),  # embedded and indexed by keyword, both exactly this
    Column("tokens", JSON, nullable=False),  # what filters match, core.filters' tokens, access list included
    Column("occurred", Float),  # seconds since 1970
    Column("vector_sha256", LargeBinary, nullable=False),
    Index("memory_rows_by_session", "tenant", "session_id", "seq_to"),
    Index("memory_rows_by_owner", "tenant", "owner", "key"),
    Index("memory_rows_by_vector", "vector_sha256", "tenant"),
)

entities = table(
    "entities",
    Column("id", BigId, primary_key=True, autoincrement=True),
    tenant(),
    _owner(),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index("entities_by_owner", "tenant", "owner", "id"),
    autoincrement=True,
)

# `alias` is folded; one alias names one entity of an owner.
entity_aliases = table(
    "entity_aliases",
    tenant(primary_key=True),
    Column("owner", Text, primary_key=True),
    Column("alias", Text, primary_key=True),
    Column("entity_id", BigInteger, nullable=False),
    Index("entity_aliases_by_entity", "tenant", "entity_id"),
)

# What is known now. What was known before is in fact_history: together they answer `as_known_at`.
facts = table(
    "facts",
    Column("id", BigId, primary_key=True, autoincrement=True),
    tenant(),
    _owner(),
    Column("agent", Text),
    Column("session_id", BigInteger),
    Column("entity", Text, nullable=False),
    Column("attribute", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("triple", Name, nullable=False),  # entity, attribute and value, folded: what an exact repetition is told by
    Column("kind", Text, nullable=False),
    Column("polarity", Boolean, nullable=False),
    Column("cardinality", Text, nullable=False),  # one | many
    Column("valid_from", Moment),
    Column("valid_to", Moment),
    Column("seen_at", Moment),  # the latest moment that a counted proof speaks of
    Column("withdrawn", Boolean, nullable=False),  # it never held: a slip of the tongue
    Column("recorded_at", Moment, nullable=False),
    Column("known_from", Moment, nullable=False),  # since when this state is the one that is known
    Column("expires_at", Moment),
    Column("status", Text, nullable=False),  # active | superseded | challenged | quarantined | rejected | expired
    Column("superseded_by", BigInteger),
    Column("proofs", Integer, nullable=False),
    Column("trust", Integer, nullable=False),
    Column("importance", Float, nullable=False),
    Column("pinned", Boolean, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("revision", Integer, nullable=False),
    Index("facts_by_slot", "tenant", "owner", "entity", "attribute"),
    Index("facts_by_triple", "tenant", "owner", "triple"),
    Index("facts_by_owner", "tenant", "owner", "id"),
    Index("facts_by_expiry", "expires_at"),
    autoincrement=True,
)

# A former state of a fact, whole, known in `[known_from, known_to)`, and what ended it.
fact_history = table(
    "fact_history",
    tenant(primary_key=True),
    Column("fact_id", BigInteger, primary_key=True, autoincrement=False),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    _owner(),
    Column("known_from", Moment, nullable=False),
    Column("known_to", Moment, nullable=False),
    Column("state", JSON, nullable=False),
    Column("op", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    Index("fact_history_by_owner", "tenant", "owner", "known_to"),
)

fact_sources = table(
    "fact_sources",
    tenant(primary_key=True),
    Column("fact_id", BigInteger, primary_key=True, autoincrement=False),
    Column("source_type", Text, primary_key=True),  # message | document | caller
    Column("source_id", Text, primary_key=True),  # a message's row id, index/document@version, or an id of one write
    Column("start", Integer, primary_key=True, autoincrement=False),
    Column("end", Integer, nullable=False),
    Column("stance", Text, nullable=False),  # supports | contradicts
    Column("trust", Integer, nullable=False),  # of the statement that it was a source of
    Column("at", Moment),  # since when that statement holds
    Column("quote", Text),  # of a span of a document: a digest of its words, to find them by in another version
    Index("fact_sources_by_source", "tenant", "source_type", "source_id"),
)

# A node of a session's tree. Its sentences cite spans of messages; `cover` is a digest of all messages that it covers.
summaries = table(
    "summaries",
    Column("id", BigId, primary_key=True, autoincrement=True),
    tenant(),
    _owner(),
    Column("session_id", BigInteger, nullable=False),
    Column("level", Integer, nullable=False),  # 0 is a leaf
    Column("seq_from", BigInteger, nullable=False),
    Column("seq_to", BigInteger, nullable=False),
    Column("sentences", JSON, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("cover", LargeBinary, nullable=False),
    Column("mode", Text, nullable=False),  # extractive | abstractive
    Column("state", Text, nullable=False),  # building | active | stale
    Column("created_at", Moment, nullable=False),
    Index("summaries_by_session", "tenant", "session_id", "level", "seq_from"),
    Index("summaries_by_state", "state", "id"),
    autoincrement=True,
)

summary_sources = table(
    "summary_sources",
    tenant(primary_key=True),
    Column("summary_id", BigInteger, primary_key=True, autoincrement=False),
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Index("summary_sources_by_message", "tenant", "message_id"),
)

# The secrets behind the digests of one owner's tombstones: its own, and those that came with an imported bundle.
tombstone_keys = table(
    "tombstone_keys",
    tenant(primary_key=True),
    Column("owner", Text, primary_key=True),
    Column("secret", LargeBinary, primary_key=True),
    Column("created_at", Moment, nullable=False),
)

# What must not be learned again: digests under a secret, no content. They outlive rebuilds, imports and re-extraction.
tombstones = table(
    "tombstones",
    tenant(primary_key=True),
    Column("owner", Text, primary_key=True),
    Column("scope", Text, primary_key=True),  # value | triple | source
    Column("digest", LargeBinary, primary_key=True),
    Column("created_at", Moment, nullable=False),
)

erasures = table(
    "erasures",
    Column("id", Name, primary_key=True),
    tenant(),
    _owner(),
    Column("state", Text, nullable=False),  # running | done
    Column("receipt", JSON, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Index("erasures_by_owner", "tenant", "owner"),
    Index("erasures_by_state", "state"),
)

# What an erasure took out of the indexes, by number alone, so that it can be looked for again: keys block << 17 | 0 … rows - 1.
erased_blocks = table(
    "erased_blocks",
    tenant(primary_key=True),
    Column("erasure_id", Text, primary_key=True),
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("rows", Integer, nullable=False),
)

# How long a tenant keeps what: its own rules (owner ""), and those of users that are in their place.
retention_policies = table(
    "retention_policies",
    tenant(primary_key=True),
    Column("owner", Name, primary_key=True),
    Column("rules", JSON, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

# The last look of retention over a tenant, and how much went by kind: in it, and in all of them.
retention_runs = table(
    "retention_runs",
    tenant(primary_key=True),
    Column("started_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("removed", JSON, nullable=False),
    Column("total", JSON, nullable=False),
)

# What a text model has cost on a UTC day, over all tenants: its cap is the operator's.
text_model_days = table(
    "text_model_days",
    Column("day", Text, primary_key=True),  # 2026-05-01
    Column("tokens", BigInteger, nullable=False),
    Column("usd", Float, nullable=False),
)
