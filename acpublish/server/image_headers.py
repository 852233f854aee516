"""The heads of image answers, and the part of an image that a client asks for.

1. The head stays under 500 bytes, so that a device's first segment never ends just behind it.
2. A part has no digests: they would be over other bytes.
"""

from __future__ import annotations

import os
import re
from urllib.parse import quote

from acpublish.server.http import Headers, Request
from acpublish.wire import MAX_IMAGE_HEADER_BYTES

__all__ = ["asked_range", "image_headers", "part_headers"]

#: Status line, Date, Connection and the empty line, which uvicorn adds.
_AROUND_BYTES = 17 + 37 + 19 + 2
_RANGE = re.compile(rb"bytes=(\d{0,18})-(\d{0,18})\Z")


def image_headers(
    name: str, size: int, md5: str | None = None, sha256: str | None = None
) -> Headers:
    """Returns the headers of a whole image; what is least needed goes when they get too long."""
    needed: Headers = [
        (b"content-type", b"application/octet-stream"),
        (b"content-length", b"%d" % size),
    ]
    if md5:
        needed.append((b"x-md5", md5.encode()))
    digest = [(b"x-sha256", sha256.encode())] if sha256 else []
    ranges = [(b"accept-ranges", b"bytes")]
    full, plain = _dispositions(name)
    for shown, more in ((full, digest + ranges), (full, digest), (full, []), (plain, digest)):
        headers = [*needed, (b"content-disposition", shown), *more]
        if _length(headers) < MAX_IMAGE_HEADER_BYTES:
            return headers
    return [*needed, (b"content-disposition", b"attachment"), *digest]


def _length(headers: Headers) -> int:
    return _AROUND_BYTES + sum(len(name) + len(value) + 4 for name, value in headers)


def _dispositions(name: str) -> tuple[bytes, bytes]:
    """Returns the file's name by RFC 6266: with ``filename*`` where it is needed, and without."""
    simple = re.sub(r"[^ !#-\[\]-~]", "_", name)
    plain = f'attachment; filename="{simple}"'.encode()
    if simple == name:
        return plain, plain
    extended = quote(os.fsencode(name), safe="")
    return plain + b"; filename*=UTF-8''" + extended.encode(), plain


def part_headers(start: int, size: int, whole: int) -> Headers:
    """Returns the headers of a part: where it starts, its bytes, and those of the whole image."""
    return [
        (b"content-type", b"application/octet-stream"),
        (b"content-length", b"%d" % size),
        (b"content-range", b"bytes %d-%d/%d" % (start, start + size - 1, whole)),
    ]


def asked_range(request: Request, size: int) -> tuple[int, int] | tuple[()] | None:
    """Returns start and size of the one range that is asked for.

    Returns:
        None for the whole file, which is also the answer to several ranges, to one that is not
        understood (RFC 9110, section 14.2), and to an If-Range, as there is no validator to
        compare; an empty tuple for a range that lies outside the file.
    """
    wanted = request.header(b"range")
    if wanted is None or request.header(b"if-range") is not None:
        return None
    found = _RANGE.match(wanted.strip())
    if not found or found.groups() == (b"", b""):
        return None
    first, last = found.groups()
    if not first:
        start, end = max(size - int(last), 0), size - 1
    else:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
        if last and int(last) < start:
            return None
    return (start, end - start + 1) if start <= end else ()
