"""The HTTP status of an answer kept under an Idempotency-Key: a replay tells 200 where the first answer did. Rows from before
have none, and answer with the usual one of their route."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("idempotency", sa.Column("status", sa.Integer))
