"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the tables."""
    _devices()
    _rollouts()
    op.create_table(
        "listening",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("total_s", sa.Double, nullable=False),
        sa.Column("since", sa.Double),
        sa.Column("known_at", sa.Double, nullable=False),
    )


def _devices() -> None:
    op.create_table(
        "devices",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("product", sa.String, nullable=False),
        sa.Column("mac", sa.String),
        sa.Column("board", sa.String, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("family", sa.String),
        sa.Column("updater", sa.Boolean, nullable=False),
        sa.Column("claims", sa.String),
        sa.Column("sketch_md5", sa.String),
        sa.Column("sketch_sha256", sa.String),
        sa.Column("sketch_size", sa.BigInteger),
        sa.Column("free_space", sa.BigInteger),
        sa.Column("chip_size", sa.BigInteger),
        sa.Column("sdk_version", sa.String),
        sa.Column("reported_mac", sa.String),
        sa.Column("ap_mac", sa.String),
        sa.Column("chip", sa.String),
        sa.Column("runs", sa.String),
        sa.Column("unverified", sa.Boolean, nullable=False),
        sa.Column("first_seen", sa.Double, nullable=False),
        sa.Column("first_heard", sa.Double, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("pin", sa.String),
        sa.Column("pin_order_back", sa.Boolean, nullable=False),
        sa.Column("hold", sa.Boolean, nullable=False),
        sa.Column("story", sa.Text),
        sa.Column("obstacle", sa.String, nullable=False),
    )
    op.create_table(
        "check_ins",
        sa.Column("device_id", sa.String, primary_key=True),
        sa.Column("address", sa.String),
        sa.Column("address_heard", sa.Double, nullable=False),
        sa.Column("last_seen", sa.Double, nullable=False),
        sa.Column("last_heard", sa.Double, nullable=False),
        sa.Column("visit_heard", sa.Double, nullable=False),
        sa.Column("visits", sa.BigInteger, nullable=False),
        sa.Column("gaps", sa.Text),
    )
    op.create_table(
        "marks",
        sa.Column("device_id", sa.String, primary_key=True),
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
    )


def _rollouts() -> None:
    op.create_table(
        "rollouts",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("product", sa.String, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_table(
        "parts",
        sa.Column("rollout_id", sa.String, primary_key=True),
        sa.Column("device_id", sa.String, primary_key=True),
        sa.Column("board", sa.String, nullable=False),
        sa.Column("stage", sa.Integer, nullable=False),
        sa.Column("stage_heard", sa.Double, nullable=False),
        sa.Column("offered_at", sa.Double),
        sa.Column("delivered_at", sa.Double),
        sa.Column("address", sa.String),
        sa.Column("before_md5", sa.String),
        sa.Column("before_sha256", sa.String),
        sa.Column("before_claim", sa.String),
        sa.Column("firmware", sa.Boolean, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("counts", sa.Boolean, nullable=False),
        sa.Column("verified", sa.Boolean, nullable=False),
        sa.Column("back_at", sa.Double),
        sa.Column("returned", sa.Boolean, nullable=False),
    )
    op.create_table(
        "chosen",
        sa.Column("rollout_id", sa.String, primary_key=True),
        sa.Column("device_id", sa.String, primary_key=True),
        sa.Column("stage", sa.Integer, nullable=False),
    )
    op.create_table(
        "added",
        sa.Column("rollout_id", sa.String, primary_key=True),
        sa.Column("device_id", sa.String, primary_key=True),
    )
    for name in ("parts", "chosen", "added"):
        op.create_index(f"{name}_of_device", name, ["device_id"])
