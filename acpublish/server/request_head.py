"""The heads of requests: read strictly, and remembered for the devices that send them again.

Devices send targets without a leading slash, with raw spaces and raw UTF-8, which strict parsers
reject, so their request line is read as it is. Everything by which two readers could disagree about
where a request begins or ends (request smuggling) is rejected here, for all methods:

1. Lines end with CR LF; no control character is part of one; no line is folded (RFC 9112, 5.2).
2. A header's name is a token, directly followed by its colon (RFC 9112, section 5.1).
3. A body has one Content-Length of digits, or the coding ``chunked`` and nothing else; never both
   (RFC 9112, section 6.3). HTTP/1.0 has no codings. There is one Host at most (section 3.2).
4. CONNECT asks for a tunnel, in which some readers see no body but the next request.

All devices of a fleet send the same head but for what is their own: the MAC addresses and the chip
ID. So a head is read once for all of them (:class:`RequestHeads`), and what was decided about it is
remembered with it (:attr:`RequestHead.memo`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from acpublish.bounded import BoundedDict
from acpublish.server.bounds import MAX_HEAD_BYTES, MAX_HEADS, MAX_LINE_BYTES
from acpublish.server.response_head import HEAD_TOO_LONG, LINE_TOO_LONG, Headers
from acpublish.wire import Report, read_report

#: No upload is longer: more digits are an error, and no number to count with.
_LENGTH_DIGITS = 12
#: A longer head is read each time; one of a device has about 500 bytes.
_MAX_REMEMBERED_BYTES = 1024

_CR = 13
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_VALUE = rb"[^\x00-\x08\x0a-\x1f\x7f]*"
_LINE = re.compile(rb"(%s) ([^\x00-\x1f\x7f]*) HTTP/1\.([01])\r\n" % _TOKEN)
_FIELDS = re.compile(rb"(?:%s:%s\r\n)*\r\n" % (_TOKEN, _VALUE))
_FIELD = re.compile(rb"(%s):[ \t]*(%s)\r\n" % (_TOKEN, _VALUE))
_ABSOLUTE_FORM = re.compile(rb"https?://[^/?]*", re.IGNORECASE)
_CLEAN_TARGET = re.compile(rb"/[!-~]*\Z")
#: After these, other bytes than those of HTTP/1.1 may follow.
_LAST = {b"close", b"upgrade"}
#: What is a device's own; its header's name ends before it.
_OWN = re.compile(rb"(-MAC: |-Chip-ID: )([0-9A-Fa-f:]{1,17})\r")
#: Stands for what was cut out. It is in no valid head, so a head cannot look like a cut one.
_CUT = b"\0"


class BadRequestError(ValueError):
    """A head that is not HTTP, or that two readers could read differently."""


class TooLongError(ValueError):
    """A head that is too long.

    Attributes:
        response: What it is answered with.
    """

    def __init__(self, response: bytes) -> None:
        """Takes the response."""
        super().__init__("the head is too long")
        self.response = response


def head_end(data: bytes, begin: int = 0) -> int | None:
    """Returns where a head ends, None if it is not whole.

    Args:
        data: What arrived.
        begin: Where the head begins in it.

    Raises:
        TooLongError: It is too long.
        BadRequestError: Its first line does not end with CR LF.
    """
    line_end = data.find(b"\n", begin, begin + MAX_LINE_BYTES)
    if line_end < 0:
        if len(data) - begin >= MAX_LINE_BYTES:
            raise TooLongError(LINE_TOO_LONG)
        return None
    if line_end == begin or data[line_end - 1] != _CR:
        raise BadRequestError("a line does not end with CR LF")
    end = data.find(b"\r\n\r\n", line_end - 1, begin + MAX_HEAD_BYTES)
    if end < 0:
        if len(data) - begin >= MAX_HEAD_BYTES:
            raise TooLongError(HEAD_TOO_LONG)
        return None
    return end + 4


class Opened(NamedTuple):
    """The secret path in front of a target.

    Attributes:
        prefix: The path, as in ``/u/0123…``.
        digest: The SHA-256 of its digits, in hex.
    """

    prefix: bytes
    digest: str


class RequestHead:
    """A head, as the routes and the protocol need it.

    Attributes:
        method: The method.
        target: The target in origin form, as the client sent it.
        path: The part of the target before the first ``?``.
        query: The part after it.
        headers: Names in lower case, and values; without those that are a device's own, if the
            head is remembered.
        report: What the client sent about itself, likewise.
        closes: Whether the connection ends after the response.
        body_bytes: The length of the body, None for a chunked one.
        clean: Whether the target is one that every parser accepts.
        memo: What a route remembers about this head; it checks whether that still applies.
        opened: The secret path below which the target is, None if it is below none.
        route: What answers it, once that is known.
    """

    __slots__ = (
        *("body_bytes", "clean", "closes", "headers", "memo", "method", "path", "query", "report"),
        *("opened", "route", "target", "_common", "_own_at", "_own_count"),
    )

    def __init__(
        self,
        method: str,
        target: bytes,
        headers: Headers,
        *,
        closes: bool = True,
        body_bytes: int | None = 0,
    ) -> None:
        """Takes a head that was read already, for example by another protocol."""
        self.method = method
        self.target = target
        self.path, _, self.query = target.partition(b"?")
        self.headers = headers
        self.report = read_report(headers)
        self.closes = closes
        self.body_bytes = body_bytes
        self.clean = True
        self.memo: Any = None
        self.opened: Opened | None = None
        self.route: Any = None
        self._common: tuple[Any, ...] = ()
        #: Where the station's and the access point's MAC addresses are among a device's own values.
        self._own_at: tuple[int, int] = (-1, -1)
        self._own_count = 0

    def below(self, target: bytes, opened: Opened) -> RequestHead:
        """Returns the head of the same request for what a secret path leads to.

        Args:
            target: The target without that path.
            opened: That path.
        """
        head = RequestHead(
            self.method, target, self.headers, closes=self.closes, body_bytes=self.body_bytes
        )
        head.opened = opened
        return head

    def report_of(self, own: Sequence[bytes]) -> Report:
        """Returns the report of the device that sent this head with its own values."""
        station, access_point = self._own_at
        if station < 0 and access_point < 0:
            return self.report
        mac = own[station].decode() if station >= 0 else self.report.mac
        ap_mac = own[access_point].decode() if access_point >= 0 else self.report.ap_mac
        # What Report._make does, at a third of its cost.
        return tuple.__new__(Report, (*self._common, mac, ap_mac))

    def without_own(self, names: Sequence[bytes]) -> RequestHead | None:
        """Returns this head without a device's own headers.

        Args:
            names: The names of those headers in lower case, in their order.

        Returns:
            None if it cannot be told what they are: a name comes twice, or is not a device's.
        """
        all_names = [name for name, _ in self.headers]
        if any(all_names.count(name) != 1 for name in names):
            return None
        prefix = b"x-%s-" % (self.report.family or "").encode()
        if not all(name.startswith(prefix) for name in names):
            return None
        rest = [(name, value) for name, value in self.headers if name not in names]
        head = RequestHead(
            self.method, self.target, rest, closes=self.closes, body_bytes=self.body_bytes
        )
        head.clean = self.clean
        # Without the addresses, it must still be an updater of the same family.
        head.report = self.report._replace(mac=None, ap_mac=None)
        head._common = head.report[:-2]
        # What read_report does: the base address counts only without the station's.
        station, access_point = prefix + b"sta-mac", prefix + b"ap-mac"
        if station not in all_names:
            station = prefix + b"base-mac"
        # An address that counts and does not look like one would be lost with the others.
        if any(name in all_names and name not in names for name in (station, access_point)):
            return None
        at = {name: position for position, name in enumerate(names)}
        head._own_at = (at.get(station, -1), at.get(access_point, -1))
        head._own_count = len(names)
        return head


def read_head(data: bytes) -> RequestHead:
    """Reads a head.

    Args:
        data: All bytes up to and including the empty line.

    Raises:
        BadRequestError: It is not HTTP, or could be read in two ways.
    """
    line = _LINE.match(data)
    if line is None or not _FIELDS.fullmatch(data, line.end()):
        raise BadRequestError("the head is not HTTP")
    method, target, minor = line.groups()
    if method == b"CONNECT":
        # Some readers see no body in it, whatever its length (RFC 9110, section 9.3.6).
        raise BadRequestError("there are no tunnels")
    headers = [
        (name.lower(), value.rstrip(b" \t")) for name, value in _FIELD.findall(data, line.end())
    ]
    names = [name for name, _ in headers]
    if names.count(b"host") > 1:
        raise BadRequestError("there are two Hosts")
    absolute = _ABSOLUTE_FORM.match(target)
    if absolute:
        target = target[absolute.end() :]
    if not target.startswith(b"/"):
        target = b"/" + target
    head = RequestHead(
        method.decode("ascii"),
        target,
        headers,
        closes=minor == b"0" or _closes(headers),
        body_bytes=_body_bytes(headers, minor),
    )
    head.clean = not absolute and _CLEAN_TARGET.match(line[2]) is not None
    return head


def _closes(headers: Headers) -> bool:
    return any(
        name == b"connection"
        and not _LAST.isdisjoint(option.strip() for option in value.lower().split(b","))
        for name, value in headers
    )


def _body_bytes(headers: Headers, minor: bytes) -> int | None:
    """Returns the length of a body, None for a chunked one."""
    lengths = [value for name, value in headers if name == b"content-length"]
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    if codings:
        if lengths or minor == b"0" or len(codings) > 1 or codings[0].lower() != b"chunked":
            raise BadRequestError("the body's coding is not clear")
        return None
    if not lengths:
        return 0
    if len(lengths) > 1 or not lengths[0].isdigit() or len(lengths[0]) > _LENGTH_DIGITS:
        raise BadRequestError("the body's length is not clear")
    return int(lengths[0])


class RequestHeads:
    """The heads that were read last.

    When there are too many, all are forgotten: reading one again takes about as long as sending a
    response, and what strangers send cannot make that worse.
    """

    def __init__(self) -> None:
        self._heads: BoundedDict[bytes, RequestHead] = BoundedDict(MAX_HEADS)

    def known(self, data: bytes) -> tuple[RequestHead, Sequence[bytes]] | None:
        """Returns the head that bytes are, without reading them, and what is the device's own.

        Args:
            data: Any bytes that arrived.

        Returns:
            None unless they are one whole head, without a body, that was remembered.
        """
        if len(data) > _MAX_REMEMBERED_BYTES:
            return None
        parts = _OWN.split(data)
        own = parts[2::3]
        del parts[2::3]
        head = self._heads.get(_CUT.join(parts))
        return None if head is None or head._own_count != len(own) else (head, own)

    def remember(self, data: bytes, head: RequestHead) -> tuple[RequestHead, Sequence[bytes]]:
        """Remembers a head without a body, if it may come again.

        Args:
            data: Its bytes.
            head: What was read from them.

        Returns:
            The head to use, and what is the device's own.
        """
        if len(data) > _MAX_REMEMBERED_BYTES:
            return head, ()
        parts = _OWN.split(data)
        own = parts[2::3]
        names = [
            # What was cut ends a line that begins with the rest of the name.
            (rest.rpartition(b"\n")[2] + end[:-2]).lower()
            for rest, end in zip(parts[::3], parts[1::3], strict=False)
        ]
        common = head.without_own(names) if names else head
        if common is None:
            return head, ()
        del parts[2::3]
        self._heads[_CUT.join(parts)] = common
        return common, own
