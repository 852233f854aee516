"""The hook's targets, which ``pio run --list-targets`` shows with titles and descriptions."""

from __future__ import annotations

from typing import Any

from acpublish.pio.actions import ota_check, ota_status, upload_ota, uploadfs_ota
from acpublish.pio.asked import OTA_CHECK, OTA_STATUS, UPLOAD_OTA, UPLOADFS_OTA

__all__ = ["IMAGE", "add_targets"]

#: A signed or encrypted image has another name, which the user's own script then publishes.
IMAGE = "$BUILD_DIR/${PROGNAME}.bin"


def add_targets(env: Any, filesystem: Any) -> None:
    """Adds the targets.

    Args:
        env: SCons' environment.
        filesystem: What makes the filesystem's image.
    """

    def add(name: str, needed: Any, action: Any, title: str, description: str) -> None:
        env.AddCustomTarget(
            name, needed, action, title=title, description=f"{description} (acpublish)"
        )

    add(
        UPLOAD_OTA,
        IMAGE,
        env.VerboseAction(upload_ota, "Publishing $SOURCE"),
        "Upload OTA",
        "Publish the firmware for updates over the air",
    )
    add(
        UPLOADFS_OTA,
        filesystem,
        env.VerboseAction(uploadfs_ota, "Publishing $SOURCE"),
        "Upload Filesystem OTA",
        "Build and publish the filesystem image",
    )
    add(
        OTA_CHECK,
        IMAGE,
        env.VerboseAction(ota_check, "Checking $SOURCE"),
        "Check OTA",
        "Make the checks of a publish, and publish nothing",
    )
    add(
        OTA_STATUS,
        None,
        env.VerboseAction(ota_status, "Looking at what is published"),
        "OTA Status",
        "Tell what is published, on which channels, and what devices run",
    )
