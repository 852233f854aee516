"""A client of TLS that decides which bytes go out together."""

from __future__ import annotations

import socket
import ssl

from tests.support.server import PATIENCE_S


class TlsClient:
    """A connection with TLS, after a beginning in the clear."""

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext,
        *,
        clear: bytes = b"",
        first: bytes = b"",
        source: str = "127.0.0.1",
    ) -> None:
        """Connects, and begins TLS.

        Args:
            port: The server's port.
            context: Whom to trust, and which versions of TLS.
            clear: Goes out in the clear, together with the first message of TLS.
            first: Goes out together with the last message of the handshake.
            source: The address to connect from.
        """
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S, (source, 0))
        self._arrived, self._leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._arrived, self._leaving, server_hostname="127.0.0.1")
        self._clear = clear

        def shake_hands() -> None:
            self._tls.do_handshake()
            if first:
                self._tls.write(first)

        try:
            self._until(shake_hands)
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self) -> TlsClient:
        """Returns itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the connection."""
        self.socket.close()

    @property
    def version(self) -> str | None:
        """The version of TLS."""
        return self._tls.version()

    def certificate(self) -> bytes:
        """Returns the server's certificate, in DER."""
        return self._tls.getpeercert(binary_form=True) or b""

    def sendall(self, data: bytes) -> None:
        """Sends bytes."""
        self._tls.write(data)
        self._flush()

    def recv(self, size: int) -> bytes:
        """Returns some bytes, none at the end."""
        try:
            return bytes(self._until(lambda: self._tls.read(size)))
        except ssl.SSLZeroReturnError:
            return b""

    def _until(self, step):  # type: ignore[no-untyped-def]
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self._flush()
                data = self.socket.recv(65536)
                if data:
                    self._arrived.write(data)
                else:
                    self._arrived.write_eof()
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        data, self._clear = self._clear + self._leaving.read(), b""
        if data:
            self.socket.sendall(data)
