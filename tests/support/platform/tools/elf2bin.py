"""Packs an ESP8266 image: bootloader at 0, app at 0x1000, length and CRC words.

The layout is that of the Arduino core's tools/elf2bin.py: the same sections in the same order,
0xAA up to the app, the XOR checksum taken before the two words are written.
"""

from __future__ import annotations

import argparse
import gzip
import zlib
from functools import reduce
from operator import xor
from pathlib import Path

from elftools.elf.elffile import ELFFile

MAGIC = 0xE9
CHECKSUM_SEED = 0xEF
APP_OFFSET = 0x1000
LENGTH_OFFSET = APP_OFFSET + 16
CRC_OFFSET = LENGTH_OFFSET + 4
FLASH_MODES = {"qio": 0, "qout": 1, "dio": 2, "dout": 3}
FLASH_FREQUENCIES = {"40m": 0, "26m": 1, "20m": 2, "80m": 15}
FLASH_SIZES = {"512KB": 0, "256KB": 1, "1MB": 2, "2MB": 3, "4MB": 4, "8MB": 8, "16MB": 9}
EBOOT_SECTIONS = (".text", ".rodata")
APP_SECTIONS = (".irom0.text", ".text", ".text1", ".data", ".rodata")
REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def image_of(elf_path: Path, sections: tuple[str, ...], flash: bytes) -> bytes:
    """Returns one image: header, the named sections as segments, padding and checksum byte."""
    with elf_path.open("rb") as file:
        elf = ELFFile(file)
        found = [elf.get_section_by_name(name) for name in sections]
        parts = [(s["sh_addr"], s.data()) for s in found if s is not None and s["sh_size"]]
        entry = elf["e_entry"]
    image = bytearray([MAGIC, len(parts)]) + flash + entry.to_bytes(4, "little")
    checksum = CHECKSUM_SEED
    for address, content in parts:
        image += address.to_bytes(4, "little") + len(content).to_bytes(4, "little") + content
        checksum = reduce(xor, content, checksum)
    image += bytes(-(len(image) + 1) % 16)
    image.append(checksum)
    return bytes(image)


def crc32_msb_first(content: bytes) -> int:
    """Returns the bootloader's CRC: 0x04C11DB7, high bit first, from all ones, not inverted."""
    reflected = zlib.crc32(content.translate(REVERSED_BITS)) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)


def pack(eboot: Path, app: Path, flash: bytes) -> bytes:
    """Returns the whole file as it is flashed and served."""
    loader = image_of(eboot, EBOOT_SECTIONS, flash)
    if len(loader) > APP_OFFSET:
        raise SystemExit(f"{eboot}: the bootloader takes {len(loader)} of {APP_OFFSET} bytes")
    whole = bytearray(loader.ljust(APP_OFFSET, b"\xaa") + image_of(app, APP_SECTIONS, flash))
    if any(whole[LENGTH_OFFSET : CRC_OFFSET + 4]):
        raise SystemExit(f"{app}: the first two words of .irom0.text are not free")
    crc = crc32_msb_first(bytes(whole))
    whole[LENGTH_OFFSET:CRC_OFFSET] = len(whole).to_bytes(4, "little")
    whole[CRC_OFFSET : CRC_OFFSET + 4] = crc.to_bytes(4, "little")
    return bytes(whole)


def main() -> None:
    """Reads the command line and writes the image; with --gzip as PlatformIO's gzip_fw does."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--eboot", "--app", "--out"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--flash-mode", choices=FLASH_MODES, required=True)
    parser.add_argument("--flash-freq", choices=FLASH_FREQUENCIES, required=True)
    parser.add_argument("--flash-size", choices=FLASH_SIZES, required=True)
    parser.add_argument("--gzip", action="store_true")
    args = parser.parse_args()
    size_and_frequency = FLASH_SIZES[args.flash_size] << 4 | FLASH_FREQUENCIES[args.flash_freq]
    whole = pack(args.eboot, args.app, bytes([FLASH_MODES[args.flash_mode], size_and_frequency]))
    if args.gzip:
        args.out.with_name(args.out.name + ".orig").write_bytes(whole)
        whole = gzip.compress(whole, mtime=0)
    args.out.write_bytes(whole)


if __name__ == "__main__":
    main()
