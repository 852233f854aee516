"""What other readers of HTTP say about a head that ours accepts.

h11, which is strict, and llhttp, which gets what is handed over, must find the end of the head
where ours does, and a body of the same length. The target is replaced by a plain one first, because
ours reads some on purpose that others refuse. A head that is remembered must be what is read anew.
"""

from __future__ import annotations

import contextlib
import re

import h11
import httptools

from acpublish.server.handover import without_upgrade
from acpublish.server.request_head import (
    BadRequestError,
    RequestHead,
    RequestHeads,
    TooLongError,
    head_end,
    read_head,
)

#: Longer bodies are only begun.
_MAX_BODY = 4096
_MAX_HEADS = 4
_NEXT = b"GET"
_OWN = re.compile(rb"(-MAC: |-Chip-ID: )[0-9A-Fa-f:]{1,17}\r")


def check(data: bytes) -> int:
    """Reads the heads of a stream, and asks the other readers about each.

    Returns:
        How many heads were accepted.

    Raises:
        AssertionError: Another reader disagrees.
    """
    begin = 0
    for count in range(_MAX_HEADS):
        while data.startswith(b"\r\n", begin):
            begin += 2
        try:
            end = head_end(data, begin)
            if end is None:
                return count
            raw = data[begin:end]
            head = read_head(raw)
        except (BadRequestError, TooLongError):
            return count
        _agree(raw, head)
        if head.body_bytes is None:
            return count + 1
        begin = end + head.body_bytes
    return _MAX_HEADS


def _agree(raw: bytes, head: RequestHead) -> None:
    line, _, rest = raw.partition(b"\r\n")
    method, version = head.method.encode(), line[-8:]
    # h11 requires a Host, as HTTP/1.1 does; it has no part in framing.
    host = b"" if b"host" in dict(head.headers) else b"Host: h\r\n"
    plain = method + b" / " + version + b"\r\n" + host + rest
    size = head.body_bytes
    body = b"0\r\n\r\n" if size is None else b"x" * min(size, _MAX_BODY)
    whole = size is None or size <= _MAX_BODY
    _ask_h11(plain, body, whole, raw)
    if head.clean:
        _ask_llhttp(without_upgrade(raw), body, whole)
    _ask_llhttp(without_upgrade(plain), body, whole)


def check_remembered(data: bytes) -> None:
    """Looks the first head up after remembering it, as it is and as another device sends it.

    Raises:
        AssertionError: What was remembered is not what is read anew.
    """
    try:
        end = head_end(data)
        raw = data[:end]
        head = read_head(raw) if end else None
    except (BadRequestError, TooLongError):
        return
    if head is None or head.body_bytes != 0:
        return
    heads = RequestHeads()
    heads.remember(raw, head)
    for again in (raw, _OWN.sub(rb"\g<1>0A:0b:C\r", raw)):
        known = heads.known(again)
        if known is not None:
            common, own = known
            anew = read_head(again)
            for name in ("method", "target", "path", "query", "closes", "body_bytes", "clean"):
                assert getattr(common, name) == getattr(anew, name), (f"another {name}", again)
            assert common.report_of(own) == anew.report, ("another report", again)
            kept = {name for name, _ in common.headers}
            rest = [(name, value) for name, value in anew.headers if name in kept]
            assert common.headers == rest, ("other headers", again)


def _ask_h11(plain: bytes, body: bytes, whole: bool, raw: bytes) -> None:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    try:
        connection.receive_data(plain)
        request = connection.next_event()
        assert isinstance(request, h11.Request), ("h11 does not end the head", raw)
        assert connection.trailing_data[0] == b"", ("h11 ends the head earlier", raw)
        # What follows must be left over.
        connection.receive_data(body + _NEXT if whole else body)
        complete = _complete(connection)
    except h11.RemoteProtocolError as error:
        raise AssertionError(("h11 refuses", str(error), raw)) from error
    left = connection.trailing_data[0]
    assert (complete, left) == (whole, _NEXT * whole), ("h11 reads another length", raw)


def _complete(connection: h11.Connection) -> bool:
    while True:
        event = connection.next_event()
        if event in (h11.NEED_DATA, h11.PAUSED):
            return False
        if isinstance(event, h11.EndOfMessage):
            return True


class _Noted:
    """What llhttp has read."""

    def __init__(self) -> None:
        self.begun = self.heads = self.complete = 0

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_headers_complete(self) -> None:
        self.heads += 1

    def on_message_complete(self) -> None:
        self.complete += 1


def _ask_llhttp(raw: bytes, body: bytes, whole: bool) -> None:
    noted = _Noted()
    parser = httptools.HttpRequestParser(noted)
    # What it refuses is answered with 400.
    with contextlib.suppress(httptools.HttpParserError):
        _feed(parser, raw[:-1])
        assert noted.heads == 0, ("llhttp ends the head earlier", raw)
        _feed(parser, raw[-1:])
        assert noted.heads == 1, ("llhttp does not end the head", raw)
        if body:
            assert noted.complete == 0, ("llhttp sees no body", raw)
            _feed(parser, body[:-1])
            assert noted.complete == 0, ("llhttp ends the body earlier", raw)
            _feed(parser, body[-1:])
        assert noted.complete == int(whole), ("llhttp reads another length", raw)


def _feed(parser: httptools.HttpRequestParser, data: bytes) -> None:
    # It raises this at the end of a head, although uvicorn goes on.
    with contextlib.suppress(httptools.HttpParserUpgrade):
        parser.feed_data(data)
