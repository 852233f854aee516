"""A connection to an MQTT broker, in a thread of its own: it never holds up whoever publishes.

1. A broker that is away is tried again after 1 s, and then after twice as long, up to a minute.
2. What cannot be sent now is refused, so nothing piles up here: who publishes sends it later. What
   was sent and is not confirmed yet is limited.
3. While the server is there its topic ``status`` is ``online``; the broker itself makes that
   ``offline`` when the connection breaks (the last will, MQTT 3.1.1, section 3.1.2.5).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from acpublish.client.tls_faults import tls_fault
from acpublish.errors import MissingExtraError, reason_of
from acpublish.notices.mqtt_address import MqttAddress
from acpublish.wire import authority_of

try:
    from paho.mqtt.client import Client, MQTTMessage
    from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
except ImportError as error:
    raise MissingExtraError(
        "MQTT needs paho-mqtt, which is not installed",
        hint="Install it: pip install 'acpublish[mqtt]'.",
    ) from error

_log = logging.getLogger("acpublish.mqtt")

ONLINE, OFFLINE = b"online", b"offline"
#: Messages that the broker has not confirmed: a broker that does not answer gets no more.
_MAX_QUEUED = 1000
_MAX_IN_FLIGHT = 20
#: Messages from the broker that wait for the event loop; any others are dropped.
_MAX_PENDING = 10_000
_MAX_PAYLOAD_BYTES = 16 * 1024
#: A connection on which somebody sends more ends: MQTT allows 256 MiB, all of it in memory.
_MAX_PACKET_BYTES = 1024 * 1024
_AGAIN_S = (1, 60)
#: How long the broker has to answer, in seconds, while a connection begins and while it is idle.
_CONNECT_S = 5.0
_KEEP_ALIVE_S = 30
#: How long the end of the server waits for its last word.
_LAST_WORD_S = 1.0

#: Called in the event loop with the topic, the payload, and whether the broker had retained it.
Heard = Callable[[str, bytes, bool], None]


class _Client(Client):
    def _sock_recv(self, bufsize: int) -> bytes:
        """Reads a packet, of which this many bytes are still to come."""
        if bufsize > _MAX_PACKET_BYTES:
            raise ConnectionError(f"a packet has {bufsize} bytes")
        return super()._sock_recv(bufsize)


class MqttLink:
    """A connection that comes back by itself."""

    def __init__(
        self,
        address: MqttAddress,
        topics: Sequence[str],
        heard: Heard,
        connected: Callable[[], None],
    ) -> None:
        """Prepares to connect.

        Args:
            address: The broker.
            topics: The topics to listen to.
            heard: Called with each of their messages.
            connected: Called in the event loop after each new connection.
        """
        self._address = address
        self._topics = [(topic, 1) for topic in topics]
        self._heard = heard
        self._connected = connected
        self._status = f"{address.prefix}/status"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pending = 0
        #: Two threads count what is pending.
        self._counting = threading.Lock()
        self._fault = ""
        client = self._client = _Client(CallbackAPIVersion.VERSION2, clean_session=True)
        if address.username is not None:
            client.username_pw_set(address.username, address.password)
        if address.secure:
            client.tls_set()
        client.will_set(self._status, OFFLINE, qos=1, retain=True)
        client.max_queued_messages_set(_MAX_QUEUED)
        client.max_inflight_messages_set(_MAX_IN_FLIGHT)
        client.reconnect_delay_set(*_AGAIN_S)
        client.connect_timeout = _CONNECT_S
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message

    def start(self) -> None:
        """Begins to connect; called in the event loop."""
        self._loop = asyncio.get_running_loop()
        self._client.connect_async(self._address.host, self._address.port, _KEEP_ALIVE_S)
        self._client.loop_start()

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self._client.is_connected()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Sends a message soon, at least once.

        Args:
            topic: Its topic.
            payload: What it says; nothing removes what the broker has retained.
            retain: Whether the broker keeps it for those who come later.

        Returns:
            Whether it will be sent; if not, the same message can be sent later.
        """
        if not self._client.is_connected():
            return False
        sent = self._client.publish(topic, payload, qos=1, retain=retain)
        return sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def close(self) -> None:
        """Says that the server ends, and disconnects."""
        if self._client.is_connected():
            last = self._client.publish(self._status, OFFLINE, qos=1, retain=True)
            if last.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
                last.wait_for_publish(_LAST_WORD_S)
        self._client.disconnect()

    # What the client's thread calls.

    def _on_connect(self, client: Client, _: Any, flags: Any, reason: Any, more: Any) -> None:
        if reason.is_failure:
            self._away(f"refused: {reason}")
            return
        self._fault = ""
        _log.info("connected to the MQTT broker %s", self._address)
        # Without a fleet there is nothing to listen to, which the client takes for a fault.
        if self._topics:
            client.subscribe(self._topics)
        client.publish(self._status, ONLINE, qos=1, retain=True)
        self._in_loop(self._connected)

    def _on_connect_fail(self, client: Client, _: Any) -> None:
        # paho passes no error, but handles it while it calls this.
        self._away(self._reason(sys.exc_info()[1]))

    def _on_disconnect(self, client: Client, _: Any, flags: Any, reason: Any, more: Any) -> None:
        if reason.is_failure:
            self._away(f"the connection ended: {reason}")

    def _reason(self, error: BaseException | None) -> str:
        if isinstance(error, ssl.SSLError):
            return tls_fault(error, authority_of(self._address.host, self._address.port)).reason
        return reason_of(error) if isinstance(error, OSError) else "there is no connection"

    def _away(self, why: str) -> None:
        """Logs once that the broker is away."""
        if not self._fault:
            self._fault = why
            _log.warning("the MQTT broker %s is away (%s); it is tried again", self._address, why)

    def _on_message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            # It would end the thread, and with it the connection for good.
            return
        if len(message.payload) <= _MAX_PAYLOAD_BYTES:
            self._in_loop(self._heard, topic, message.payload, message.retain)

    def _in_loop(self, function: Callable[..., None], *arguments: Any) -> None:
        """Calls a function in the event loop, unless too much waits for that already."""
        with self._counting:
            if self._loop is None or self._pending >= _MAX_PENDING:
                return
            self._pending += 1
        try:
            self._loop.call_soon_threadsafe(self._call, function, *arguments)
        except RuntimeError:
            # The server ends, and so has its loop.
            self._client.disconnect()

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        with self._counting:
            self._pending -= 1
        function(*arguments)
