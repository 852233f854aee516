"""Requests that two readers could read differently, made systematically.

Each case is what a client sends on one connection. Every target has a marker that says which case
it belongs to and which request it is meant to be: 0 and up for those in sight, :data:`HIDDEN` for
one that is a body to one reader and a request to another, :data:`LAST` for the one at the end,
which is answered only if the reader is still in step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

RECORDED = Path(__file__).resolve().parents[1] / "data" / "wire"
#: Where a way and a case put their own name, which is as long.
NAME = b"@@@@@@@"
HIDDEN, LAST = 5, 9


@dataclass(frozen=True, slots=True)
class Case:
    """What a client sends on a connection.

    Attributes:
        kind: Which group of cases it belongs to.
        data: What it sends.
        cut: After how many bytes it pauses; 0 for not at all.
        ends: Whether it ends its side immediately, because it has cut its last request.
        expects: Which requests must be read without a proxy; None if that is open.
    """

    kind: str
    data: bytes
    cut: int = 0
    ends: bool = False
    expects: tuple[int, ...] | None = None

    def parts(self, name: bytes) -> list[bytes]:
        """Returns what it sends at a time, with its name in it."""
        data = self.data.replace(NAME, name)
        return [data[: self.cut], data[self.cut :]] if self.cut else [data]


def marker(number: int) -> bytes:
    """Returns a target, or the end of one."""
    return b"/m/%s-%d" % (NAME, number)


def request(number: int, *lines: bytes, method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    """Returns the head of a request."""
    first = method + b" " + marker(number) + b" HTTP/" + version
    return b"\r\n".join((first, b"Host: h", *lines, b"", b""))


_HIDDEN = request(HIDDEN)
_LAST = request(LAST, b"Connection: close")


def cases() -> list[Case]:
    """Returns all cases, in an order that never changes."""
    groups = (framing, single_bytes, request_lines, heads, chunks, pipelines, recordings)
    return [case for group in groups for case in group()]


def _lengths(size: int) -> list[bytes]:
    """Returns lines that say, or seem to say, how long a body is."""
    digits = b"%d" % size
    values = (
        *(digits, b"0", b"%d" % (size + 1), b"%d" % (size - 1), b"00" + digits, b"+" + digits),
        *(b"-" + digits, b"-0", b"0x%x" % size, b"%so" % digits, digits + b".0", digits + b"e0"),
        *(digits + b" ", b"\t" + digits, digits + b"\t", b"", b" ", digits + b" 0"),
        *(digits + b"," + digits, digits + b", 0", digits + b",", digits + b";x", b'"5"'),
        *(b"9" * 12, b"9" * 13, b"9" * 20, b"18446744073709551616", b"1" * 400),
        *("٣".encode(), digits + b"\x0b", digits + b"\x00", digits[:1] + b"_" + digits[1:]),
    )
    length = b"Content-Length: "
    two = (digits, b"0", b"00" + digits)
    return [
        b"",
        *(length + value + b"\r\n" for value in values),
        *(length + digits + b"\r\n" + length + other + b"\r\n" for other in two),
        b"content-length:" + digits + b"\r\n",
        b"Content-Length : " + digits + b"\r\n",
        b" Content-Length: " + digits + b"\r\n",
        b"X: y\r\n Content-Length: " + digits + b"\r\n",
        b"X: y\nContent-Length: " + digits + b"\r\n",
        b"X: y\rContent-Length: " + digits + b"\r\n",
        b"Content-Length:\r\n " + digits + b"\r\n",
        b"Content_Length: " + digits + b"\r\n",
    ]


def _codings() -> list[bytes]:
    """Returns lines that say, or seem to say, that a body is chunked."""
    values = (
        *(b"chunked", b"CHUNKED", b"chunked ", b"\tchunked", b"\x0bchunked", b"chunked\x00"),
        *(b"chunked,", b",chunked", b"chunked, chunked", b"gzip, chunked", b"chunked, identity"),
        *(b"identity", b"xchunked", b"chunkedx", b"chunked;q=1", b'"chunked"', b"chunk", b""),
    )
    coding = b"Transfer-Encoding: "
    return [
        b"",
        *(coding + value + b"\r\n" for value in values),
        coding + b"chunked\r\n" + coding + b"identity\r\n",
        coding + b"identity\r\n" + coding + b"chunked\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer_Encoding: chunked\r\n",
        b"X: y\nTransfer-Encoding: chunked\r\n",
        b"X: y\rTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding\r: chunked\r\n",
        b"TE: chunked\r\nConnection: Transfer-Encoding\r\n",
    ]


def framing() -> Iterator[Case]:
    """All pairs of a length and a coding, with a body that hides a request from one of them."""
    ended = b"0\r\n\r\n" + _HIDDEN
    first = b"%x\r\n" % len(_HIDDEN)
    chunk = first + _HIDDEN + b"\r\n0\r\n\r\n"
    forms = (
        (b"POST", b"1.1", ended, len(ended)),
        (b"POST", b"1.1", chunk, len(first)),
        (b"GET", b"1.1", ended, len(ended)),
        (b"GET", b"1.1", chunk, len(first)),
        (b"POST", b"1.0", ended, len(ended)),
    )
    for method, version, body, size in forms:
        start = request(0, method=method, version=version)[:-2]
        for length in _lengths(size):
            for coding in _codings():
                yield Case("framing", start + length + coding + b"\r\n" + body + _LAST)


def single_bytes() -> Iterator[Case]:
    """Each byte at each place of a head that readers treat in a way of their own."""
    places = (
        *(b"", b"G", b"GET", b"GET ", b"GET %s" % marker(0), b"GET %s " % marker(0)),
        *(b"GET %s HTTP/" % marker(0), b"GET %s HTTP/1.1" % marker(0)),
        b"GET %s HTTP/1.1\r" % marker(0),
        *(request(0)[:-4].replace(b"Host: h", line) for line in (b"", b"H", b"Host", b"Host:")),
        *(request(0)[:-4], request(0)[:-3], request(0)[:-2], request(0)[:-1]),
    )
    whole = request(0)
    for start in places:
        for byte in range(256):
            data = start + bytes([byte]) + whole[len(start) :]
            yield Case("single bytes", data + _LAST)


def request_lines() -> Iterator[Case]:
    """Versions, separators, ends of lines, forms of targets, and what comes before a line."""
    whole, target = request(0), marker(0)
    versions = (
        *(b"HTTP/0.9", b"HTTP/1.2", b"HTTP/1.9", b"HTTP/2.0", b"HTTP/1.10", b"HTTP/01.1"),
        *(b"http/1.1", b"HTTP/1.", b"HTTP/.1", b"HTTP/1", b"HTTP/11", b"HTTP/1,1", b"HTTP/ 1.1"),
        *(b"HTP/1.1", b"HTTPS/1.1", b"HTTP/1.1 HTTP/1.1", b"HTTP/1.0 HTTP/1.1", b"HTTP/-1.1"),
        *(b"RTSP/1.0", b"ICY/1.0", b"", b"HTTP/1.1x", b"HTTP/3", b"HTTP/1.1\x00"),
    )
    for version in versions:
        yield Case("request lines", whole.replace(b"HTTP/1.1", version) + _LAST)
    for bare in (b"GET %s\r\n", b"GET %s\n", b"GET %s", b"GET %s \r\n", b"%s\r\n", b"GET  %s\r\n"):
        yield Case("request lines", bare % target + _LAST)
    for gap in (
        b"  ",
        b"\t",
        b" \t",
        b"\t ",
        b"   ",
        b"\x0b",
        b"\x0c",
        b"\r",
        b"\xa0",
        b"\xc2\x85",
    ):
        yield Case("request lines", whole.replace(b"GET ", b"GET" + gap) + _LAST)
        yield Case("request lines", whole.replace(b" HTTP", gap + b"HTTP") + _LAST)
    for end in (b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\r", b" \r\n", b"\x00\r\n", b"\n\n"):
        yield Case("request lines", whole.replace(b"\r\n", end, 1) + _LAST)
        yield Case("request lines", whole.replace(b"\r\n", end) + _LAST)
        yield Case("request lines", whole[:-2] + end + _LAST)
    for before in (
        b"\r\n",
        b"\r\n" * 5,
        b"\r\n" * 5000,
        b"\n",
        b"\n\n",
        b"\r",
        b" ",
        b"\0",
        b"\r\r\n",
    ):
        yield Case("request lines", before + whole + _LAST)
        yield Case("request lines", whole + before + _LAST)
    for form in (
        *(b"http://h%s", b"HTTP://h%s", b"https://h%s", b"http://other%s", b"http://h:80%s"),
        *(b"http://u@h%s", b"http://%s", b"ftp://h%s", b"h%s", b"/%s", b"*%s", b"?%s", b"#%s"),
        *(b"/x?%s", b"/x#%s", b"/a b%s", b"/%%00%s", b"/%%0d%%0a%s", b"/..%s", b"/x/..%s"),
        *(b"\\%s", b"/\xc3\xa4%s", b"/\xff%s", b'/<>"^`{}|%s', b"/x HTTP/1.1%s", b"h:80%s"),
        *(b"%s/" + b"x" * 4000, b"http://h?%s", b"http://h#%s", b"//h%s", b"///%s"),
    ):
        for method in (b"GET", b"POST", b"OPTIONS", b"CONNECT"):
            data = whole.replace(b"GET " + target, method + b" " + form % target)
            yield Case("request lines", data + _LAST)
    for method in (
        b"get",
        b"FOO",
        b"PRI",
        b"TRACE",
        b"M-SEARCH",
        b"G\x00T",
        b"G ET",
        b"",
        b"X" * 99,
    ):
        for more in (b"", b"Content-Length: %d\r\n" % len(_HIDDEN)):
            data = request(0, method=method)[:-2] + more + b"\r\n"
            yield Case("request lines", data + _HIDDEN * bool(more) + _LAST)


def heads() -> Iterator[Case]:
    """Folded lines, names that are empty or odd, two Hosts, upgrades, and heads that are long."""
    body = b"Content-Length: %d" % len(_HIDDEN)
    for line in (
        *(
            b" folded",
            b"\tfolded",
            b": empty",
            b":",
            b"noname",
            b"X",
            b"X :y",
            b"X\t: y",
            b"X y: z",
        ),
        *(
            b"Host: other",
            b"Host:",
            b"Host: h, other",
            b"Host: h/x",
            b"Host: h h",
            b"X: " + b"\x80" * 9,
        ),
        *(b"Expect: 100-continue", b"Expect: 200-ok", b"Connection: close, keep-alive"),
        *(b"Connection: keep-alive, close", b"Connection: Content-Length", b"Connection: Host"),
        *(b"Upgrade: websocket\r\nConnection: Upgrade", b"Upgrade: h2c\r\nConnection: Upgrade"),
        *(b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk",),
        *(b"Proxy-Connection: close", b"X-HTTP-Method-Override: PUT", b"Trailer: Content-Length"),
        *(
            b"X: " + b"y" * 7000,
            b"X: " + b"y" * 17000,
            b"\r\n".join([b"X: y"] * 90),
            b"Range: bytes=0-",
        ),
        *(
            b"\r\n".join([b"X: y"] * 2000),
            b"X: y\r\n\r",
            b"X: \r\n",
            b"X:\r",
            b"X: y\n",
            b"\x00: y",
        ),
    ):
        for method in (b"GET", b"POST", b"CONNECT", b"OPTIONS", b"HEAD"):
            for framed in ((line,), (line, body), (body, line)):
                data = request(0, *framed, method=method)
                yield Case("heads", data + _HIDDEN * (len(framed) - 1) + _LAST)


def chunks() -> Iterator[Case]:
    """Chunked bodies: extensions, trailers, sizes and line ends of every kind."""
    start = request(0, b"Transfer-Encoding: chunked", method=b"POST")
    size = b"%x" % len(_HIDDEN)
    sizes = (
        *(size, b"0" + size, b"0" * 30 + size, b"0x" + size, b"+" + size, b"-" + size, size + b" "),
        *(b" " + size, size + b"\t", size + b";x", size + b";x=y", size + b' ;x="y"', b"f" * 16),
        *(
            size + b';x="\r\n"',
            size + b";\n",
            size + b";" + b"x" * 5000,
            size + b"\x00",
            b"1" + b"0" * 16,
        ),
        *(
            size + b"\r",
            size + b"x",
            size.upper(),
            b"",
            b";x",
            b"fffffffffffffff" + size,
            size + b"\r\r",
        ),
    )
    lasts = (
        *(
            b"0\r\n\r\n",
            b"000\r\n\r\n",
            b"0;x=y\r\n\r\n",
            b"0\r\nX: y\r\n\r\n",
            b"0\n\n",
            b"0\r\n\n",
        ),
        *(
            b"0\r\nContent-Length: 9\r\n\r\n",
            b"0\r\n folded\r\n\r\n",
            b"0\r\nX : y\r\n\r\n",
            b"\r\n\r\n",
        ),
        *(
            b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"0\r\n\rX: y\r\n\r\n",
            b"0 \r\n\r\n",
            b"0x\r\n\r\n",
        ),
        *(b"0\r\nHost: other\r\n\r\n", b"0\r\nX: y\n\n", b"0\r\n" + b"X: y\r\n" * 500 + b"\r\n"),
    )
    for number, first in enumerate(sizes):
        for end in (b"\r\n", b"\n"):
            for after in (b"\r\n", b"\n", b"", b"xx"):
                data = start + first + end + _HIDDEN + after + b"0\r\n\r\n" + _LAST
                yield Case("chunks", data, 0 if number % 2 else len(start))
    for last in lasts:
        body = size + b"\r\n" + _HIDDEN + b"\r\n" + last
        yield Case("chunks", start + body + _LAST)
        # The response is out before the body ends.
        yield Case("chunks", start + body + _LAST, len(start))
        yield Case("chunks", start + last + _LAST)
        yield Case("chunks", start + body + _HIDDEN + _LAST)


def pipelines() -> Iterator[Case]:
    """Several requests at once, cut at every position, with bodies in between."""
    post = request(1, b"Content-Length: %d" % len(_HIDDEN), method=b"POST") + _HIDDEN
    chunked = request(2, b"Transfer-Encoding: chunked", method=b"POST") + b"3\r\nabc\r\n0\r\n\r\n"
    streams = (
        (request(0) + request(1) + _LAST, (0, 1, LAST)),
        (request(0) + post + _LAST, (0, 1, LAST)),
        # A connection ends with a chunked body.
        (post + chunked + _LAST, (1, 2)),
    )
    for stream, expects in streams:
        for cut in range(1, len(stream)):
            yield Case("pipelines", stream, cut, expects=expects)
    for count in (2, 5, 17, 40):
        for single, numbers in (
            (request(0), (0,)),
            (request(0, method=b"HEAD"), (0,)),
            (post, (1,)),
            (request(0) + post, (0, 1)),
        ):
            yield Case("pipelines", single * count + _LAST, expects=(*numbers * count, LAST))
        yield Case("pipelines", request(0) * count + request(1, version=b"1.0") + _HIDDEN)
        yield Case("pipelines", request(0, b"Connection: close") + _HIDDEN * count)


def recordings() -> Iterator[Case]:
    """Each recorded request, cut at every position: the rest comes late, never, or is another."""
    for raw in recorded():
        target = raw.split(b" HTTP/", 1)[0]
        marked = target + marker(0) + raw[len(target) :]
        yield Case("recordings", marked, expects=(0,))
        for cut in range(1, len(marked)):
            yield Case("recordings", marked, cut, expects=(0,))
            if cut % 2:
                yield Case("recordings", marked[:cut], ends=True, expects=())
            else:
                yield Case("recordings", marked[:cut] + _LAST)


def recorded() -> list[bytes]:
    """Returns the requests that real devices have sent."""
    return [path.read_bytes() for path in sorted(RECORDED.glob("*.http"))]
