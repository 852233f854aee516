"""Versions of the ESP8266 Arduino core: which of them have a boot loader that inflates.

Whether a device gets an image compressed: only where all that it takes is known to be there.

A gzip is written to flash as it came, behind the running image; at the next start eboot inflates
it to offset 0. A device that cannot do that would be lost, so that in doubt it gets the plain
image. The rules:

1. It is an ESP8266, and the release that it runs is known by its digest.
2. That release's core has an eboot that inflates.
3. Its flash mode is that of the image, as nobody mends the mode inside a gzip (``Updater.cpp``:
   ``_writeBuffer`` changes byte 2 of a plain image only).
4. The gzip fits the free space, and with the inflated image before it, it fits all there is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acpublish.errors import VersionError

if TYPE_CHECKING:
    # Each build checks the core that its settings name, and needs none of these.
    from acpublish.release.manifest import Compressed, Release, ReleaseImage
    from acpublish.wire import Report

__all__ = [
    "Form",
    "choose_form",
    "core",
    "core_of_framework",
    "inflates",
]

#: The first core whose eboot inflates a gzip (release notes of core 2.7.0).
_FIRST_THAT_INFLATES = (2, 7)
_CORE = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\Z", re.ASCII)
#: PlatformIO's package ``framework-arduinoespressif8266``: 3.30102.0 holds core 3.1.2.
_FRAMEWORK = re.compile(r"\d+\.(\d{5,6})\.\d+(?![\d.])", re.ASCII)


def core(text: str) -> str:
    """Returns the version of a core, checked.

    Raises:
        VersionError: It is none.
    """
    if not _CORE.match(text):
        raise VersionError(
            f"{text!a} is no version of the ESP8266 Arduino core",
            hint="Give three numbers, such as 3.1.2.",
        )
    return text


def core_of_framework(version: str) -> str | None:
    """Returns the core that PlatformIO's package of this version holds.

    Args:
        version: Of ``framework-arduinoespressif8266``; 3.20704.0 is core 2.7.4, 3.30102.0 is
            3.1.2, and a package from git has more behind a ``+``.

    Returns:
        None where the version does not follow that scheme.
    """
    found = _FRAMEWORK.match(version)
    if not found:
        return None
    major, rest = divmod(int(found[1]), 10_000)
    return f"{major}.{rest // 100}.{rest % 100}"


def inflates(version: str | None) -> bool:
    """Tells whether the boot loader of this core is known to inflate a gzip."""
    found = _CORE.match(version or "")
    return found is not None and (int(found[1]), int(found[2])) >= _FIRST_THAT_INFLATES


#: What the flash is erased and written by (``FLASH_SECTOR_SIZE``).
_SECTOR_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Which of an image's two forms a device gets, and why.

    Attributes:
        compressed: The gzip to send, None for the plain image.
        reason: A phrase that a person can read.
    """

    compressed: Compressed | None = None
    reason: str


def choose_form(report: Report, releases: Iterable[Release], image: ReleaseImage) -> Form:
    """Chooses the form in which a device gets an image that has both.

    Args:
        report: What the device says of itself.
        releases: The product's releases.
        image: The image that is offered.
    """
    gzip = image.compressed
    if gzip is None:
        return Form(reason="plain: there is no compressed form")
    if report.family != "esp8266" or image.family != "esp8266":
        return Form(reason="plain: the device is no ESP8266")
    found = _running(report, releases, image)
    if found is None:
        return Form(reason="plain: the release that the device runs is not known")
    release, runs = found
    core = runs.core
    if core is None:
        return Form(reason=f"plain: the core of {release.version}, which it runs, is not known")
    if not inflates(core):
        return Form(reason=f"plain: it runs {release.version} of core {core}, before 2.7")
    refusal = _other_mode(report, runs, image) or _too_little_space(report, image.size, gzip.size)
    if refusal:
        return Form(reason=f"plain: {refusal}")
    reason = f"compressed: it runs {release.version} of core {core}, and has the space"
    return Form(compressed=gzip, reason=reason)


def _running(
    report: Report, releases: Iterable[Release], image: ReleaseImage
) -> tuple[Release, ReleaseImage] | None:
    for release in releases:
        held = release.image_for(image.board, "firmware")
        if held is not None and report.sketch_md5 in held.running.md5s:
            return release, held
    return None


def _other_mode(report: Report, runs: ReleaseImage, image: ReleaseImage) -> str:
    if image.flash_mode is None or runs.flash_mode is None:
        return "the image's flash mode is not known"
    # The first digest is of the image as it is, the others are of changed headers.
    if report.sketch_md5 != runs.running.md5s[0] or runs.flash_mode != image.flash_mode:
        return "the device's flash mode may not be the image's"
    return ""


def _too_little_space(report: Report, image_bytes: int, gzip_bytes: int) -> str:
    if report.sketch_size is None or report.free_space is None:
        return "the device does not say how much space it has"
    needed = _sectors(image_bytes) + _sectors(gzip_bytes)
    if _sectors(gzip_bytes) > report.free_space:
        return f"the device has {report.free_space} bytes of free space"
    if needed > report.sketch_size + report.free_space:
        return f"image and gzip need {needed} bytes, more than the device has"
    return ""


def _sectors(size: int) -> int:
    return -(-size // _SECTOR_BYTES) * _SECTOR_BYTES
