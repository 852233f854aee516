"""``python -m tests.torture.faulty_server FOLDER FILE ...``: the server, on a disk that has faults.

The file says which call below the folder fails: its number from now on, with which error, and
whether all later ones do too. The rest of the words are those of the command line.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

from acpublish.cli import main
from tests.support.disk_calls import Call, intercept

#: Which errors each call can have; a file system that is read-only still opens files to read.
_ERRORS = {
    "EMFILE": ("open",),
    "EROFS": ("open", "mkdir", "link", "replace", "rename", "unlink"),
    "ENOSPC": ("open", "mkdir", "link", "replace", "rename", "write", "fsync"),
    "EIO": ("open", "mkdir", "link", "replace", "rename", "unlink", "write", "fsync"),
}
ERRORS = tuple(_ERRORS)


class Fault:
    """A call that fails.

    Attributes:
        number: The number of the error.
        met: The calls that failed.
    """

    def __init__(self, step: int, name: str, *, lasting: bool) -> None:
        """Chooses it.

        Args:
            step: The number of the call, among those that can have this error.
            name: The name of the error.
            lasting: Whether all later ones fail too.
        """
        self._left, self._name, self._lasting = step, name, lasting
        self.number = getattr(errno, name)
        self.met: list[Call] = []

    def __call__(self, call: Call) -> None:
        """Refuses the call, if it is the one."""
        reads = call.only_reads and self._name in ("EROFS", "ENOSPC")
        if call.name not in _ERRORS[self._name] or reads:
            return
        self._left -= 1
        if self._left == 0 or (self._left < 0 and self._lasting):
            self.met.append(call)
            raise OSError(self.number, os.strerror(self.number), str(call.path))


def met_file(control: Path) -> Path:
    """Returns the file that is there once a call has failed."""
    return control.with_suffix(".met")


class Controlled:
    """A fault that a file describes."""

    def __init__(self, control: Path) -> None:
        """Reads it from a file, whenever that changes."""
        self._control = control
        self._text = ""
        self._fault: Fault | None = None

    def __call__(self, call: Call) -> None:
        """Refuses the call, if it is the one; a device that only reads meets no fault."""
        with contextlib.suppress(FileNotFoundError):
            text = self._control.read_text()
            if text != self._text:
                self._text, words = text, text.split()
                self._fault = (
                    Fault(int(words[1]), words[2], lasting=words[3] == "lasting")
                    if len(words) == 4
                    else None
                )
        if self._fault is not None and not call.only_reads:
            try:
                self._fault(call)
            except OSError:
                met_file(self._control).touch()
                raise


if __name__ == "__main__":
    intercept(Path(sys.argv[1]), Controlled(Path(sys.argv[2])))
    sys.exit(main(sys.argv[3:]))
