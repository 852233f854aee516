"""Whether a device gets an image compressed: only if it is known to be able to inflate it.

The updater writes a gzip to flash unchanged, after the running image; at the next boot eboot, the
bootloader of the ESP8266 Arduino core, inflates it to offset 0. A device that cannot do that would
be lost, so in doubt it gets the plain image. The rules:

1. The device is an ESP8266, and its digest tells which release it runs.
2. That release was built with a core whose eboot can inflate.
3. Its flash mode is that of the image, because nothing corrects the mode inside a gzip
   (``Updater.cpp``: ``_writeBuffer`` changes byte 2 of a plain image only).
4. Its flash chip is not smaller than the image's header says. The updater refuses such an image if
   it is plain, but cannot look into a gzip; afterwards it refuses every update, as the header in
   flash no longer suits the chip (``Updater.cpp``: ``end`` and ``begin``, ``checkFlashConfig``).
5. The gzip fits into the free space, and together with the inflated image into the whole space.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acpublish.errors import VersionError
from acpublish.release.declared import flash_bytes

if TYPE_CHECKING:
    # Each build checks the core in its settings, and does not need these.
    from acpublish.release.manifest import Compressed, Release, ReleaseImage
    from acpublish.release.version import Version
    from acpublish.wire import Report

#: The first core whose eboot inflates a gzip (release notes of core 2.7.0).
_FIRST_THAT_INFLATES = (2, 7)
_CORE = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\Z", re.ASCII)
#: PlatformIO's package ``framework-arduinoespressif8266``: 3.30102.0 contains core 3.1.2.
_FRAMEWORK = re.compile(r"\d+\.(\d{5,6})\.\d+(?![\d.])", re.ASCII)


def core(text: str) -> str:
    """Returns the version of a core after checking it.

    Raises:
        VersionError: It is not a valid one.
    """
    if not _CORE.match(text):
        raise VersionError(
            f"{text!r} is not a version of the ESP8266 Arduino core",
            hint="Use three numbers, such as 3.1.2.",
        )
    return text


def core_of_framework(version: str) -> str | None:
    """Returns the core that PlatformIO's package of this version contains.

    Args:
        version: Of ``framework-arduinoespressif8266``; 3.20704.0 is core 2.7.4, 3.30102.0 is
            3.1.2, and a package from git has more after a ``+``.

    Returns:
        None if the version does not follow that scheme.
    """
    match = _FRAMEWORK.match(version)
    if not match:
        return None
    major, rest = divmod(int(match[1]), 10_000)
    return f"{major}.{rest // 100}.{rest % 100}"


def inflates(version: str | None) -> bool:
    """Returns whether the bootloader of this core is known to inflate a gzip."""
    match = _CORE.match(version or "")
    return match is not None and (int(match[1]), int(match[2])) >= _FIRST_THAT_INFLATES


#: The unit in which flash is erased and written (``FLASH_SECTOR_SIZE``).
_SECTOR_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Which of an image's two forms a device gets, and why.

    Attributes:
        compressed: The gzip to send, None for the plain image.
        reason: A phrase for a person.
    """

    compressed: Compressed | None = None
    reason: str


def choose_form(report: Report, releases: Iterable[Release], image: ReleaseImage) -> Form:
    """Chooses the form in which a device gets an image that has both.

    Args:
        report: What the device says about itself.
        releases: The product's releases.
        image: The image that is offered.
    """
    gzip = image.compressed
    if gzip is None:
        return Form(reason="plain: there is no compressed form")
    if report.family != "esp8266" or image.family != "esp8266":
        return Form(reason="plain: the device is not an ESP8266")
    running = _running(report, releases, image)
    if running is None:
        return Form(reason="plain: the release that the device runs is not known")
    version, current = running
    core = current.core
    if core is None:
        return Form(reason=f"plain: the core of {version}, which it runs, is not known")
    if not inflates(core):
        return Form(reason=f"plain: it runs {version}, built with core {core}, older than 2.7")
    refusal = _other_mode(report, current, image) or _other_flash(report, image)
    refusal = refusal or _too_little_space(report, image.size, gzip.size)
    if refusal:
        return Form(reason=f"plain: {refusal}")
    reason = f"compressed: it runs {version}, built with core {core}, and has enough free space"
    return Form(compressed=gzip, reason=reason)


def _running(
    report: Report, releases: Iterable[Release], image: ReleaseImage
) -> tuple[Version, ReleaseImage] | None:
    for release in releases:
        current = release.image_for(image.board, "firmware")
        if current is not None and report.sketch_md5 in current.running.md5s:
            return release.version, current
    return None


def _other_mode(report: Report, current: ReleaseImage, image: ReleaseImage) -> str:
    if image.flash_mode is None or current.flash_mode is None:
        return "the image's flash mode is not known"
    # The first digest is of the image as it is, the others are of changed headers.
    unchanged = report.sketch_md5 == current.running.md5s[0]
    if not unchanged or current.flash_mode != image.flash_mode:
        return "the flash modes of the device and the image may differ"
    return ""


def _other_flash(report: Report, image: ReleaseImage) -> str:
    required = flash_bytes(image.flash_size or "")
    if required is None:
        return "the flash size of the image is not known"
    if report.chip_size is None:
        return "the device does not report the size of its flash"
    if required > report.chip_size:
        return f"the image is for {image.flash_size} of flash, more than the device has"
    return ""


def _too_little_space(report: Report, image_bytes: int, gzip_bytes: int) -> str:
    if report.sketch_size is None or report.free_space is None:
        return "the device does not report how much space it has"
    needed = sectors(image_bytes) + sectors(gzip_bytes)
    if sectors(gzip_bytes) > report.free_space:
        return f"the device has {report.free_space} bytes of free space"
    if needed > report.sketch_size + report.free_space:
        return f"image and gzip need {needed} bytes, more than the device has"
    return ""


def sectors(size: int) -> int:
    """Returns how many bytes of flash a file takes, in whole sectors."""
    return -(-size // _SECTOR_BYTES) * _SECTOR_BYTES
