"""Bodies of requests: when they are read, and what happens to those that never end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from acpublish.server.api import bodies
from tests.support.tokens import create_token
from tests.unit.server.api.requesting import Client


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


def test_a_body_is_read_only_when_the_token_may_change_something(client: Client) -> None:
    read: list[str] = []

    async def unread(path: str, token: str | None) -> tuple[int, str]:
        async def parts() -> AsyncIterator[bytes]:
            read.append(path)
            yield b"{"

        status, document, _ = await client.send(client.app(), path, None, token, parts())
        return status, document["hint"]

    tokens = {
        None: 401,
        "acp_wrong": 401,
        create_token(client.state, read=True): 403,
        create_token(client.state, "door"): 403,
    }
    for path in ("/products/lamp/changes", "/tokens", "/tokens/1234abcd/rotate"):
        for token, expected in tokens.items():
            status, hint = asyncio.run(unread(path, token))
            assert status == expected
            assert status == 401 or "--manage" in hint
    assert read == []


def test_a_slow_or_broken_body(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "READ_S", 0.1)

    async def drops() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.01)
            yield b" "

    async def leaves() -> AsyncIterator[bytes]:
        yield b"{"

    for parts, problem in ((drops(), "took too long"), (leaves(), "disconnected")):
        status, document, _ = client.change(None, parts=parts)
        assert status == 400
        assert problem in document["error"]
