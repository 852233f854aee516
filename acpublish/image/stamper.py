"""Writes product and version into an image, and reads them.

The rules, in this order:

1. Only an application image can be stamped. A stamp would void the signature of a signed image, and
   cannot be written into a gzip.
2. A damaged image is refused before anything is changed, because updating its checksums would hide
   the damage.
3. The image has exactly one pair of fields for the stamp.
4. A string that does not fit is refused, never cut.

Writing the same stamp again gives the same bytes.
"""

from __future__ import annotations

from acpublish.errors import DamagedImageError, NotAnImageError, StampError, WrongKindError
from acpublish.image.esp32 import UNSTAMPED_PROJECTS, read_string
from acpublish.image.examine import Examined, examine
from acpublish.image.model import Kind, Stamp
from acpublish.image.shape import Shape, StampOffsets
from acpublish.image.stamp_record import STAMP_FIELD_BYTES, fits

_WRONG_KINDS = {
    Kind.FILESYSTEM: (
        "the file is a filesystem image, which has no room for a stamp",
        "Publish it as it is, with --kind filesystem.",
    ),
    Kind.MERGED: (
        "the file is a merged factory image with bootloader and partition table",
        "Stamp the application image alone, PlatformIO's firmware.bin.",
    ),
    Kind.BOOTLOADER: (
        "the file is a bootloader",
        "Stamp the application image, PlatformIO's firmware.bin.",
    ),
    Kind.PART: (
        "the file is one part of a build, which no updater installs",
        "Stamp the application image, PlatformIO's firmware.bin.",
    ),
    Kind.GZIP: (
        "the file is a gzip, but a stamp can only be written into a plain image",
        "Stamp the plain image (firmware.bin.orig with board_build.gzip_fw), then gzip it.",
    ),
    Kind.SIGNED: (
        "the image is signed, and a stamp would void the signature",
        "Stamp the unsigned image, then sign it.",
    ),
}


def stamp(data: bytes, product: str, version: str) -> bytes:
    """Returns an image's bytes with product and version written into them.

    Args:
        data: A whole, sound application image.
        product: 1 to 31 printable ASCII characters.
        version: 1 to 31 printable ASCII characters.

    Returns:
        Bytes of the same length, with checksum, CRC words and SHA-256 updated.

    Raises:
        NotAnImageError: The bytes are not an ESP image.
        WrongKindError: The image is merged, a bootloader, a part, signed, a gzip or a filesystem.
        DamagedImageError: The image is truncated, or one of its checksums is wrong.
        StampError: The image does not have exactly one record or descriptor for a stamp, or a
            string does not fit.
    """
    product_field = _field("product", product)
    version_field = _field("version", version)
    if product in UNSTAMPED_PROJECTS:
        raise StampError(
            f"the product name {product!r} is reserved: it marks unstamped images",
            hint="Choose another product name.",
        )
    shape = _sound_application(examine(data))
    return shape.restamp(data, _only_offsets(shape, data), product_field, version_field)


def stamp_at(shape: Shape, data: bytes, offsets: StampOffsets) -> Stamp | None:
    """Returns the stamp in the fields, None if they are blank or have the build's own strings."""
    product = read_string(data[offsets.product : offsets.product + STAMP_FIELD_BYTES])
    version = read_string(data[offsets.version : offsets.version + STAMP_FIELD_BYTES])
    if not shape.is_stamp(product, version):
        return None
    return Stamp(product=product, version=version)


def without_stamp(shape: Shape, data: bytes, offsets: StampOffsets) -> bytes:
    """Returns a sound image's bytes with a blank stamp."""
    blank = bytes(STAMP_FIELD_BYTES)
    return shape.restamp(data, offsets, blank, blank)


def _field(name: str, text: str) -> bytes:
    if fits(text):
        return text.encode("ascii").ljust(STAMP_FIELD_BYTES, b"\0")
    length = len(text.encode("utf-8", "surrogatepass"))
    if length >= STAMP_FIELD_BYTES:
        problem = f"the {name} {text!r} is {length} bytes long, but a stamp holds at most 31"
        raise StampError(problem, hint=f"Choose a shorter {name}.")
    if not text:
        raise StampError(f"the {name} is empty", hint=f"Choose a {name} of 1 to 31 characters.")
    raise StampError(
        f"the {name} {text!r} contains characters other than printable ASCII",
        hint=f"Choose a {name} of letters, digits, dots and hyphens.",
    )


def _sound_application(examined: Examined) -> Shape:
    if examined.kind in _WRONG_KINDS:
        problem, hint = _WRONG_KINDS[examined.kind]
        # The description of a signed image says what was changed in it.
        if examined.description and examined.kind is not Kind.SIGNED:
            problem = f"the file is {examined.description}"
        raise WrongKindError(problem, hint=hint)
    if examined.shape is None:
        raise NotAnImageError(
            "the file is not an ESP image",
            hint="Use the image that a device flashes, such as PlatformIO's firmware.bin.",
        )
    if examined.problems:
        raise DamagedImageError(
            "the image is damaged: " + "; ".join(examined.problems),
            hint="Build it again, or copy it again.",
        )
    return examined.shape


def _only_offsets(shape: Shape, data: bytes) -> StampOffsets:
    candidates = shape.stamp_offsets(data)
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise StampError(
            f"the image contains {len(candidates)} stamp records, but only one is allowed",
            hint="Link only one stamp record.",
        )
    if shape.family == "esp8266":
        raise StampError(
            "the image has no stamp record",
            hint="Build it with acpublish's extra script, which links a record in.",
        )
    raise StampError(
        "the image has no app descriptor in its first segment",
        hint="Build it with ESP-IDF 3.3 or newer, or an Arduino core that is based on it.",
    )
