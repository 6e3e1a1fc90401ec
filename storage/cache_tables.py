"""The tables of the cache: what was answered, what the answer rests on, what was judged of it, and who generates now.

A partition is a digest of everything that two questions must share before they are compared (cache/fingerprint.py). Digests are
SHA-256. Nothing here is searched by an engine, so nothing here takes an offset.
"""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Index, Integer, LargeBinary, Text, UniqueConstraint, text

from storage.columns import BigId, Moment, Name, table, tenant

# Only those that somebody set up; the others are as cache/types.py says.
cache_namespaces = table(
    "cache_namespaces",
    tenant(primary_key=True),
    Column("name", Name, primary_key=True),
    Column("mode", Text, nullable=False),  # off | shadow | verified | static
    Column("threshold", Float, nullable=False),
    Column("wrong_rate_max", Float, nullable=False),
    Column("ttl_s", BigInteger, nullable=False),
    Column("entries_max", BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

cache_entries = table(
    "cache_entries",
    Column("id", BigId, primary_key=True, autoincrement=True),
    tenant(),
    Column("namespace", Text, nullable=False),
    Column("partition", LargeBinary, nullable=False),
    Column("scope", Text, nullable=False),  # private | group | tenant
    Column("scope_id", Text, nullable=False),  # the user, the group, or '' for all of the tenant
    Column("owner", Text, nullable=False),  # who stored it
    Column("exact", LargeBinary, nullable=False),
    Column("normalized", LargeBinary, nullable=False),
    Column("text_digest", LargeBinary, nullable=False),  # of the folded question alone
    Column("query", Text, nullable=False),
    Column("response", JSON, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("model", Text, nullable=False),
    Column("vector_sha256", LargeBinary),  # None where the model was down: the exact tiers serve it
    Column("group_id", BigInteger),  # None is a group of its own, named by its id
    Column("placed", Boolean, nullable=False),  # its answer was compared with others
    Column("state", Text, nullable=False),  # active | quarantined | stale
    Column("cause", Text),  # why it is stale
    Column("false_hits", Integer, nullable=False, server_default=text("0")),
    Column("sources", Integer, nullable=False),
    Column("evidence", JSON(none_as_null=True)),  # what its question retrieved: [index, document, version], sorted
    Column("eyes", LargeBinary),  # under whose eyes it was retrieved
    Column("offset", BigInteger, nullable=False),  # at which that was last so
    Column("tokens", BigInteger, nullable=False),
    Column("usd", Float),
    Column("latency_ms", Float, nullable=False),
    Column("hits", BigInteger, nullable=False, server_default=text("0")),
    Column("used_at", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index("cache_entries_by_question", "tenant", "partition", "normalized"),
    Index("cache_entries_by_partition", "tenant", "partition", "id"),
    Index("cache_entries_by_namespace", "tenant", "namespace", "id"),
    Index("cache_entries_by_owner", "tenant", "owner", "id"),
    Index("cache_entries_by_text", "tenant", "text_digest"),
    Index("cache_entries_by_expiry", "expires_at"),
    Index("cache_entries_by_vector", "vector_sha256", "tenant"),
    autoincrement=True,
)

# What an answer rests on. `owner` is whose memory a message, fact or summary is; None for documents.
cache_sources = table(
    "cache_sources",
    tenant(primary_key=True),
    Column("entry_id", BigInteger, primary_key=True, autoincrement=False),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("type", Text, nullable=False),  # document | message | fact | summary
    Column("subject_id", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("owner", Text),
    Column("index_name", Text),
    Column("name", Text, nullable=False),  # the id as clients know it
    Index("cache_sources_by_subject", "tenant", "type", "subject_id"),
    Index("cache_sources_by_owner", "tenant", "owner"),
)

cache_tags = table(
    "cache_tags",
    tenant(primary_key=True),
    Column("tag", Name, primary_key=True),
    Column("entry_id", BigInteger, primary_key=True, autoincrement=False),
    Index("cache_tags_by_entry", "tenant", "entry_id"),
)

# Who generates the answer to a question now. Tokens of one question only grow while the row is kept; a lease names its end
# itself, so one of a time before that is refused without it.
cache_leases = table(
    "cache_leases",
    tenant(primary_key=True),
    Column("partition", LargeBinary, primary_key=True),
    Column("normalized", LargeBinary, primary_key=True),
    Column("token", BigInteger, nullable=False),
    Column("until", Moment, nullable=False),
    Index("cache_leases_by_end", "until"),
)

# One judged would-be hit. `mark` names what was judged, so that it is judged once; `features` None: of an exact hit.
cache_labels = table(
    "cache_labels",
    Column("id", BigId, primary_key=True, autoincrement=True),
    tenant(),
    Column("namespace", Text, nullable=False),
    Column("mark", LargeBinary, nullable=False),
    Column("entry_id", BigInteger, nullable=False),
    Column("features", JSON(none_as_null=True)),
    Column("wrong", Boolean, nullable=False),
    Column("kind", Text, nullable=False),  # judged | audited | feedback
    Column("at", Moment, nullable=False),
    UniqueConstraint("tenant", "mark", name="cache_labels_by_mark"),
    Index("cache_labels_by_namespace", "tenant", "namespace", "id"),
    autoincrement=True,
)

# The scores of lookups that had a candidate without a veto, under the weights of that name.
cache_scores = table(
    "cache_scores",
    Column("id", BigId, primary_key=True, autoincrement=True),
    tenant(),
    Column("namespace", Text, nullable=False),
    Column("weights", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("similarity", Float, nullable=False),
    Index("cache_scores_by_namespace", "tenant", "namespace", "id"),
    autoincrement=True,
)

cache_counters = table(
    "cache_counters",
    tenant(primary_key=True),
    Column("namespace", Name, primary_key=True),
    Column("name", Name, primary_key=True),
    Column("value", Float, nullable=False),
)

# What lookup ids and leases are signed with.
cache_secrets = table(
    "cache_secrets",
    tenant(primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
)
