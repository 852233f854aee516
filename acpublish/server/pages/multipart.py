"""The body of a form with files (``multipart/form-data``, RFC 7578), read as it arrives.

What a stranger can make it keep is bounded: the head of a part, the value of a field, and as many
bytes of a file as the server accepts. Whatever is more of a file is counted, but not kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from acpublish.errors import RequestError

KIND = "multipart/form-data"
#: The head of a part has three lines, of which a name may be long.
_MAX_HEAD_BYTES = 4096
_MAX_FIELD_BYTES = 4096
_MAX_BOUNDARY = 70
_BOUNDARY = re.compile(r';[ \t]*boundary=(?:"([^"\r\n]{1,80})"|([^\s;"]{1,80}))', re.IGNORECASE)
#: Browsers escape quotes in a name as ``%22`` (HTML Living Standard, section 4.10.21.8).
_PARAMETER = re.compile(rb';[ \t]*(name|filename)="([^"\r\n]*)"', re.IGNORECASE)
_DISPOSITION = b"content-disposition:"
_ESCAPES = ((b"%22", b'"'), (b"%0D", b"\r"), (b"%0A", b"\n"))


@dataclass(slots=True)
class SentPart:
    """A field of a form, or one of its files.

    Attributes:
        name: The name of the field.
        filename: The name of the file; None for a field that is not one.
        data: Its bytes, as far as they are kept.
        size: How many there are.
    """

    name: str
    filename: str | None
    data: bytearray = field(default_factory=bytearray)
    size: int = 0


class MultipartReader:
    """Reads one body."""

    def __init__(self, content_type: str, file_bytes: int) -> None:
        """Begins.

        Args:
            content_type: The header of the request.
            file_bytes: The most bytes of a file that are kept.

        Raises:
            RequestError: It is not such a form.
        """
        kind, semicolon, parameters = content_type.partition(";")
        found = _BOUNDARY.search(semicolon + parameters)
        boundary = (found[1] or found[2]) if found else ""
        if kind.strip().lower() != KIND or not boundary or len(boundary) > _MAX_BOUNDARY:
            raise _malformed()
        self._delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
        self._file_bytes = file_bytes
        # The first delimiter may be at the very beginning.
        self._waiting = bytearray(b"\r\n")
        self._part: SentPart | None = None
        self._in_head = self._ended = False

    def feed(self, data: bytes) -> list[SentPart]:
        """Takes the next bytes of the body, and returns the parts that are complete now.

        Raises:
            RequestError: It is not such a form.
        """
        self._waiting += data
        complete: list[SentPart] = []
        while not self._ended:
            before = len(self._waiting)
            if self._in_head:
                self._read_head()
            else:
                part = self._read_content()
                if part is not None:
                    complete.append(part)
            if len(self._waiting) == before:
                break
        if self._ended:
            # What follows the end means nothing (RFC 2046, section 5.1.1).
            self._waiting.clear()
        return complete

    def end(self) -> None:
        """Makes sure that the body is complete.

        Raises:
            RequestError: It is not.
        """
        if not self._ended:
            raise RequestError("the form is not complete", hint="Send it again.")

    def _read_head(self) -> None:
        if self._waiting.startswith(b"--"):
            self._ended = True
            return
        end = self._waiting.find(b"\r\n\r\n", 0, _MAX_HEAD_BYTES)
        if end < 0:
            if len(self._waiting) > _MAX_HEAD_BYTES:
                raise _malformed()
            return
        self._part = _part_of(bytes(self._waiting[:end]))
        del self._waiting[: end + 4]
        self._in_head = False

    def _read_content(self) -> SentPart | None:
        found = self._waiting.find(self._delimiter)
        # The beginning of a delimiter may be at the end of what has arrived.
        stop = found if found >= 0 else len(self._waiting) - len(self._delimiter)
        part = self._part
        if stop > 0:
            if part is not None:
                self._keep(part, stop)
            del self._waiting[:stop]
        if found < 0:
            return None
        del self._waiting[: len(self._delimiter)]
        self._in_head, self._part = True, None
        return part

    def _keep(self, part: SentPart, size: int) -> None:
        limit = _MAX_FIELD_BYTES if part.filename is None else self._file_bytes
        room = limit - len(part.data)
        if room > 0:
            part.data += self._waiting[: min(size, room)]
        part.size += size
        if part.filename is None and part.size > limit:
            raise RequestError("a field of the form is too long", hint="Send less.")


def _part_of(head: bytes) -> SentPart:
    """Reads the head of a part; its first line is what is left of the delimiter's."""
    for line in head.split(b"\r\n")[1:]:
        if line.lower().startswith(_DISPOSITION):
            values = {name.lower(): value for name, value in _PARAMETER.findall(line)}
            if b"name" in values:
                filename = values.get(b"filename")
                return SentPart(
                    _text(values[b"name"]), None if filename is None else _text(filename)
                )
    raise _malformed()


def _text(value: bytes) -> str:
    for escaped, plain in _ESCAPES:
        value = value.replace(escaped, plain)
    return value.decode("utf-8", "replace")


def _malformed() -> RequestError:
    return RequestError("this is not a form with files", hint="Use the form on the page.")
