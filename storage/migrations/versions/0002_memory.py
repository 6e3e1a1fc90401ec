"""Memory: sessions, messages, facts, summaries, and what of them is searchable. Changes speak of any subject now."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

MOMENT = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

SCOPED = (
    "entities",
    "entity_aliases",
    "erased_blocks",
    "erasures",
    "event_times",
    "fact_history",
    "fact_sources",
    "facts",
    "memory_rows",
    "mentions",
    "messages",
    "retention",
    "sessions",
    "summaries",
    "summary_sources",
    "tombstone_keys",
    "tombstones",
)


def upgrade() -> None:
    _subjects()
    _entities()
    _entity_aliases()
    _erased_blocks()
    _erasures()
    _event_times()
    _fact_history()
    _fact_sources()
    _facts()
    _memory_rows()
    _mentions()
    _messages()
    _retention()
    _sessions()
    _summaries()
    _summary_sources()
    _text_model_days()
    _tombstone_keys()
    _tombstones()
    if op.get_context().dialect.name == "postgresql":
        for table in SCOPED:
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(
                f"CREATE POLICY {table}_of_tenant ON {table} "
                "USING (tenant = current_setting('mnemic.tenant', true) OR current_setting('mnemic.tenant', true) = '*')"
            )


def _subjects() -> None:
    op.add_column("indexes", sa.Column("kind", sa.Text(), nullable=False, server_default=sa.text("'documents'")))
    op.add_column("tenant_heads", sa.Column("catalog", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    # Plain SQL: alembic would copy the whole table on SQLite.
    op.execute("ALTER TABLE changes RENAME COLUMN document_id TO subject_id")
    op.execute("ALTER TABLE changes RENAME COLUMN version_id TO block")
    op.execute('ALTER TABLE changes RENAME COLUMN chunks TO "rows"')
    op.add_column("changes", sa.Column("owner", sa.Text(), nullable=True))
    op.add_column("idempotency", sa.Column("owner", sa.Text(), nullable=True))
    op.add_column("changes", sa.Column("fresh", sa.Boolean(), nullable=False, server_default=sa.text("false")))


def _entities() -> None:
    op.create_table(
        "entities",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("entities_by_owner", "entities", ["tenant", "owner", "id"], unique=False)


def _entity_aliases() -> None:
    op.create_table(
        "entity_aliases",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "owner", "alias"),
    )
    op.create_index("entity_aliases_by_entity", "entity_aliases", ["tenant", "entity_id"], unique=False)


def _erased_blocks() -> None:
    op.create_table(
        "erased_blocks",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("erasure_id", sa.Text(), nullable=False),
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "erasure_id", "block"),
    )


def _erasures() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", NAME, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("receipt", sa.JSON(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("erasures_by_owner", "erasures", ["tenant", "owner"], unique=False)
    op.create_index("erasures_by_state", "erasures", ["state"], unique=False)


def _event_times() -> None:
    op.create_table(
        "event_times",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("start", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("start_at", MOMENT, nullable=False),
        sa.Column("end_at", MOMENT, nullable=False),
        sa.Column("grain", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "message_id", "start"),
    )


def _fact_history() -> None:
    op.create_table(
        "fact_history",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("fact_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("known_from", MOMENT, nullable=False),
        sa.Column("known_to", MOMENT, nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("op", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "fact_id", "revision"),
    )
    op.create_index("fact_history_by_owner", "fact_history", ["tenant", "owner", "known_to"], unique=False)


def _fact_sources() -> None:
    op.create_table(
        "fact_sources",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("fact_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source_type", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("start", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("stance", sa.Text(), nullable=False),
        sa.Column("trust", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "fact_id", "source_type", "source_id", "start"),
    )
    op.create_index("fact_sources_by_source", "fact_sources", ["tenant", "source_type", "source_id"], unique=False)


def _facts() -> None:
    op.create_table(
        "facts",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.Column("session_id", sa.BigInteger(), nullable=True),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("attribute", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("triple", NAME, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("polarity", sa.Boolean(), nullable=False),
        sa.Column("cardinality", sa.Text(), nullable=False),
        sa.Column("valid_from", MOMENT, nullable=True),
        sa.Column("valid_to", MOMENT, nullable=True),
        sa.Column("seen_at", MOMENT, nullable=True),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("known_from", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("superseded_by", sa.BigInteger(), nullable=True),
        sa.Column("proofs", sa.Integer(), nullable=False),
        sa.Column("trust", sa.Integer(), nullable=False),
        sa.Column("importance", sa.Float(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("facts_by_expiry", "facts", ["expires_at"], unique=False)
    op.create_index("facts_by_owner", "facts", ["tenant", "owner", "id"], unique=False)
    op.create_index("facts_by_slot", "facts", ["tenant", "owner", "entity", "attribute"], unique=False)
    op.create_index("facts_by_triple", "facts", ["tenant", "owner", "triple"], unique=False)


def _memory_rows() -> None:
    op.create_table(
        "memory_rows",
        sa.Column("key", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("seq_from", sa.BigInteger(), nullable=True),
        sa.Column("seq_to", sa.BigInteger(), nullable=True),
        sa.Column("start", sa.Integer(), nullable=True),
        sa.Column("end", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("tokens", sa.JSON(), nullable=False),
        sa.Column("occurred", sa.Float(), nullable=True),
        sa.Column("vector_sha256", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("memory_rows_by_owner", "memory_rows", ["tenant", "owner", "key"], unique=False)
    op.create_index("memory_rows_by_session", "memory_rows", ["tenant", "session_id", "seq_to"], unique=False)
    op.create_index("memory_rows_by_vector", "memory_rows", ["vector_sha256", "tenant"], unique=False)


def _mentions() -> None:
    op.create_table(
        "mentions",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entity_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "message_id", "entity_id"),
    )
    op.create_index("mentions_by_entity", "mentions", ["tenant", "entity_id", "message_id"], unique=False)


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("speaker", sa.Text(), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("occurred_at", MOMENT, nullable=True),
        sa.Column("occurred_kind", sa.Text(), nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("trust", sa.Integer(), nullable=False),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False, server_default=sa.text("1")),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant", "session_id", "client_id", name="messages_by_client_id"),
        sa.UniqueConstraint("tenant", "session_id", "seq", name="messages_by_seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("messages_by_owner", "messages", ["tenant", "owner", "id"], unique=False)


def _retention() -> None:
    op.create_table(
        "retention",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ttl_s", sa.BigInteger(), nullable=True),
        sa.Column("inactive_s", sa.BigInteger(), nullable=True),
        sa.Column("top_n", sa.Integer(), nullable=True),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "owner", "kind"),
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("external_id", NAME, nullable=False),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("ttl_s", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("head_seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("messages", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("tokens", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_occurred_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant", "owner", "external_id", name="sessions_by_external_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("sessions_by_expiry", "sessions", ["expires_at"], unique=False)


def _summaries() -> None:
    op.create_table(
        "summaries",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("session_id", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("seq_from", sa.BigInteger(), nullable=False),
        sa.Column("seq_to", sa.BigInteger(), nullable=False),
        sa.Column("sentences", sa.JSON(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("cover", sa.LargeBinary(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("summaries_by_session", "summaries", ["tenant", "session_id", "level", "seq_from"], unique=False)
    op.create_index("summaries_by_state", "summaries", ["state", "id"], unique=False)


def _summary_sources() -> None:
    op.create_table(
        "summary_sources",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("summary_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "summary_id", "message_id"),
    )
    op.create_index("summary_sources_by_message", "summary_sources", ["tenant", "message_id"], unique=False)


def _text_model_days() -> None:
    op.create_table(
        "text_model_days",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("usd", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("day"),
    )


def _tombstone_keys() -> None:
    op.create_table(
        "tombstone_keys",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "owner", "secret"),
    )


def _tombstones() -> None:
    op.create_table(
        "tombstones",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "owner", "scope", "digest"),
    )
