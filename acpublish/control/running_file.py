"""How commands on the same machine reach a running server: a file in its state folder.

Only one process may have the fleet's store, so while a server runs, commands that name its state
folder go through it. The file has the server's URL and a token that the server accepts as long as
it runs; only its owner may read it. After a crash it stays, and then nobody answers, or somebody
who does not know the token.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
from pathlib import Path
from typing import NamedTuple

from acpublish import atomic, ownership
from acpublish.errors import StoreError, reason_of
from acpublish.input_files import read_own

_log = logging.getLogger("acpublish.server")

FILE = "running.json"
_RANDOM_BYTES = 32


class RunningServer(NamedTuple):
    """A server that runs, or did.

    Attributes:
        url: Where it is reached from this machine.
        token: What it accepts from commands of the same machine.
        pid: Its process.
    """

    url: str
    token: str
    pid: int


class Announcement:
    """Lets commands on this machine reach the server in this process.

    Attributes:
        server: Where they reach it, and with which token.
    """

    def __init__(self, state: Path, url: str) -> None:
        """Prepares the announcement.

        Args:
            state: The state folder.
            url: The server's URL.
        """
        self._state = state
        self.server = RunningServer(url, secrets.token_urlsafe(_RANDOM_BYTES), os.getpid())

    def make(self, level: int = logging.WARNING) -> None:
        """Writes the file; a server whose state folder cannot be written serves all the same.

        Args:
            level: How severe that is for the log.
        """
        try:
            write_running(self._state, self.server)
        except OSError as error:
            _log.log(level, "commands on this machine do not find the server: %s", reason_of(error))

    def end(self) -> None:
        """Removes the file, unless another server has written it meanwhile."""
        with contextlib.suppress(OSError, StoreError):
            if read_running(self._state) == self.server:
                (self._state / FILE).unlink()


def write_running(state: Path, server: RunningServer) -> None:
    """Lets commands reach a server.

    Raises:
        OSError: The file cannot be written.
    """
    atomic.make_directory(state, private=True)
    text = json.dumps(server._asdict())
    atomic.write(state / FILE, f"{text}\n".encode(), mode=0o600, durable=False)


def read_running(state: Path) -> RunningServer | None:
    """Returns the server that a state folder names; None if it names none.

    Raises:
        StoreError: The file may not be read, because it belongs to another user.
    """
    path = state / FILE
    try:
        document = json.loads(read_own(path))
        return RunningServer(str(document["url"]), str(document["token"]), int(document["pid"]))
    except PermissionError as error:
        raise StoreError(
            f"{path}, by which the running server is reached, cannot be read: {reason_of(error)}",
            hint=ownership.permission_hint(path, state),
        ) from error
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        # It is missing or damaged, and the store's lock protects the store in any case.
        return None
