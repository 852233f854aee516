"""The actions that SCons runs: stamping the image, publishing it, checking it, showing the status.

1. SCons may call an action in a worker thread.
2. An action finds the hook in the environment, not in a closure, because SCons makes the content of
   a closure part of the image's signature.
3. An action imports what it needs when it runs, because most PlatformIO runs use none of them.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acpublish.errors import AcpublishError
from acpublish.pio.run_state import KEY, Hook, print_error
from acpublish.unexpected import describe_fault

Action = Callable[[Any, Any, Any], int]
#: The folder that acpublish was imported from; what it needs is usually there, too.
_PACKAGES = str(Path(__file__).absolute().parents[2])


def _reported(action: Action) -> Action:
    """Returns an action that prints an error and fails instead of raising it."""

    @functools.wraps(action)
    def wrapper(target: Any, source: Any, env: Any) -> int:
        # SCons has restored the path that pioarduino's scripts and the extra script changed.
        if _PACKAGES not in sys.path:
            sys.path.append(_PACKAGES)
        try:
            return action(target, source, env)
        except AcpublishError as error:
            return print_error(str(error))
        except Exception as error:
            return print_error(describe_fault(error))

    return wrapper


@_reported
def stamp_image(target: Any, source: Any, env: Any) -> int:
    """Stamps the image that was just built, ``target[0]``, in place."""
    from acpublish.pio import uploading

    uploading.stamp_built(env[KEY], _path(target))
    return 0


def stamping_line(target: Any, source: Any, env: Any) -> str:
    """Returns what SCons prints before :func:`stamp_image`; nothing for a gzip, which has no stamp.

    With ``board_build.gzip_fw`` the builder compresses the image itself.
    """
    from acpublish.image.examine import GZIP_MAGIC

    with contextlib.suppress(OSError), _path(target).open("rb") as file:
        if file.read(len(GZIP_MAGIC)) == GZIP_MAGIC:
            return ""
    return f"Stamping {target[0]}"


@_reported
def upload_ota(target: Any, source: Any, env: Any) -> int:
    """Publishes the image, ``source[0]``."""
    from acpublish.pio import uploading

    uploading.publish(env[KEY], _path(source))
    return 0


@_reported
def uploadfs_ota(target: Any, source: Any, env: Any) -> int:
    """Publishes the filesystem image, ``source[0]``."""
    from acpublish.pio import uploading

    uploading.publish(env[KEY], _path(source), kind="filesystem")
    return 0


@_reported
def publish_build(target: Any, source: Any, env: Any) -> int:
    """Publishes the image, ``source[0]``, unless an earlier build published it."""
    from acpublish.pio import on_build

    on_build.publish_once(env[KEY], _path(source), str(source[0]))
    return 0


@_reported
def publish_new_image(target: Any, source: Any, env: Any) -> int:
    """Publishes the image that was just built, ``target[0]``, if each build is published."""
    from acpublish.pio import on_build

    hook: Hook = env[KEY]
    if hook.on_build:
        on_build.publish_once(hook, _path(target), str(target[0]))
    return 0


@_reported
def ota_check(target: Any, source: Any, env: Any) -> int:
    """Runs the pre-flight checks on the image, ``source[0]``, without publishing it."""
    from acpublish.pio import status

    status.check(env[KEY], _path(source))
    return 0


@_reported
def ota_status(target: Any, source: Any, env: Any) -> int:
    """Shows what is published of the product, and what devices are running."""
    from acpublish.pio import status

    status.show_status(env[KEY])
    return 0


@_reported
def ota_promote(target: Any, source: Any, env: Any) -> int:
    """Lets a channel point at the version of the sources, which was published before."""
    from acpublish.pio import status

    status.promote(env[KEY])
    return 0


def _path(nodes: Any) -> Path:
    return Path(nodes[0].get_abspath())
