"""The options of the server, filled by whoever starts it."""

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
        bind: The address to listen at; None for the host's own, loopback where it has none.
        port: The port to listen at; 0 for a free one.
        log: The name of a level of :mod:`logging`, in either case.
        state: Where tokens are; None for the user's state folder.
        grace_s: How long running downloads may go on after the first signal.
        upload_bytes: The largest image that may be uploaded.
        cache_bytes: How much memory whole images may take.
    """

    catalog: Path
    bind: str | None = None
    port: int = DEFAULT_PORT
    log: str = "INFO"
    state: Path | None = None
    grace_s: float = DEFAULT_GRACE_S
    upload_bytes: int = MAX_IMAGE_BYTES
    cache_bytes: int = DEFAULT_CACHE_BYTES
