"""Links that sign in: their secrets, of which only digests are kept, and how guesses are limited.

A link is for one use within ten minutes. Its secret is behind ``#``, so that no browser sends it in
a URL; the page sends it in a form.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from acpublish import atomic
from acpublish.catalog.state import ensure_private
from acpublish.control.newcomers import network_of
from acpublish.errors import AcpublishError
from acpublish.server.token_file import Token

LASTS_S = 600.0
#: More than anybody has open at a time; the oldest goes first.
_MAX_LINKS = 20
_RANDOM_BYTES = 32
PATH = "/_/sign-in"
#: In the state folder: that somebody has signed in before.
FILE = "signed-in.json"

#: Wrong secrets from one network within a minute, and from all. Beyond the latter, a network may
#: still have one, so that guessing elsewhere keeps nobody out.
GUESSES = 10
GUESSES_OF_ALL = 300
_GUESSES_S = 60.0


class Link(NamedTuple):
    """A link.

    Attributes:
        until: When it ends, by the clock of the links.
        by: The token of whoever created it from elsewhere; None for this machine.
    """

    until: float
    by: Token | None


class LoginLinks:
    """The links of a server that can still be used."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Starts without any.

        Args:
            clock: Returns the time in seconds.
        """
        self._clock = clock
        #: By the digests of their secrets, the oldest first.
        self._links: dict[str, Link] = {}

    def new(self, by: Token | None = None) -> str:
        """Returns a link, without the server's URL in front.

        Args:
            by: The token of whoever creates it; None for this machine.
        """
        secret = secrets.token_urlsafe(_RANDOM_BYTES)
        while len(self._links) >= _MAX_LINKS:
            del self._links[next(iter(self._links))]
        self._links[_digest(secret)] = Link(self._clock() + LASTS_S, by)
        return f"{PATH}#{secret}"

    def has(self, secret: str) -> bool:
        """Returns whether a secret is that of a link that can be used."""
        link = self._links.get(_digest(secret))
        return link is not None and link.until > self._clock()

    def use(self, secret: str) -> Link | None:
        """Returns the link of a secret, which cannot be used again then; None if there is none."""
        link = self._links.pop(_digest(secret), None)
        return link if link is not None and link.until > self._clock() else None


class Guesses:
    """Counts wrong secrets within a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Starts to count.

        Args:
            clock: Returns the time in seconds.
        """
        self._clock = clock
        self._ends = 0.0
        self._of_network: dict[object, int] = {}
        self._of_all = 0

    def wait_s(self, address: str | None) -> float:
        """Returns how long an address has to wait before its next guess; 0 if it need not."""
        now = self._clock()
        if now >= self._ends:
            self._ends, self._of_network, self._of_all = now + _GUESSES_S, {}, 0
        own = self._of_network.get(network_of(address), 0)
        crowded = own > 0 and self._of_all >= GUESSES_OF_ALL
        return self._ends - now if own >= GUESSES or crowded else 0.0

    def note_wrong(self, address: str | None) -> None:
        """Counts a wrong secret."""
        network = network_of(address)
        self._of_network[network] = self._of_network.get(network, 0) + 1
        self._of_all += 1


def has_signed_in(state: Path) -> bool:
    """Returns whether anybody has ever signed in to a server with this state folder."""
    return (state / FILE).exists()


def note_sign_in(state: Path) -> None:
    """Remembers that somebody has signed in; a failure only shows the link once more."""
    if has_signed_in(state):
        return
    document = {"first": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")}
    with contextlib.suppress(OSError, AcpublishError):
        ensure_private(state)
        atomic.write(state / FILE, f"{json.dumps(document)}\n".encode(), mode=0o600, durable=False)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
