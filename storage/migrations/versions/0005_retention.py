"""What a tenant keeps how long, and what its rules have taken out so far."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

MOMENT = sa.DateTime(timezone=True)
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "retention_policies",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("owner", NAME, nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "owner"),
    )
    op.create_table(
        "retention_runs",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("removed", sa.JSON(), nullable=False),
        sa.Column("total", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("tenant"),
    )
    if op.get_context().dialect.name == "postgresql":
        for table in ("retention_policies", "retention_runs"):
            op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
            op.execute(
                f"CREATE POLICY {table}_of_tenant ON {table} "
                "USING (tenant = current_setting('mnemic.tenant', true) OR current_setting('mnemic.tenant', true) = '*')"
            )
