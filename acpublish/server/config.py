"""The options of the server, filled in by its caller."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from acpublish.notices.mqtt_address import MqttAddress
from acpublish.wire import MAX_IMAGE_BYTES

DEFAULT_PORT = 8000
DEFAULT_TLS_PORT = 8443
DEFAULT_GRACE_S = 30.0
DEFAULT_CACHE_BYTES = 64 * 1024 * 1024
DEFAULT_OFFERS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How to serve a catalog.

    Attributes:
        catalog: The catalog's directory.
        bind: The address to listen on; None for the host's own, or loopback if it has none.
        hosts: Further names and addresses of the server (:mod:`acpublish.server.hosts`).
        port: The port to listen on; 0 for a free one.
        tls_cert: The certificate's file, for TLS on a port of its own; None for no TLS.
        tls_key: The file of its private key.
        tls_port: The port for TLS; None for the default, 0 for a free one.
        proxies: The addresses and networks of proxies, whose connections have to begin with a
            PROXY header (:mod:`acpublish.server.proxy_header`).
        log: The name of a level of :mod:`logging`, in either case.
        state: Where tokens are; None for the user's state folder.
        grace_s: How long downloads in progress may go on after the first signal, in seconds.
        upload_bytes: The size of the largest image that may be uploaded.
        cache_bytes: How much memory cached images may take.
        fleet: Whether to know every device and to make rollouts.
        max_offers: How many images may be on their way to devices at a time; others hear to come
            back.
        insecure_login: Whether people may sign in to the page with a token that may manage over a
            connection that is not encrypted.
        mqtt: The MQTT broker that is told what happens; None for none.
        mqtt_install: Whether anyone on it may order the update of a device.
    """

    catalog: Path
    bind: str | None = None
    hosts: tuple[str, ...] = ()
    port: int = DEFAULT_PORT
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_port: int | None = None
    proxies: tuple[str, ...] = ()
    log: str = "INFO"
    state: Path | None = None
    grace_s: float = DEFAULT_GRACE_S
    upload_bytes: int = MAX_IMAGE_BYTES
    cache_bytes: int = DEFAULT_CACHE_BYTES
    fleet: bool = True
    max_offers: int = DEFAULT_OFFERS
    insecure_login: bool = False
    mqtt: MqttAddress | None = None
    mqtt_install: bool = False
