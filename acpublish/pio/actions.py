"""What SCons runs: stamping the image, publishing on request and on a build, and looking.

SCons may call these functions in a worker thread. They find the hook in the environment, not in a
closure, because SCons makes a closure's content part of the image's signature. What they do is
loaded when they are run: most runs of PlatformIO run none of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acpublish.errors import AcpublishError
from acpublish.pio.run_state import KEY, Hook, report
from acpublish.unexpected import describe_fault

__all__ = [
    "ota_check",
    "ota_status",
    "publish_build",
    "publish_made",
    "stamp_image",
    "upload_ota",
    "uploadfs_ota",
]

Action = Callable[[Any, Any, Any], int]


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
