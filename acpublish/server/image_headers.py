"""The headers of image responses, and the part of an image that a client requests.

1. The head stays under 500 bytes, so that a device's first segment never ends just after it.
2. A part has no digests: they would be over different bytes.
"""

from __future__ import annotations

import os
import re
from urllib.parse import quote

from acpublish.server.http import Headers, Request
from acpublish.wire import MAX_IMAGE_HEADER_BYTES

#: Status line (200), Date, Connection and the empty line, which uvicorn adds.
_ADDED_BYTES = 17 + 37 + 19 + 2
_RANGE = re.compile(rb"bytes=(\d{0,18})-(\d{0,18})\Z")


def image_headers(
    name: str, size: int, md5: str | None = None, sha256: str | None = None
) -> Headers:
    """Returns the headers of a whole image, without the least important ones if they are too long.

    Args:
        name: The file's name.
        size: The file's size, in bytes.
        md5: The MD5 of the file, if it is known.
        sha256: The SHA-256 of the file, if it is known.
    """
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
        if head_bytes(headers) < MAX_IMAGE_HEADER_BYTES:
            return headers
    return [*needed, (b"content-disposition", b"attachment"), *digest]


def head_bytes(headers: Headers) -> int:
    """Returns the size of the head that a device receives, which does not use keep-alive."""
    return _ADDED_BYTES + sum(len(name) + len(value) + 4 for name, value in headers)


def _dispositions(name: str) -> tuple[bytes, bytes]:
    """Returns the file's name by RFC 6266: with ``filename*`` if it is needed, and without."""
    simple = re.sub(r"[^ !#-\[\]-~]", "_", name)
    plain = f'attachment; filename="{simple}"'.encode()
    if simple == name:
        return plain, plain
    extended = quote(os.fsencode(name), safe="")
    return plain + b"; filename*=UTF-8''" + extended.encode(), plain


def part_headers(first: int, size: int, file_bytes: int) -> Headers:
    """Returns the headers of a part.

    Args:
        first: The offset of its first byte.
        size: Its size, in bytes.
        file_bytes: The size of the whole file.
    """
    return [
        (b"content-type", b"application/octet-stream"),
        (b"content-length", b"%d" % size),
        (b"content-range", b"bytes %d-%d/%d" % (first, first + size - 1, file_bytes)),
    ]


def requested_range(request: Request, file_bytes: int) -> tuple[int, int] | tuple[()] | None:
    """Returns the offset and the size of the one range that is requested.

    Returns:
        None for the whole file, which is also the response to several ranges, to one that is
        malformed (RFC 9110, section 14.2), and to an If-Range, because there is no validator to
        compare it with; an empty tuple for a range outside the file.
    """
    value = request.header(b"range")
    if value is None or request.header(b"if-range") is not None:
        return None
    match = _RANGE.match(value.strip())
    if not match or match.groups() == (b"", b""):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(file_bytes - int(last), 0), file_bytes - 1
    else:
        start, end = int(first), min(int(last), file_bytes - 1) if last else file_bytes - 1
        if last and int(last) < start:
            return None
    return (start, end - start + 1) if start <= end else ()
