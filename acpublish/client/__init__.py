"""The Python client of an update server: ours, and any that speaks the original protocol.

Importing this package loads the standard library only; requests, which costs 150 ms, is loaded when
something is sent. :mod:`acpublish.client.remote` is the same server as a catalog of releases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from acpublish.lazy import lazily

if TYPE_CHECKING:
    from acpublish.client.listing import Entry
    from acpublish.client.update_server import UpdateServer
else:
    __getattr__ = lazily(
        __name__,
        listing="Entry",
        update_server="UpdateServer",
    )

__all__ = ["Entry", "UpdateServer"]
