"""The errors of requests become ours, with a reason in a few words."""

from __future__ import annotations

import socket

import pytest

from acpublish.errors import (
    UnreachableError,
)
from tests.unit.client.asking import body_of, transport
from tests.unit.client.scripted import head, scripted


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UnreachableError) as caught:
        transport(f"http://127.0.0.1:{port}").exchange("GET", "/x", body_of)
    assert str(caught.value) == (
        f"http://127.0.0.1:{port} cannot be reached: connection refused. "
        "Check the address, the network, and that the server is running."
    )


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(UnreachableError, match="cannot be reached"):
        transport("http://no-such-host.invalid").exchange("GET", "/x", body_of)


def test_what_answers_is_no_http_server() -> None:
    with scripted([b"SSH-2.0-OpenSSH_9.9\r\n"]) as server, pytest.raises(UnreachableError):
        transport(server.url).exchange("GET", "/x", body_of)


def test_https_where_http_is_spoken() -> None:
    with scripted([head()]) as server:
        tls = transport(server.url.replace("http:", "https:"), timeout_s=0.3)
        with pytest.raises(UnreachableError) as caught:
            tls.exchange("GET", "/x", body_of)
    assert "Traceback" not in str(caught.value)
