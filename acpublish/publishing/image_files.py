"""Reads image files, none larger than any flash chip."""

from __future__ import annotations

from pathlib import Path

from acpublish.errors import NotAnImageError
from acpublish.input_files import read_bounded

#: Twice the largest flash chip that the image header knows (``esp_image_format.h``).
_LARGEST_BYTES = 256 * 1024 * 1024


def read_file(path: Path) -> bytes:
    """Returns the bytes of an image's file.

    Raises:
        NotAnImageError: It cannot be read, or is larger than any flash chip.
    """
    hint = "Use the file of an image, such as PlatformIO's firmware.bin."
    return read_bounded(path, _LARGEST_BYTES, NotAnImageError, hint=hint)
