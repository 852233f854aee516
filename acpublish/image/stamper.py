"""Writes product and version into an image, and reads them out of it.

Rules, in this order:

1. Only an application image can be stamped. A stamp in a signed image would void the signature,
   one in a gzip cannot be reached.
2. A damaged image is refused before anything is changed: its sums are redone afterwards, and that
   would launder the damage.
3. There is exactly one place for the texts.
4. A text that does not fit is refused, never cut.

The result is the same however often the same stamp is written.
"""

from __future__ import annotations

from acpublish.errors import DamagedImageError, NotAnImageError, StampError, WrongKindError
from acpublish.image.esp32 import UNSTAMPED_PROJECT, read_text
from acpublish.image.examine import Examined, examine
from acpublish.image.model import Kind, Stamp
from acpublish.image.shape import Place, Shape
from acpublish.image.stamp_record import STAMP_FIELD_BYTES, fits

_WRONG_KINDS = {
    Kind.FILESYSTEM: (
        "the file is a filesystem image, which has no place for a stamp",
        "Publish it as it is, with --kind filesystem.",
    ),
    Kind.MERGED: (
        "the file is a merged factory image with boot loader and partition table",
        "Stamp the application image alone, PlatformIO's firmware.bin.",
    ),
    Kind.BOOTLOADER: (
        "the file is a boot loader",
        "Stamp the application image, PlatformIO's firmware.bin.",
    ),
    Kind.GZIP: (
        "the file is a gzip, and a stamp is written into a plain image",
        "Stamp the plain image (with board_build.gzip_fw that is firmware.bin.orig), then gzip.",
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
        Bytes of the same length, with checksum, CRC words and SHA-256 redone.

    Raises:
        NotAnImageError: The bytes are no ESP image.
        WrongKindError: An image of another kind: merged, boot loader, signed, gzip, filesystem.
        DamagedImageError: The image is truncated, or one of its sums does not hold.
        StampError: There is not exactly one place for a stamp, or a text does not fit.
    """
    product_field = _field("product", product)
    version_field = _field("version", version)
    if product == UNSTAMPED_PROJECT:
        raise StampError(
            f"the product name {product!r} marks images that are not stamped",
            hint="Choose a name of your own for the product.",
        )
    shape = _sound_application(examine(data))
    return shape.restamp(data, _one_place(shape, data), product_field, version_field)


def stamp_at(shape: Shape, data: bytes, place: Place) -> Stamp | None:
    """Returns the stamp that stands at a place, None where it is blank or the build's own text."""
    product = read_text(data[place.product : place.product + STAMP_FIELD_BYTES])
    version = read_text(data[place.version : place.version + STAMP_FIELD_BYTES])
    if not shape.holds_stamp(product, version):
        return None
    return Stamp(product=product, version=version)


def without_stamp(shape: Shape, data: bytes, place: Place) -> bytes:
    """Returns a sound image's bytes with a blank stamp at a place."""
    blank = bytes(STAMP_FIELD_BYTES)
    return shape.restamp(data, place, blank, blank)


def _field(name: str, text: str) -> bytes:
    if fits(text):
        return text.encode("ascii").ljust(STAMP_FIELD_BYTES, b"\0")
    length = len(text.encode("utf-8", "surrogatepass"))
    if length >= STAMP_FIELD_BYTES:
        problem = f"the {name} {text!r} has {length} bytes, and a stamp holds 31"
        raise StampError(problem, hint=f"Choose a shorter {name}.")
    if not text:
        raise StampError(f"the {name} is empty", hint=f"Give the {name}.")
    raise StampError(
        f"the {name} {text!r} holds characters other than printable ASCII",
        hint=f"Choose a {name} of letters, digits, dots and hyphens.",
    )


def _sound_application(examined: Examined) -> Shape:
    if examined.kind in _WRONG_KINDS:
        problem, hint = _WRONG_KINDS[examined.kind]
        raise WrongKindError(problem, hint=hint)
    if examined.shape is None:
        raise NotAnImageError(
            "the file is no ESP image",
            hint="Give the image that a device flashes, such as PlatformIO's firmware.bin.",
        )
    if examined.problems:
        raise DamagedImageError(
            "the image is damaged: " + "; ".join(examined.problems),
            hint="Build it again, or copy it again.",
        )
    return examined.shape


def _one_place(shape: Shape, data: bytes) -> Place:
    places = shape.places(data)
    if len(places) == 1:
        return places[0]
    if places:
        raise StampError(
            f"the image holds {len(places)} stamp records, and it may hold one",
            hint="Link one stamp record only.",
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
