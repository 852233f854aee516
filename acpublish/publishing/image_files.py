"""Reads image files, none larger than any flash chip."""

from __future__ import annotations

from pathlib import Path

from acpublish.errors import NotAnImageError, reading

#: Twice the largest flash chip that the image header knows (``esp_image_format.h``).
_LARGEST_BYTES = 256 * 1024 * 1024


def read_file(path: Path) -> bytes:
    """Returns the bytes of an image's file.

    Raises:
        NotAnImageError: It cannot be read, or is larger than any flash chip.
    """
    hint = "Use the file of an image, such as PlatformIO's firmware.bin."
    with reading(str(path), NotAnImageError, hint=hint), path.open("rb") as file:
        data = file.read(_LARGEST_BYTES + 1)
    if len(data) > _LARGEST_BYTES:
        raise NotAnImageError(
            f"{path} is larger than {_LARGEST_BYTES // 2**20} MiB, more than any flash chip holds",
            hint="Use the file of an image, such as PlatformIO's firmware.bin.",
        )
    return data
