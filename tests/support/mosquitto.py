"""Debian's mosquitto as the broker, and a client that hears everything there."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from bench.peers import free_port, tool
from bench.report import Unavailable
from tests.support.server import PATIENCE_S

USER, PASSWORD = "acpublish", "s3cret/%?-of-the-broker"
#: Who else may sign in, with the same password.
OTHERS = ("homeassistant", "guest")
#: The same in a URL.
IN_URL = "acpublish:s3cret%2F%25%3F-of-the-broker"


class Broker:
    """A broker that needs a password, and forgets everything when it ends."""

    def __init__(self, folder: Path, rules: str = "") -> None:
        """Prepares to run.

        Args:
            folder: Where its files go.
            rules: Its access control, by default none.
        """
        try:
            self._program = tool("mosquitto", "mosquitto")
            passwords = tool("mosquitto_passwd", "mosquitto")
        except Unavailable as missing:
            pytest.skip(str(missing))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._config = folder / "mosquitto.conf"
        file = folder / "passwords"
        file.write_text("")
        for user in (USER, *OTHERS):
            subprocess.run([passwords, "-b", str(file), user, PASSWORD], check=True)
        file.chmod(0o644)
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\npassword_file {file}\nallow_anonymous false\n"
            "persistence false\nlog_dest none\nuser root\n"
        )
        if rules:
            (folder / "rules").write_text(rules)
            with self._config.open("a") as config:
                config.write(f"acl_file {folder / 'rules'}\n")

    @property
    def url(self) -> str:
        return f"mqtt://{IN_URL}@127.0.0.1:{self.port}/home"

    def start(self) -> None:
        self._process = subprocess.Popen([self._program, "-c", str(self._config)])

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE_S)
            self._process = None


@contextlib.contextmanager
def broker(folder: Path, rules: str = "") -> Iterator[Broker]:
    """Runs a broker."""
    own = Broker(folder, rules)
    own.start()
    try:
        yield own
    finally:
        own.stop()


class Hearing:
    """A client that hears everything."""

    def __init__(self, broker: Broker, user: str = USER) -> None:
        #: What the broker would give to a client that comes now, by topic.
        self.retained: dict[str, bytes] = {}
        #: All messages in their order.
        self.messages: list[tuple[str, bytes]] = []
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.username_pw_set(user, PASSWORD)
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message
        self._client.connect_async("127.0.0.1", broker.port)
        self._client.loop_start()
        assert self._ready.wait(PATIENCE_S)

    def _on_message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        self.messages.append((message.topic, message.payload))
        if message.payload:
            self.retained[message.topic] = message.payload
        else:
            self.retained.pop(message.topic, None)

    def json(self, topic: str) -> Any:
        """Returns the last message of a topic, None if there is none."""
        payload = self.retained.get(topic)
        return None if payload is None else json.loads(payload)

    def say(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Publishes a message, and waits until the broker has it."""
        self._client.publish(topic, payload, 1, retain).wait_for_publish(PATIENCE_S)

    def close(self) -> None:
        client = self._client
        client.disconnect()
        client.loop_stop()
        # It closes its last sockets when nothing refers to it any more.
        client.on_connect = client.on_subscribe = client.on_message = None
        del self._client


@contextlib.contextmanager
def hearing(broker: Broker, user: str = USER) -> Iterator[Hearing]:
    """Hears everything."""
    own = Hearing(broker, user)
    try:
        yield own
    finally:
        own.close()


def becomes(value: Callable[[], Any], wanted: Any) -> Any:
    """Waits until a value is as wanted, and returns what it is."""
    end = time.monotonic() + PATIENCE_S
    while value() != wanted and time.monotonic() < end:
        time.sleep(0.05)
    return value()
