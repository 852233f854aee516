"""Images of many shapes, built by esptool's own classes from recipes that hypothesis draws."""

from __future__ import annotations

import random
from dataclasses import dataclass

from esptool.bin_image import ELFSection, ESP8266ROMFirmwareImage, ImageSegment
from esptool.targets import CHIP_DEFS
from hypothesis import strategies as st

from tests.support.images import app_descriptor, eboot, stamp_record, with_crc_words

#: All that esptool can make an image for, but the ESP8266; those it has in preview, too.
ESP32_CHIPS = tuple(chip for chip in CHIP_DEFS if chip != "esp8266")
STAMP_TEXTS = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=31
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What an image is built from.

    Attributes:
        chip: As esptool spells it.
        sizes: Bytes of each segment; the first holds descriptor or record besides.
        seed: Chooses the bytes of the segments.
        flash: Header bytes 2 and 3.
        sealed: Whether a SHA-256 ends the image (ESP32), or the CRC words are filled in.
        mapped_twice: Whether the code is in flash, too, 64 KiB behind the constants (ESP32).
    """

    chip: str
    sizes: tuple[int, ...]
    seed: int
    flash: tuple[int, int]
    sealed: bool
    mapped_twice: bool = False


def recipes(chips: tuple[str, ...] = (*ESP32_CHIPS, "esp8266")) -> st.SearchStrategy[Recipe]:
    """Returns the strategy that draws recipes."""
    return st.builds(
        Recipe,
        chip=st.sampled_from(chips),
        sizes=st.lists(st.integers(1, 700), min_size=1, max_size=6).map(tuple),
        seed=st.integers(0, 2**32),
        flash=st.tuples(
            st.integers(0, 3), st.sampled_from([0x00, 0x10, 0x20, 0x2F, 0x40, 0x4F, 0x90])
        ),
        sealed=st.booleans(),
        # It is as large as ten others.
        mapped_twice=st.integers(0, 19).map(lambda number: number == 19),
    )


def build(recipe: Recipe) -> bytes:
    """Returns the image of a recipe."""
    content = random.Random(recipe.seed)
    parts = [content.randbytes(size) for size in recipe.sizes]
    return _esp8266(recipe, parts) if recipe.chip == "esp8266" else _esp32(recipe, parts)


def _esp32(recipe: Recipe, parts: list[bytes]) -> bytes:
    rom = CHIP_DEFS[recipe.chip]
    image = rom.BOOTLOADER_IMAGE(append_digest=recipe.sealed)
    memory = next(start for start, _, name in rom.MEMORY_MAP if name in ("IRAM", "DIRAM", "DRAM"))
    constants = app_descriptor(seed=recipe.seed) + parts[0]
    image.segments = [ELFSection(b".flash.appdesc", rom.DROM_MAP_START + 0x20, constants, 0)]
    image.segments += [
        ELFSection(b".ram%d" % number, memory + 0x1000 * number, part, 0)
        for number, part in enumerate(parts[1:])
    ]
    if recipe.mapped_twice:
        code = ELFSection(b".flash.text", rom.DROM_MAP_START + 0x10020, parts[-1], 0)
        image.segments.append(code)
    image.entrypoint = memory + 0x40
    image.flash_mode, image.flash_size_freq = recipe.flash
    return bytes(image.save(None))


class _OneFile(ESP8266ROMFirmwareImage):
    """Keeps constants in flash in the same file, as elf2bin does."""

    def get_irom_segment(self) -> None:
        return None


def _esp8266(recipe: Recipe, parts: list[bytes]) -> bytes:
    image = _OneFile()
    # The first words are those of length and CRC, which are filled in last.
    linked = bytes(8) + parts[0][: -(len(parts[0]) % 4) or None] + stamp_record() + parts[0]
    image.segments = [ImageSegment(0x40201010, linked)]
    image.segments += [
        ImageSegment(0x3FFE8000 + 0x1000 * number, part) for number, part in enumerate(parts[1:])
    ]
    image.entrypoint = 0x40100010
    image.flash_mode, image.flash_size_freq = recipe.flash
    _, app = image.save(None)
    boot = bytearray(eboot(recipe.seed).ljust(4096, b"\xaa"))
    boot[2:4] = bytes(recipe.flash)
    image = bytes(boot) + bytes(app)
    return with_crc_words(image) if recipe.sealed else image
