"""The style sheets and scripts of the pages, each compressed once, and with its digest in the URL.

So a browser may keep them for ever, and a new version of the server has new addresses.
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent / "assets"
#: Below it, ``/DIGEST/NAME``.
PREFIX = "/_/assets"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_DIGITS = 12
_KEPT = "public, max-age=31536000, immutable"


class Asset(NamedTuple):
    """A file.

    Attributes:
        url: Its path on the server.
        media_type: Its media type.
        body: Its bytes.
        compressed: The same, as gzip.
    """

    url: str
    media_type: str
    body: bytes
    compressed: bytes


class AssetFiles:
    """All files, in memory."""

    def __init__(self) -> None:
        """Reads and compresses them."""
        self.files = {
            str(path.relative_to(FOLDER)): _read(path)
            for path in sorted(FOLDER.rglob("*"))
            if path.suffix in _TYPES
        }

    def url(self, name: str) -> str:
        """Returns the path of a file on the server.

        Raises:
            KeyError: There is no such file.
        """
        return self.files[name].url

    async def respond(self, request: Request) -> Response:
        """Responds with a file; one that an older version of the server had is not found."""
        asset = self.files.get(request.path_params["name"])
        if asset is None or asset.url != request.url.path:
            return Response("There is nothing at this address.\n", 404, media_type="text/plain")
        headers = {
            "cache-control": _KEPT,
            "vary": "Accept-Encoding",
            "x-content-type-options": "nosniff",
        }
        body = asset.body
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"], body = "gzip", asset.compressed
        return Response(body, media_type=asset.media_type, headers=headers)


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    digest = hashlib.sha256(body).hexdigest()[:_DIGITS]
    return Asset(
        url=f"{PREFIX}/{digest}/{path.relative_to(FOLDER)}",
        media_type=_TYPES[path.suffix],
        body=body,
        # Without a time, the same file has the same bytes.
        compressed=gzip.compress(body, 9, mtime=0),
    )
