"""What a connection does while there is none; tests/integration/test_mqtt.py has a real broker."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from acpublish.notices import mqtt_link
from acpublish.notices.mqtt_address import MqttAddress
from acpublish.notices.mqtt_link import MqttLink

ADDRESS = MqttAddress(host="127.0.0.1", port=9, username="u", password="s3cret")


@pytest.fixture
def heard() -> list[tuple[str, bytes, bool]]:
    return []


@pytest.fixture
def link(heard: list[tuple[str, bytes, bool]]) -> Iterator[MqttLink]:
    own = MqttLink(ADDRESS, ["t"], lambda *message: heard.append(message), lambda: None)
    yield own
    # It closes its sockets when nothing refers to it any more.
    client = own._client
    client.on_connect = client.on_connect_fail = client.on_disconnect = client.on_message = None
    del client, own._client
    gc.collect()


def message(payload: bytes) -> Any:
    return SimpleNamespace(topic="t", payload=payload, retain=False)


def test_without_a_connection_nothing_is_kept(link: MqttLink) -> None:
    assert not link.is_connected
    assert not link.publish("t", b"x")
    assert not link._client._out_messages
    link.close()


def test_what_a_broker_sends_is_bounded(
    link: MqttLink, heard: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_link, "_MAX_PENDING", 3)

    async def main() -> None:
        link._loop = asyncio.get_running_loop()
        for number in range(10):
            link._on_message(link._client, None, message(b"%d" % number))
        link._on_message(link._client, None, message(b"x" * 100_000))
        await asyncio.sleep(0.01)
        # They were taken, so there is room again.
        link._on_message(link._client, None, message(b"later"))
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert [payload for _, payload, _ in heard] == [b"0", b"1", b"2", b"later"]


def test_a_broker_that_sends_nonsense_does_not_end_the_connection_for_good() -> None:
    """A topic that is not UTF-8, and the beginning of a packet of 200 MiB.

    The link listens to nothing, as that of a server without a fleet.
    """
    heard: list[bytes] = []

    def start(broker: socket.socket) -> socket.socket:
        connection, _ = broker.accept()
        connection.settimeout(20)
        assert connection.recv(1000)
        connection.sendall(b"\x20\x02\x00\x00")
        return connection

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as broker:
            broker.settimeout(20)
            address = MqttAddress(host="127.0.0.1", port=broker.getsockname()[1])
            link = MqttLink(address, [], lambda _, payload, __: heard.append(payload), list)
            link.start()
            try:
                with await asyncio.to_thread(start, broker) as connection:
                    connection.sendall(b"\x30\x05\x00\x02\xff\xffx" + b"\x30\x04\x00\x01tx")
                    while not heard:
                        await asyncio.sleep(0.01)
                    connection.sendall(b"\x31\x80\x80\x80\x64\x00\x01t" + bytes(1000))
                    (await asyncio.to_thread(start, broker)).close()
            finally:
                await asyncio.to_thread(link.close)

    asyncio.run(asyncio.wait_for(main(), 30))
    assert heard == [b"x"]


def test_an_outage_is_logged_once_and_without_the_password(
    link: MqttLink, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        link._on_connect_fail(link._client, None)
    # The client of a test before may still try to connect, in a thread of its own.
    own = [record for record in caplog.records if record.thread == threading.get_ident()]
    assert [record.getMessage() for record in own] == [
        "the MQTT broker mqtt://127.0.0.1:9 is away (there is no connection); it is tried again"
    ]


def test_the_log_says_why_there_is_no_connection(
    link: MqttLink, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    # In its thread as here, paho calls what notes a failure.
    link._client.connect_async("127.0.0.1", port)
    with pytest.raises(ConnectionRefusedError):
        link._client.loop_forever()
    assert ":9 is away (connection refused); it is tried again" in caplog.text
    link._fault = ""
    try:
        raise ssl.SSLEOFError(8, "EOF occurred in violation of protocol (_ssl.c:1006)")
    except ssl.SSLEOFError as error:
        link._on_connect_fail(link._client, error)
    assert ":9 is away (it does not respond with TLS); it is tried again" in caplog.text
