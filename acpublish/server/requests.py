"""One request, as the lean routes see it: the target's own bytes, cut at the first ``?``."""

from __future__ import annotations

from acpublish.server.answers import Scope
from acpublish.server.request_line import TARGET_KEY
from acpublish.wire import Report, read_report


class Request:
    """What the routes need of an ASGI scope.

    Attributes:
        method: The method.
        target: The target in origin form, as the client sent it.
        path: What stands before the first ``?``.
        query: What stands after it.
        headers: Names in lower case, and values.
        note: What a route wants the log to say of its answer.
    """

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"]
        target = scope.get(TARGET_KEY)
        if target is None:
            query = scope.get("query_string", b"")
            raw = scope.get("raw_path") or scope["path"].encode()
            target = raw + b"?" + query if query else raw
        self.target: bytes = target
        self.path, _, self.query = target.partition(b"?")
        self.headers: list[tuple[bytes, bytes]] = scope["headers"]
        self._client = scope.get("client")
        self._report: Report | None = None
        self.note = ""

    @property
    def address(self) -> str | None:
        """The address that the client connects from."""
        return self._client[0] if self._client else None

    @property
    def report(self) -> Report:
        """What the client says of itself."""
        # Before Python 3.12, cached_property takes a lock, which costs more than this.
        if self._report is None:
            self._report = read_report(self.headers)
        return self._report

    def header(self, name: bytes) -> bytes | None:
        """Returns the first header of a name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None
