"""The body of a request, which tells how much of it the socket took."""

from __future__ import annotations

import io
from collections.abc import Callable

__all__ = ["Outgoing", "Sent"]

#: Takes the bytes that were sent so far, and all that there are; an attempt begins anew with 0.
Sent = Callable[[int, int], None]


class Outgoing(io.BytesIO):
    """A body that is sent in blocks with a timeout each; bytes would have one in all."""

    def __init__(self, body: bytes, sent: Sent | None = None) -> None:
        """Prepares to be read.

        Args:
            body: All of it.
            sent: Told of the progress.
        """
        super().__init__(body)
        self._total = len(body)
        self._sent = sent

    def read(self, size: int | None = -1, /) -> bytes:
        """Returns the next block; who asks for one has sent what it got before."""
        if self._sent is not None:
            self._sent(self.tell(), self._total)
        return super().read(size)
