"""What SCons runs: stamping the image, publishing on request and on a build, and looking.

SCons may call these functions in a worker thread. They find the hook in the environment, not in a
closure, because SCons makes a closure's content part of the image's signature. What they do is
loaded when they are run: most runs of PlatformIO run none of them.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from acpublish.errors import AcpublishError
from acpublish.pio.project import Plan, Project
from acpublish.publishing.sources import VersionSource
from acpublish.unexpected import describe_fault

__all__ = [
    "KEY",
    "Hook",
    "ota_check",
    "ota_status",
    "publish_build",
    "publish_made",
    "report",
    "say",
    "stamp_image",
    "upload_ota",
    "uploadfs_ota",
]

#: Where the hook is found in SCons' environment.
KEY = "ACPUBLISH_HOOK"

Action = Callable[[Any, Any, Any], int]


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


def _reported(action: Action) -> Action:
    """Makes an action of one that may raise an error of ours."""

    @functools.wraps(action)
    def wrapper(target: Any, source: Any, env: Any) -> int:
        try:
            return action(target, source, env)
        except AcpublishError as fault:
            return report(str(fault))
        except Exception as fault:
            return report(describe_fault(fault))

    return wrapper


@_reported
def stamp_image(target: Any, source: Any, env: Any) -> int:
    """Stamps the image that was just made, ``target[0]``, in place."""
    from acpublish.pio import uploading

    uploading.stamp_built(env[KEY], _path(target))
    return 0


@_reported
def upload_ota(target: Any, source: Any, env: Any) -> int:
    """Publishes the image, ``source[0]``."""
    from acpublish.pio import uploading

    uploading.publish(env[KEY], _path(source))
    return 0


@_reported
def uploadfs_ota(target: Any, source: Any, env: Any) -> int:
    """Publishes the filesystem's image, ``source[0]``."""
    from acpublish.pio import uploading

    uploading.publish(env[KEY], _path(source), kind="filesystem")
    return 0


@_reported
def publish_build(target: Any, source: Any, env: Any) -> int:
    """Publishes the image, ``source[0]``, unless it was published on an earlier build."""
    from acpublish.pio import on_build

    on_build.publish_once(env[KEY], _path(source), str(source[0]))
    return 0


@_reported
def publish_made(target: Any, source: Any, env: Any) -> int:
    """Publishes the image that was just made, ``target[0]``, where each build does."""
    from acpublish.pio import on_build

    hook: Hook = env[KEY]
    if hook.on_build:
        on_build.publish_once(hook, _path(target), str(target[0]))
    return 0


@_reported
def ota_check(target: Any, source: Any, env: Any) -> int:
    """Makes the pre-flight checks on the image, ``source[0]``; nothing is published."""
    from acpublish.pio import looking

    looking.check(env[KEY], _path(source))
    return 0


@_reported
def ota_status(target: Any, source: Any, env: Any) -> int:
    """Tells what the destination has of the product, and what devices run."""
    from acpublish.pio import looking

    looking.tell_status(env[KEY])
    return 0


def _path(nodes: Any) -> Path:
    return Path(nodes[0].get_abspath())
