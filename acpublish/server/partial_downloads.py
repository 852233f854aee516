"""Downloads in parts from an address whose content changes, by clients that do not notice.

ESP-IDF's esp_https_ota can download an image in several requests, each for a range, and it can
continue a download after a restart. It sends neither If-Range nor If-Match by itself. If a release
is published in between, it would get parts of two images. So the server remembers with which image
the last download of an address began, and refuses to continue it with another one. esp_https_ota
then reports an error, and begins anew the next time.

A download is remembered for a day only. Otherwise a client that once downloaded an image, and that
now reads only the version in the middle of it, would be refused for ever.

Several devices behind one address are not told apart. Who must be sure sends If-Match, or requests
the file by its own name, which never changes.
"""

from __future__ import annotations

import re

from acpublish.bounded import SharedMemory
from acpublish.server.answer import Request

#: About 400 bytes each. Whoever is forgotten may continue.
_MAX_DOWNLOADS = 10_000
_REMEMBERED_S = 24 * 60 * 60
_FROM_THE_MIDDLE = re.compile(rb"bytes=(?:-|0*[1-9])")
_CONDITIONS = (b"if-range", b"if-match")


class PartialDownloads:
    """With which image the latest download of each client began."""

    def __init__(self) -> None:
        self._begun: SharedMemory[tuple[str, float]] = SharedMemory(_MAX_DOWNLOADS)

    def mixes(
        self,
        request: Request,
        product: str,
        board: str,
        channel: str,
        sha256: str | None,
        now: float,
    ) -> bool:
        """Returns whether a request would continue a download with another image.

        Args:
            request: The request; a download from the beginning of the image is remembered.
            product: The product.
            board: The board.
            channel: The channel.
            sha256: What the address leads to now.
            now: The time, in seconds since any moment.
        """
        if request.address is None or sha256 is None:
            return False
        key = (request.address, board, channel)
        value = request.header(b"range")
        if value is None or not _FROM_THE_MIDDLE.match(value.strip()):
            # HEAD downloads nothing: esp_https_ota also asks for the length before it continues.
            if request.method == "GET":
                self._begun.put(product, key, (sha256, now))
            return False
        if any(request.header(name) is not None for name in _CONDITIONS):
            return False
        begun = self._begun.get(product, key)
        return begun is not None and begun[0] != sha256 and now - begun[1] < _REMEMBERED_S
