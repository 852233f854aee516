"""The headers of image responses, and which part of an image a client requests, on what condition.

1. The head stays under 500 bytes, so that a device's first segment never ends just after it.
2. A part has no digests: they would be over different bytes.
3. The ETag is the SHA-256 of the whole representation: a gzip has its own. So whoever knows the
   digest of an image, as from its update manifest, can require exactly these bytes.
4. Conditions are judged in the order of RFC 9110, section 13.2.2. The decision about an updater
   comes before them, so If-None-Match counts only for other clients.
"""

from __future__ import annotations

import os
import re
from typing import Literal
from urllib.parse import quote

from acpublish.server.answer import Request
from acpublish.server.response_head import Headers
from acpublish.wire import MAX_IMAGE_HEADER_BYTES

#: Status line (200), Date, Connection and the empty line, which are added.
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
        sha256: The SHA-256 of the file, if it is known; also its ETag.
    """
    needed: Headers = [
        (b"content-type", b"application/octet-stream"),
        (b"content-length", b"%d" % size),
    ]
    if md5:
        needed.append((b"x-md5", md5.encode()))
    if sha256:
        needed.append((b"etag", etag(sha256)))
    digest = [(b"x-sha256", sha256.encode())] if sha256 else []
    ranges = [(b"accept-ranges", b"bytes")]
    full, plain = _dispositions(name)
    for shown, more in ((full, digest + ranges), (full, digest), (full, []), (plain, digest)):
        headers = [*needed, (b"content-disposition", shown), *more]
        if head_bytes(headers) < MAX_IMAGE_HEADER_BYTES:
            return headers
    return [*needed, (b"content-disposition", b"attachment"), *digest]


def etag(sha256: str) -> bytes:
    """Returns the strong ETag of the bytes that have a digest."""
    return b'"%s"' % sha256.encode()


def unmet_condition(request: Request, sha256: str | None) -> Literal[304, 412] | None:
    """Returns the status by which a request's condition ends it.

    Args:
        request: The request.
        sha256: The SHA-256 of what would be sent, if it is known.

    Returns:
        None if the file may be sent.
    """
    tag = etag(sha256) if sha256 else b""
    for key, value in request.headers:
        if key == b"if-match" and not _matches(value, tag):
            return 412
    for key, value in request.headers:
        # In a weak comparison, the mark of a weak tag does not count.
        if key == b"if-none-match" and _matches(value.replace(b"W/", b""), tag):
            return None if request.report.updater else 304
    return None


def _matches(value: bytes, tag: bytes) -> bool:
    # Our tags contain no comma, so the parts of one that does cannot be equal to one of them.
    tags = [part.strip() for part in value.split(b",")]
    return tags == [b"*"] or (tag != b"" and tag in tags)


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


def part_headers(first: int, size: int, file_bytes: int, sha256: str | None = None) -> Headers:
    """Returns the headers of a part.

    Args:
        first: The offset of its first byte.
        size: Its size, in bytes.
        file_bytes: The size of the whole file.
        sha256: The SHA-256 of the whole file, if it is known.
    """
    headers = [
        (b"content-type", b"application/octet-stream"),
        (b"content-length", b"%d" % size),
        (b"content-range", b"bytes %d-%d/%d" % (first, first + size - 1, file_bytes)),
    ]
    return [*headers, (b"etag", etag(sha256))] if sha256 else headers


def requested_range(
    request: Request, file_bytes: int, sha256: str | None = None
) -> tuple[int, int] | tuple[()] | None:
    """Returns the offset and the size of the one range that is requested.

    Args:
        request: The request.
        file_bytes: The size of the whole file.
        sha256: The SHA-256 of the whole file, if it is known.

    Returns:
        None for the whole file, which is also the response to several ranges, to one that is
        malformed (RFC 9110, section 14.2), and to one whose If-Range is not the file's ETag, such
        as a date; an empty tuple for a range outside the file.
    """
    value = request.header(b"range")
    if value is None:
        return None
    validator = request.header(b"if-range")
    if validator is not None and (sha256 is None or validator.strip() != etag(sha256)):
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
