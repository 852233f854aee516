"""The firmware image of a build: which file devices need, and when it is stamped and published.

1. Stamping is the first action after the image is made, so that whatever the builder and other
   scripts make from it afterwards (a merged image, a copy, a gzip, a digest) has the stamp.
2. Publishing is the last one.
3. Where devices boot only signed images, the signed file is published. It is made from the stamped
   image and is never stamped itself. An encrypted file is never published: a device encrypts what
   it receives.
4. The actions are part of the image's signature in SCons, so they are the same in every run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acpublish.errors import SettingsError

if TYPE_CHECKING:
    from acpublish.image.model import Image

IMAGE = "$BUILD_DIR/${PROGNAME}.bin"
_SIGNED_SUFFIX = "-signed.bin"
_SIGNED = f"$BUILD_DIR/${{PROGNAME}}{_SIGNED_SUFFIX}"
#: The builder signs the image if one of these is set (platform-espressif32 6.13.0,
#: ``builder/main.py`` and ``builder/frameworks/espidf.py``).
_SIGNS = ("PIO_ESP32_SIGNATURE_REQUIRED", "PIO_ESP32_SECURE_BOOT_BUILD_SIGNED_BINARIES")
#: The configuration of ESP-IDF in the build directory (``get_sdk_configuration`` there), and the
#: options with which devices accept only signed images.
_CONFIGURATION = ("config", "sdkconfig.json")
_SIGNED_ONLY = ("SECURE_BOOT", "SECURE_SIGNED_APPS")


class _LastStaysLast(list[Any]):
    """Actions after a file is made; each new one comes before the last."""

    def append(self, action: Any) -> None:
        """Adds an action, as SCons does for each ``AddPostAction``."""
        self.insert(len(self) - 1, action)


def device_image(env: Any, *, skips_build: bool) -> str:
    """Returns the image that devices need, as a path for SCons: the signed one, if there is one.

    Args:
        env: SCons' environment.
        skips_build: Whether the run takes an existing image. PlatformIO then does not read the
            configuration that tells whether images are signed.
    """
    signs = any(env.get(name) for name in _SIGNS)
    return _SIGNED if signs or (skips_build and _is_signed_since(env)) else IMAGE


def _is_signed_since(env: Any) -> bool:
    """Returns whether there is a signed image that no later build has left behind."""
    try:
        signed = Path(env.subst(_SIGNED)).stat()
        return signed.st_mtime_ns >= Path(env.subst(IMAGE)).stat().st_mtime_ns
    except OSError:
        return False


def makes_image(env: Any) -> bool:
    """Returns whether a run has a way to make the image."""
    return bool(env.File(IMAGE).has_builder())


def signed_only(env: Any) -> bool:
    """Returns whether the devices of a build accept only signed images."""
    try:
        file = Path(env.subst("$BUILD_DIR"), *_CONFIGURATION)
        configuration = json.loads(file.read_bytes())
    except (OSError, ValueError):
        configuration = {}
    return any(env.get(name) for name in _SIGNS) or (
        isinstance(configuration, dict) and any(configuration.get(name) for name in _SIGNED_ONLY)
    )


def refuse_unsigned(image: Image) -> None:
    """Refuses an image without a signature, for devices that accept only signed images.

    Raises:
        SettingsError: It is not signed.
    """
    if image.signature is None:
        raise SettingsError(
            "the image is not signed, and its devices boot only signed images (secure boot)",
            hint="Set CONFIG_SECURE_BOOT_BUILD_SIGNED_BINARIES=y and CONFIG_SECURE_BOOT_SIGNING_KEY"
            " in sdkconfig, or sign the image and use acpublish publish FILE.",
        )


def unsigned_path(path: Path) -> Path:
    """Returns the path of the image that a signed one was made from; any other path is its own."""
    return path.with_name(f"{path.name.removesuffix(_SIGNED_SUFFIX).removesuffix('.bin')}.bin")


def stamp_first(env: Any, action: Any) -> None:
    """Makes an action the first one after the image, whatever other scripts add."""
    executor = _executor(env, IMAGE)
    if executor is not None:
        # AddPostAction of PlatformIO would put it behind the actions of earlier scripts.
        executor.post_actions.insert(0, action)


def publish_last(env: Any, image: str, action: Any) -> None:
    """Makes an action the last one after an image, whatever other scripts add."""
    executor = _executor(env, image)
    if executor is not None:
        executor.post_actions = _LastStaysLast([*executor.post_actions, action])


def _executor(env: Any, image: str) -> Any:
    """Returns what makes an image in SCons; None if this run does not make it."""
    node = env.File(image)
    if not node.has_builder():
        return None
    # SCons runs no post-action on an image that comes from a build cache.
    env.NoCache(node)
    return node.get_executor()
