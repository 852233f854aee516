"""The store of the fleet: what is known of devices and rollouts, in a database that survives.

It is loaded only by what uses it, because SQLAlchemy takes a while to load.
"""

from __future__ import annotations

from acpublish.errors import MissingExtraError

try:
    import sqlalchemy as _sqlalchemy  # noqa: F401
except ImportError as error:
    raise MissingExtraError(
        f"the fleet's store needs {error.name}, which is not installed",
        hint="Install it: pip install 'acpublish[server]'.",
    ) from error
