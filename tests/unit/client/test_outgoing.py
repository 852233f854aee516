"""What was sent is told block by block, and anew with each attempt."""

from __future__ import annotations

from acpublish.client.outgoing import Outgoing
from tests.unit.client.asking import body_of, transport
from tests.unit.client.scripted import head, json_answer, scripted

BODY = bytes(range(256)) * 1000


def test_a_block_counts_when_the_next_is_asked_for() -> None:
    told: list[tuple[int, int]] = []
    body = Outgoing(b"12345", lambda done, total: told.append((done, total)))
    assert [body.read(3), body.read(3), body.read(3)] == [b"123", b"45", b""]
    assert told == [(0, 5), (3, 5), (5, 5)]
    assert Outgoing(b"123").read() == b"123"


def test_each_attempt_is_told_from_the_start() -> None:
    told: list[int] = []
    with scripted([head("500 Oops")], json_answer("1")) as server:
        transport(server.url).exchange(
            "PUT", "/x", body_of, body=BODY, sent=lambda done, total: told.append(done)
        )
        assert server.requests[1].endswith(BODY)
    assert told.count(0) == 2
    second = told.index(0, 1)
    for attempt in (told[:second], told[second:]):
        assert attempt == sorted(attempt)
        assert attempt[-1] == len(BODY)
        assert len(attempt) > 3
