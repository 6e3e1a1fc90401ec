"""Three tables of 0002 that nothing ever wrote to: times and entities of messages are read from the text when asked."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for table in ("event_times", "mentions", "retention"):
        op.drop_table(table)
