"""Makes a filesystem image that carries LittleFS's mark, of a fixed size, from a directory.

It is no LittleFS: a superblock with the text "littlefs" at offset 8, then names and contents, then
0xFF. That is as much as a publisher or a server can judge.
"""

from __future__ import annotations

import argparse
from pathlib import Path

BLOCK_BYTES = 4096
SUPERBLOCK = bytes(4) + b"\xf0\x0f\xff\xf7" + b"littlefs"


def filesystem_image(root: Path, size: int) -> bytes:
    """Returns the image of the files below ``root``."""
    image = bytearray(SUPERBLOCK.ljust(BLOCK_BYTES, b"\xff"))
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        name, content = path.relative_to(root).as_posix().encode(), path.read_bytes()
        image += len(name).to_bytes(4, "little") + len(content).to_bytes(4, "little")
        image += name + content
    if len(image) > size:
        raise SystemExit(f"{root}: {len(image)} bytes do not fit into {size}")
    return bytes(image.ljust(size, b"\xff"))


def main() -> None:
    """Reads the command line and writes the image."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("root", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    args.out.write_bytes(filesystem_image(args.root, args.size))


if __name__ == "__main__":
    main()
