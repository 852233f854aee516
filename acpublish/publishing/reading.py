"""The files of images, read whole."""

from __future__ import annotations

from pathlib import Path

from acpublish.errors import NotAnImageError

__all__ = ["read_file"]

#: Twice the largest flash chip that the image header knows (``esp_image_format.h``).
_LARGEST_BYTES = 256 * 1024 * 1024


def read_file(path: Path) -> bytes:
    """Returns the bytes of an image's file.

    Raises:
        NotAnImageError: It cannot be read, or is larger than any flash chip.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
    except OSError as fault:
        raise NotAnImageError(
            f"{path} cannot be read: {(fault.strerror or 'unknown reason').lower()}",
            hint="Give the file of an image, such as PlatformIO's firmware.bin.",
        ) from fault
    if len(data) > _LARGEST_BYTES:
        raise NotAnImageError(
            f"{path} has more than {_LARGEST_BYTES // 2**20} MiB, which no flash chip holds",
            hint="Give the file of an image, such as PlatformIO's firmware.bin.",
        )
    return data
