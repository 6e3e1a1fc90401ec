"""The words of a document that a fact was cited from, as a digest."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("fact_sources", sa.Column("quote", sa.Text(), nullable=True))
