"""What has arrived and has not been read."""

from __future__ import annotations

import pytest

from acpublish.server.incoming import Incoming
from acpublish.server.request_head import BadRequestError

ONE = b"GET /1 HTTP/1.0\r\n\r\n"
TWO = b"GET /2 HTTP/1.0\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("cut", range(len(ONE + TWO) + 1))
def test_heads_are_read_wherever_they_are_cut(cut: int) -> None:
    incoming, targets = Incoming(), []
    for part in ((ONE + TWO)[:cut], (ONE + TWO)[cut:]):
        incoming.add(part)
        while (read := incoming.next_head()) is not None:
            targets.append((read[0], read[1].target))
    assert targets == [(ONE, b"/1"), (TWO, b"/2")]
    assert len(incoming) == 0


def test_empty_lines_before_a_head_do_not_count() -> None:
    incoming = Incoming()
    incoming.add(b"\r\n\r\n")
    assert incoming.next_head() is None
    assert len(incoming) == 0
    incoming.add(b"\r\n" + ONE)
    read = incoming.next_head()
    assert read is not None
    assert read[0] == ONE


def test_what_was_not_read_can_be_taken() -> None:
    incoming = Incoming()
    incoming.add(ONE + b"rest")
    incoming.next_head()
    assert incoming.beginning(2) == b"re"
    assert incoming.take() == b"rest"
    assert (incoming.data, len(incoming)) == (b"", 0)


def test_what_cannot_be_read_stays_for_the_log() -> None:
    incoming = Incoming()
    incoming.add(b"PROXY TCP4 1 2 3 4\r\n\r\n")
    with pytest.raises(BadRequestError):
        incoming.next_head()
    assert incoming.beginning(6) == b"PROXY "
