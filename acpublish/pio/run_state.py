"""What the actions of one run of PlatformIO share, and how they speak to its user."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TextIO

from acpublish.pio.project import Plan, Project
from acpublish.publishing.versions import VersionSource

__all__ = ["KEY", "Hook", "report", "say"]

#: Where the hook is found in SCons' environment.
KEY = "ACPUBLISH_HOOK"


@dataclass(slots=True, kw_only=True)
class Hook:
    """What the actions of one run share.

    Attributes:
        project: The environment that is built.
        source: The version, None where none is set.
        on_build: Whether an image that is made in this run is published.
    """

    project: Project
    source: VersionSource | None
    on_build: bool = False
    _plan: Plan | None = field(default=None, repr=False)

    def plan(self) -> Plan:
        """Returns what is to be published; the first call checks it.

        Raises:
            AcpublishError: Something is missing or wrong.
        """
        if self._plan is None:
            self._plan = self.project.plan(self.source)
        return self._plan


def say(text: str, stream: TextIO) -> None:
    """Prints a line, whatever characters a path in it has: the stream may be a plain pipe."""
    encoding = stream.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


def report(fault: str) -> int:
    """Prints an error on one line; returns the status that SCons takes for a failure."""
    sys.stdout.flush()
    say(f"acpublish: error: {fault}", sys.stderr)
    return 1
