"""What the actions of one PlatformIO run share, and how they print to its user."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TextIO

from acpublish.pio.project import Plan, Project
from acpublish.publishing.versions import VersionSource

#: The hook's key in SCons' environment.
KEY = "ACPUBLISH_HOOK"


@dataclass(slots=True, kw_only=True)
class Hook:
    """The state that the actions of one run share.

    Attributes:
        project: The PlatformIO environment that is built.
        source: Where the version comes from; None if no version is set.
        on_build: Whether an image that this run builds is published.
    """

    project: Project
    source: VersionSource | None
    on_build: bool = False
    _plan: Plan | None = field(default=None, repr=False)

    def plan(self) -> Plan:
        """Returns what to publish; the first call checks it.

        Raises:
            AcpublishError: Something is missing or invalid.
        """
        if self._plan is None:
            self._plan = self.project.plan(self.source)
        return self._plan


def print_line(text: str, stream: TextIO) -> None:
    """Prints a line, escaping characters that the stream, often a plain pipe, cannot encode."""
    encoding = stream.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


def print_error(problem: str) -> int:
    """Prints an error on one line, and returns the status that SCons treats as a failure."""
    sys.stdout.flush()
    print_line(f"acpublish: error: {problem}", sys.stderr)
    return 1
