"""The options of the server, filled in by its caller."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from acpublish.wire import MAX_IMAGE_BYTES

DEFAULT_PORT = 8000
DEFAULT_GRACE_S = 30.0
DEFAULT_CACHE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How to serve a catalog.

    Attributes:
        catalog: The catalog's directory.
        bind: The address to listen on; None for the host's own, or loopback if it has none.
        hosts: Further names and addresses of the server (:mod:`acpublish.server.hosts`).
        port: The port to listen on; 0 for a free one.
        log: The name of a level of :mod:`logging`, in either case.
        state: Where tokens are; None for the user's state folder.
        grace_s: How long downloads in progress may go on after the first signal, in seconds.
        upload_bytes: The size of the largest image that may be uploaded.
        cache_bytes: How much memory cached images may take.
    """

    catalog: Path
    bind: str | None = None
    hosts: tuple[str, ...] = ()
    port: int = DEFAULT_PORT
    log: str = "INFO"
    state: Path | None = None
    grace_s: float = DEFAULT_GRACE_S
    upload_bytes: int = MAX_IMAGE_BYTES
    cache_bytes: int = DEFAULT_CACHE_BYTES
