"""The ports that a server listens on: one for http, and one for TLS if it has a certificate."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from acpublish.errors import SettingsError
from acpublish.server.config import DEFAULT_TLS_PORT, ServerOptions
from acpublish.server.sockets import listen, own_address, url_of
from acpublish.server.tls import Certificate, certificate_of


@dataclass(frozen=True, slots=True)
class Port:
    """A port that the server listens on.

    Attributes:
        listener: Its socket.
        certificate: The certificate, if it is for TLS.
    """

    listener: socket.socket
    certificate: Certificate | None = None

    @property
    def url(self) -> str:
        """The URL by which it is reached."""
        return url_of(self.listener, "https" if self.certificate else "http")


def open_ports(options: ServerOptions) -> list[Port]:
    """Opens all ports, or none.

    Returns:
        The ports, that for TLS last.

    Raises:
        SettingsError: One of them cannot be opened, or the certificate cannot be used.
    """
    certificate = certificate_of(options)
    bind = options.bind or own_address()
    ports = [Port(listen(bind, options.port))]
    if certificate is not None:
        number = DEFAULT_TLS_PORT if options.tls_port is None else options.tls_port
        try:
            ports.append(Port(listen(bind, number, "--tls-port"), certificate))
        except SettingsError:
            ports[0].listener.close()
            raise
    return ports
