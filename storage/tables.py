"""The tables, once, for SQLite and Postgres. What each column means; how rows are used is in the repositories.

Every table but `store` starts with the tenant. Integer keys are never reused (AUTOINCREMENT, identity). Times are aware UTC.
"""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, LargeBinary, Text, UniqueConstraint, text

from storage.columns import BigId, Moment, Name, table, tenant

# One row: which store this is. A restored backup keeps it; the change tokens tell the difference.
store = table("store", Column("id", Text, primary_key=True), Column("created_at", Moment, nullable=False))

tenants = table(
    "tenants",
    tenant(primary_key=True),
    Column("state", Text, nullable=False, server_default=text("'active'")),
    Column("created_at", Moment, nullable=False),
)

# The row lock on `head` makes offset order commit order. `catalog` moves with every change of the tenant's list of indexes.
tenant_heads = table(
    "tenant_heads",
    tenant(primary_key=True),
    Column("head", BigInteger, nullable=False, server_default=text("0")),
    Column("catalog", BigInteger, nullable=False, server_default=text("0")),
)

keys = table(
    "keys",
    Column("id", Name, primary_key=True),
    tenant(),
    Column("name", Text, nullable=False),
    Column("secret_sha256", LargeBinary, nullable=False),
    Column("subject", Text, nullable=False),
    Column("principals", JSON, nullable=False),
    Column("grants", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
    Index("keys_by_tenant", "tenant", "id"),
)

indexes = table(
    "indexes",
    Column("id", BigId, primary_key=True, autoincrement=True),
    tenant(),
    Column("name", Name, nullable=False),
    Column("kind", Text, nullable=False, server_default=text("'documents'")),  # documents | memory: one a tenant, never listed
    Column("description", Text, nullable=False),
    Column("default_acl", JSON(none_as_null=True)),
    Column("profile", JSON, nullable=False),
    Column("model", Text, nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("generation", Integer, nullable=False, server_default=text("1")),
    Column("deleting", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    # A deleted index frees its name at once; its rows go in the background.
    Index(
        "indexes_by_name",
        "tenant",
        "name",
        unique=True,
        sqlite_where=text("NOT deleting"),
        postgresql_where=text("NOT deleting"),
    ),
    autoincrement=True,
)

documents = table(
    "documents",
    Column("id", BigId, primary_key=True, autoincrement=True),
    tenant(),
    Column("index_id", BigInteger, nullable=False),
    Column("external_id", Name, nullable=False),
    Column("parent", Text),  # the external id of the document that this one was attached to
    Column("status", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("live_number", BigInteger, nullable=False, server_default=text("0")),
    Column("live_version_id", BigInteger),
    Column("version", Integer, nullable=False, server_default=text("0")),
    Column("revision", Integer, nullable=False, server_default=text("0")),
    Column("title", Text),
    Column("parsed_title", Text),
    Column("source_uri", Text),
    Column("occurred_at", Moment),
    Column("acl", JSON(none_as_null=True)),
    Column("metadata", JSON, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("media_type", Text, nullable=False, server_default=text("''")),
    Column("content_digest", Text, nullable=False, server_default=text("''")),
    Column("chunks", Integer, nullable=False, server_default=text("0")),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("tenant", "index_id", "external_id", name="documents_by_external_id"),
    Index("documents_by_parent", "tenant", "index_id", "parent"),
    autoincrement=True,
)

versions = table(
    "versions",
    Column("id", BigId, primary_key=True, autoincrement=True),
    tenant(),
    Column("document_id", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("content_sha256", LargeBinary, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("chunks", Integer, nullable=False),
    Column("published_at", Moment, nullable=False),
    Index("versions_by_document", "tenant", "document_id", "version"),
    Index("versions_by_state", "state", "id"),
    Index("versions_by_content", "tenant", "content_sha256"),
    autoincrement=True,
)

texts = table(
    "texts",
    Column("version_id", BigInteger, primary_key=True, autoincrement=False),
    tenant(),
    Column("length", Integer, nullable=False),
    Column("body", Text, nullable=False),
)

# The key is version << CHUNK_ORDINAL_BITS | ordinal: the engine's key, never reused, and neighbours are neighbouring keys.
chunks = table(
    "chunks",
    Column("key", BigId, primary_key=True, autoincrement=False),
    tenant(),
    Column("version_id", BigInteger, nullable=False),
    Column("document_id", BigInteger, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("page", Integer),
    Column("heading_path", JSON, nullable=False),
    Column("body", Text, nullable=False),
    Column("context", Text, nullable=False),
    Column("vector_sha256", LargeBinary, nullable=False),
    # Not tenant first: without statistics SQLite then prefers it to the keys that a search asks for, and scans the tenant.
    Index("chunks_by_vector", "vector_sha256", "tenant"),
)

# float16, by the exact embedded text and the vector space. Nothing is ever embedded twice.
vectors = table(
    "vectors",
    tenant(primary_key=True),
    Column("model", Text, primary_key=True),
    Column("text_sha256", LargeBinary, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
)

# Originals. Small ones lie here, so that they commit with what refers to them; big ones lie in the blob folder.
contents = table(
    "contents",
    tenant(primary_key=True),
    Column("sha256", LargeBinary, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("body", LargeBinary),
    Column("used_at", Moment, nullable=False),
)

jobs = table(
    "jobs",
    Column("id", Name, primary_key=True),
    tenant(),
    Column("index_id", BigInteger, nullable=False),
    Column("index_name", Text, nullable=False),
    Column("owner", Text, nullable=False),  # the subject that asked for it, who may look at it
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("error", JSON(none_as_null=True)),
    Column("created_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Index("jobs_by_tenant", "tenant", "id"),
    Index("jobs_by_index", "tenant", "index_id"),
)

items = table(
    "items",
    Column("id", BigId, primary_key=True, autoincrement=True),
    tenant(),
    Column("job_id", Text, nullable=False),
    Column("index_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("document_id", Text, nullable=False),
    Column("number", BigInteger),
    Column("state", Text, nullable=False),
    Column("outcome", Text),
    Column("code", Text),
    Column("detail", Text),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("owner", Text),
    Column("lease_until", Moment),
    Column("content_sha256", LargeBinary),
    Column("size", BigInteger, nullable=False, server_default=text("0")),
    Column("payload", JSON, nullable=False),
    Column("version", Integer),
    Column("revision", Integer),
    Column("chunks", Integer),
    Column("offset", BigInteger),
    Column("queued_at", Moment, nullable=False),
    Index("items_by_job", "tenant", "job_id", "id"),
    Index("items_by_document", "tenant", "index_id", "document_id"),
    # No partial indexes: SQLite cannot tell from a bound parameter that their condition holds, and scans instead.
    Index("items_to_claim", "state", "lane", "id"),
    Index("items_by_state", "job_id", "state"),
    Index("items_by_content", "tenant", "content_sha256"),
    autoincrement=True,
)

# What happened to what is searchable, in commit order: `op` publish or retract of one subject (a document, a message, a fact, a
# summary; which kind is its index's). Its rows have the keys block << CHUNK_ORDINAL_BITS | 0 … rows - 1.
changes = table(
    "changes",
    tenant(primary_key=True),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("token", Text, nullable=False),
    Column("index_id", BigInteger, nullable=False),
    Column("op", Text, nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("block", BigInteger, nullable=False),  # a document's version, a memory's subject_id * 4 + type
    Column("rows", Integer, nullable=False),
    Column("fresh", Boolean, nullable=False, server_default=text("false")),  # nothing of the subject was searchable before
    Column("owner", Text),  # whose memory it is; None for documents
    Column("at", Moment, nullable=False),
    Index("changes_by_index", "tenant", "index_id", "offset"),
)

# How far each data folder's engine has durably come, so that nobody trims what another still needs.
watermarks = table(
    "watermarks",
    tenant(primary_key=True),
    Column("engine", Text, primary_key=True),
    Column("offset", BigInteger, nullable=False),
    Column("at", Moment, nullable=False),
)

idempotency = table(
    "idempotency",
    tenant(primary_key=True),
    Column("key_id", Text, primary_key=True),
    Column("route", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("owner", Text),  # for whom the caller acted: an erasure takes the answers along
    Column("status", Integer),  # HTTP's; None of answers from before it was kept
    Index("idempotency_by_age", "created_at"),
)
