"""Stands between the code and the calls that change or flush a disk: to count, note or refuse them.

Files that are opened for writing get a stream whose writes are calls of ``os`` too, with the same
buffer as before, so that each write is a call of its own.
"""

from __future__ import annotations

import io
import os
import pathlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Everything by which the package changes or flushes a directory.
CALLS = ("open", "mkdir", "link", "replace", "rename", "unlink", "fsync", "write", "close")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass(frozen=True, slots=True)
class Call:
    """One call that changes or flushes something.

    Attributes:
        name: The name of the function in ``os``.
        path: What it is about; for a descriptor the file that was opened.
        target: The new name, of a call that has two.
        data: What is written.
        only_reads: Whether it opens something to read or to lock it.
    """

    name: str
    path: Path
    target: Path | None = None
    data: bytes = b""
    only_reads: bool = False


def intercept(root: Path, before: Callable[[Call], object]) -> Callable[[], None]:
    """Calls a function before each call that is about something below a folder.

    Args:
        root: The folder.
        before: May raise an ``OSError``: then the call is not made.

    Returns:
        What ends it.
    """
    calls = _Calls(root, before)
    for name in CALLS:
        _set(name, calls.around(name))
    os.fdopen = calls.stream
    return calls.end


def _set(name: str, call: Callable[..., Any]) -> None:
    setattr(os, name, call)
    # Python 3.10 looks these up once, when pathlib is imported.
    accessor = getattr(pathlib, "_normal_accessor", None)
    if accessor is not None and name != "open" and hasattr(accessor, name):
        setattr(accessor, name, call)


class _Calls:
    """The calls of this process that are about something below a folder."""

    def __init__(self, root: Path, before: Callable[[Call], object]) -> None:
        self._root, self._before = root, before
        self._real: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in CALLS}
        self._stream = os.fdopen
        self._opened: dict[int, Path] = {}

    def end(self) -> None:
        for name, call in self._real.items():
            _set(name, call)
        os.fdopen = self._stream

    def around(self, name: str) -> Callable[..., Any]:
        real = self._real[name]

        def calling(*arguments: Any, **keywords: Any) -> Any:
            call = self._about(name, arguments, keywords)
            if call is not None:
                self._before(call)
            result = real(*arguments, **keywords)
            if call is not None and name == "open":
                self._opened[result] = call.path
            return result

        def closing(descriptor: int) -> None:
            # It is free afterwards, whatever the call reports.
            path = self._opened.pop(descriptor, None)
            try:
                if path is not None:
                    self._before(Call(name, path))
            finally:
                real(descriptor)

        return closing if name == "close" else calling

    def _about(
        self, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Call | None:
        if isinstance(arguments[0], int):
            path = self._opened.get(arguments[0])
            data = bytes(arguments[1]) if name == "write" else b""
            return None if path is None else Call(name, path, data=data)
        path = self._opened.get(keywords.get("dir_fd", -1), Path()) / os.fsdecode(arguments[0])
        if path != self._root and self._root not in path.parents:
            return None
        flags = arguments[1] if name == "open" else 0
        target = Path(arguments[1]) if name in ("link", "replace", "rename") else None
        return Call(name, path, target, only_reads=name == "open" and not flags & _WRITING)

    def stream(self, descriptor: int, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
        if mode == "wb" and descriptor in self._opened:
            return io.BufferedWriter(_Raw(descriptor))
        # It closes the descriptor without os.close.
        self._opened.pop(descriptor, None)
        return self._stream(descriptor, mode, *arguments, **keywords)


class _Raw(io.RawIOBase):
    """A file that is written by the functions of ``os``, as they are now."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: Any) -> int:
        return os.write(self._descriptor, data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            os.close(self._descriptor)
