"""The tables of the store, as they are now; how older ones become these is in the migrations.

1. All types exist in SQLite and in PostgreSQL alike, and nothing here is special to either.
2. Times and both clocks are in seconds, as in :mod:`acpublish.fleet`.
3. Small structures that no query needs are JSON in a text column. A list there is one of the named
   tuples of the fleet, which gain fields at their end only.
4. There are no foreign keys: devices are forgotten while rollouts that they took part in remain.
   The indexes find what belongs to such a device.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

#: The schema of this version of acpublish: the number of the last migration.
SCHEMA = 3
#: Where Alembic writes down which schema a store has, in the column ``version_num``.
VERSION_TABLE = "schema_version"

metadata = MetaData()

devices = Table(
    "devices",
    metadata,
    Column("id", String, primary_key=True),
    Column("product", String, nullable=False),
    Column("mac", String),
    Column("board", String, nullable=False),
    Column("channel", String, nullable=False),
    # What it last reported.
    Column("family", String),
    Column("updater", Boolean, nullable=False),
    Column("claims", String),
    Column("sketch_md5", String),
    Column("sketch_sha256", String),
    Column("sketch_size", BigInteger),
    Column("free_space", BigInteger),
    Column("chip_size", BigInteger),
    Column("sdk_version", String),
    Column("reported_mac", String),
    Column("ap_mac", String),
    # What follows from that, and when it was heard.
    Column("chip", String),
    Column("runs", String),
    Column("unverified", Boolean, nullable=False),
    Column("first_seen", Double, nullable=False),
    Column("first_heard", Double, nullable=False),
    # What people say.
    Column("name", String, nullable=False),
    Column("note", Text, nullable=False),
    Column("pin", String),
    Column("pin_order_back", Boolean, nullable=False),
    Column("hold", Boolean, nullable=False),
    # What it was offered, and what became of it.
    Column("story", Text),
    Column("obstacle", String, nullable=False),
)

#: What every check-in of a device changes.
check_ins = Table(
    "check_ins",
    metadata,
    Column("device_id", String, primary_key=True),
    Column("address", String),
    Column("address_heard", Double, nullable=False),
    Column("last_seen", Double, nullable=False),
    Column("last_heard", Double, nullable=False),
    Column("visit_heard", Double, nullable=False),
    Column("visits", BigInteger, nullable=False),
    Column("gaps", Text),
)

#: Check-ins that those rows may lack (:mod:`acpublish.store.check_in_log`).
check_in_log = Table(
    "check_in_log",
    metadata,
    Column("id", Integer, primary_key=True),
    # The values of rows of ``check_ins``. Instead of all its gaps, a device has the only one that
    # is new, or null if none is.
    Column("check_ins", Text, nullable=False),
)

marks = Table(
    "marks",
    metadata,
    Column("device_id", String, primary_key=True),
    # ``tag`` or ``group``.
    Column("kind", String, primary_key=True),
    Column("name", String, primary_key=True),
)

rollouts = Table(
    "rollouts",
    metadata,
    Column("id", String, primary_key=True),
    Column("product", String, nullable=False),
    Column("channel", String, nullable=False),
    Column("state", String, nullable=False),
    Column("started_at", Double, nullable=False),
    # When nothing of it mattered any more, by the wall clock; null before that.
    Column("ended_at", Double),
    # All of it, as Rollout.to_dict has it.
    Column("document", Text, nullable=False),
)

parts = Table(
    "parts",
    metadata,
    Column("rollout_id", String, primary_key=True),
    Column("device_id", String, primary_key=True),
    Column("board", String, nullable=False),
    Column("stage", Integer, nullable=False),
    Column("stage_heard", Double, nullable=False),
    Column("offered_at", Double),
    Column("delivered_at", Double),
    Column("address", String),
    Column("before_md5", String),
    Column("before_sha256", String),
    Column("before_claim", String),
    Column("firmware", Boolean, nullable=False),
    Column("outcome", String, nullable=False),
    Column("counts", Boolean, nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("back_at", Double),
    Column("returned", Boolean, nullable=False),
    Index("parts_of_device", "device_id"),
)

#: The devices that stages reach by number.
chosen = Table(
    "chosen",
    metadata,
    Column("rollout_id", String, primary_key=True),
    Column("device_id", String, primary_key=True),
    Column("stage", Integer, nullable=False),
    Index("chosen_of_device", "device_id"),
)

#: The devices that took the release before, which belong to the first stage.
added = Table(
    "added",
    metadata,
    Column("rollout_id", String, primary_key=True),
    Column("device_id", String, primary_key=True),
    Index("added_of_device", "device_id"),
)

#: The clock of listening: one row.
listening = Table(
    "listening",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("total_s", Double, nullable=False),
    Column("since", Double),
    # When the server last listened for certain.
    Column("known_at", Double, nullable=False),
)

#: How many devices ran which version, hour by hour (:mod:`acpublish.fleet.adoption_history`).
version_samples = Table(
    "version_samples",
    metadata,
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("counts", Text, nullable=False),
)
