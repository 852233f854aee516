"""What has arrived on a connection and has not been read: the next head, or a part of it."""

from __future__ import annotations

from acpublish.server.request_head import RequestHead, head_end, read_head


class Incoming:
    """Bytes that were cut anywhere, from which heads are read one after the other.

    Attributes:
        data: All of them, with what has been read before the rest; empty if nothing is left.
    """

    __slots__ = ("_at", "data")

    def __init__(self) -> None:
        """Begins empty."""
        self.data = b""
        #: Where what has not been read begins.
        self._at = 0

    def __len__(self) -> int:
        """Returns how many bytes have not been read."""
        return len(self.data) - self._at

    def add(self, data: bytes) -> None:
        """Adds what has arrived."""
        self.data = self.data[self._at :] + data if self.data else data
        self._at = 0

    def take(self) -> bytes:
        """Returns what has not been read, and forgets it."""
        rest = self.data[self._at :]
        self.clear()
        return rest

    def clear(self) -> None:
        """Forgets everything."""
        self.data, self._at = b"", 0

    def beginning(self, size: int) -> bytes:
        """Returns the first bytes of what has not been read."""
        return self.data[self._at : self._at + size]

    def next_head(self) -> tuple[bytes, RequestHead] | None:
        """Reads a head.

        Returns:
            Its bytes and what they mean; None if it has not arrived whole.

        Raises:
            TooLongError: It is too long.
            BadRequestError: It is not HTTP, or two readers could read it differently.
        """
        # Empty lines before a request line are skipped (RFC 9112, section 2.2).
        while self.data.startswith(b"\r\n", self._at):
            self._at += 2
        end = head_end(self.data, self._at)
        if end is None:
            return None
        raw = self.data[self._at : end]
        head = read_head(raw)
        self._at = end
        return raw, head
