"""Digests of a file and of its beginnings, each byte hashed once with each algorithm."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

#: From this size on a second thread is worth its start (hashlib lets others run meanwhile).
_THREAD_BYTES = 1 << 20


class Digests:
    """The digests of a file's beginnings.

    An appended SHA-256 ends an image, so that the digests of two beginnings are asked for: the
    longer one goes on where the shorter one stopped.

    Args:
        data: The whole file.
    """

    def __init__(self, data: bytes) -> None:
        self._view = memoryview(data)
        self._states: dict[str, tuple[int, Any]] = {}
        self._known: dict[tuple[str, int], bytes] = {}
        self._ahead: threading.Thread | None = None

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self._view)

    def begin_sha256(self, end: int) -> None:
        """Computes a SHA-256 in a thread of its own while the caller computes other sums."""
        if end >= _THREAD_BYTES:
            self._ahead = threading.Thread(target=self._digest, args=("sha256", end))
            self._ahead.start()

    def sha256(self, end: int | None = None) -> bytes:
        """Returns the SHA-256 of the file up to an offset, by default of the whole file."""
        if self._ahead is not None:
            self._ahead.join()
            self._ahead = None
        return self._digest("sha256", len(self._view) if end is None else end)

    def md5(self, end: int | None = None) -> str:
        """Returns the MD5 of the file up to an offset, by default of the whole file."""
        return self._digest("md5", len(self._view) if end is None else end).hex()

    def _digest(self, algorithm: str, end: int) -> bytes:
        known = self._known.get((algorithm, end))
        if known is not None:
            return known
        reached, state = self._states.get(algorithm, (0, None))
        if state is None or reached > end:
            reached, state = 0, hashlib.new(algorithm, usedforsecurity=False)
        state.update(self._view[reached:end])
        self._states[algorithm] = (end, state)
        # hashlib's digest() leaves the state open for more.
        return self._known.setdefault((algorithm, end), state.digest())
