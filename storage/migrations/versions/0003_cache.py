"""The cache: namespaces, entries with their sources and tags, leases, labels, scores, counters."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

MOMENT = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

SCOPED = (
    "cache_counters",
    "cache_entries",
    "cache_labels",
    "cache_leases",
    "cache_namespaces",
    "cache_scores",
    "cache_secrets",
    "cache_sources",
    "cache_tags",
)


def upgrade() -> None:
    _counters()
    _entries()
    _labels()
    _leases()
    _namespaces()
    _scores()
    _secrets()
    _sources()
    _tags()
    if op.get_context().dialect.name == "postgresql":
        for table in SCOPED:
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(
                f"CREATE POLICY {table}_of_tenant ON {table} "
                "USING (tenant = current_setting('mnemic.tenant', true) OR current_setting('mnemic.tenant', true) = '*')"
            )


def _counters() -> None:
    op.create_table(
        "cache_counters",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("namespace", NAME, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "namespace", "name"),
    )


def _entries() -> None:
    op.create_table(
        "cache_entries",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("partition", sa.LargeBinary(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("scope_id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("exact", sa.LargeBinary(), nullable=False),
        sa.Column("normalized", sa.LargeBinary(), nullable=False),
        sa.Column("text_digest", sa.LargeBinary(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("response", sa.JSON(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("vector_sha256", sa.LargeBinary(), nullable=True),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("placed", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("false_hits", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("sources", sa.Integer(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=True),
        sa.Column("eyes", sa.LargeBinary(), nullable=True),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("usd", sa.Float(), nullable=True),
        sa.Column("latency_ms", sa.Float(), nullable=False),
        sa.Column("hits", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("used_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("cache_entries_by_expiry", "cache_entries", ["expires_at"], unique=False)
    op.create_index("cache_entries_by_namespace", "cache_entries", ["tenant", "namespace", "id"], unique=False)
    op.create_index("cache_entries_by_owner", "cache_entries", ["tenant", "owner", "id"], unique=False)
    op.create_index("cache_entries_by_partition", "cache_entries", ["tenant", "partition", "id"], unique=False)
    op.create_index("cache_entries_by_question", "cache_entries", ["tenant", "partition", "normalized"], unique=False)
    op.create_index("cache_entries_by_text", "cache_entries", ["tenant", "text_digest"], unique=False)
    op.create_index("cache_entries_by_vector", "cache_entries", ["vector_sha256", "tenant"], unique=False)


def _labels() -> None:
    op.create_table(
        "cache_labels",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("mark", sa.LargeBinary(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("features", sa.JSON(), nullable=True),
        sa.Column("wrong", sa.Boolean(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant", "mark", name="cache_labels_by_mark"),
        sqlite_autoincrement=True,
    )
    op.create_index("cache_labels_by_namespace", "cache_labels", ["tenant", "namespace", "id"], unique=False)


def _leases() -> None:
    op.create_table(
        "cache_leases",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("partition", sa.LargeBinary(), nullable=False),
        sa.Column("normalized", sa.LargeBinary(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "partition", "normalized"),
    )
    op.create_index("cache_leases_by_end", "cache_leases", ["until"], unique=False)


def _namespaces() -> None:
    op.create_table(
        "cache_namespaces",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("wrong_rate_max", sa.Float(), nullable=False),
        sa.Column("ttl_s", sa.BigInteger(), nullable=False),
        sa.Column("entries_max", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name"),
    )


def _scores() -> None:
    op.create_table(
        "cache_scores",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("weights", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("similarity", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("cache_scores_by_namespace", "cache_scores", ["tenant", "namespace", "id"], unique=False)


def _secrets() -> None:
    op.create_table(
        "cache_secrets",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("tenant"),
    )


def _sources() -> None:
    op.create_table(
        "cache_sources",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("index_name", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "entry_id", "ordinal"),
    )
    op.create_index("cache_sources_by_owner", "cache_sources", ["tenant", "owner"], unique=False)
    op.create_index("cache_sources_by_subject", "cache_sources", ["tenant", "type", "subject_id"], unique=False)


def _tags() -> None:
    op.create_table(
        "cache_tags",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("tag", NAME, nullable=False),
        sa.Column("entry_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "tag", "entry_id"),
    )
    op.create_index("cache_tags_by_entry", "cache_tags", ["tenant", "entry_id"], unique=False)
