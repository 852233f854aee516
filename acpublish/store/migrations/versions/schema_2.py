"""A log of check-ins, which is written at once, and from time to time into their rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "check_in_log",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("check_ins", sa.Text, nullable=False),
    )
