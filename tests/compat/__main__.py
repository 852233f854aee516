"""Writes the catalog that stays: ``python -m tests.compat``, once before each release.

It goes through the command line of this checkout, into ``tests/compat/<version>``: ``catalog`` and
``state`` as the server has them, ``published.json`` with what each publish said, the token, and the
extra script of PlatformIO. A folder that is there is never written again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import acpublish
from acpublish.platformio_ini.extra_script import SCRIPT, packaged_script
from tests.support import images

HERE = Path(__file__).resolve().parent
#: Product, version, board, channel, image, and further options of each publish.
PUBLISHED: tuple[tuple[str, str, str, str, bytes, tuple[str, ...]], ...] = (
    ("lamp", "1.0.0", "d1_mini", "stable", images.esp8266_image(5120, seed=1), ()),
    (
        "lamp",
        "1.1.0",
        "d1_mini",
        "stable",
        images.esp8266_image(8192, seed=2, compressible=True),
        ("--compress", "--core", "3.1.2"),
    ),
    ("lamp", "1.1.0", "esp32-c3-devkitm-1", "stable", images.esp32_image(size=1024, seed=3), ()),
    ("lamp", "1.1.0", "d1_mini", "stable", images.littlefs(4096), ("--kind", "filesystem")),
    ("lamp", "1.2.0-dev.1+gabc1234", "d1_mini", "dev", images.esp8266_image(5120, seed=4), ()),
    (
        "plain",
        "1.0.0",
        "nodemcuv2",
        "beta",
        images.esp8266_image(5120, seed=5, record=False),
        ("--skip-check", "unstamped=built before the hook"),
    ),
    ("signed", "1.0.0", "d1_mini", "stable", images.esp8266_image(5120, seed=6), ("--key",)),
)


def run(*words: str | Path) -> str:
    """Runs a command of acpublish, and returns what it prints."""
    command = [sys.executable, "-m", "acpublish", *map(str, words)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def published(catalog: Path, tmp: Path) -> list[dict[str, Any]]:
    """Publishes the images, and returns what was said of them."""
    key, public = tmp / "key.pem", tmp / "public.pem"
    run("key", "create", "--output", key)
    public.write_text(run("key", "show", key))
    receipts = []
    for product, version, board, channel, image, options in PUBLISHED:
        firmware = tmp / "firmware.bin"
        firmware.write_bytes(image)
        words = ["--product", product, "--version", version, "--board", board, "--channel", channel]
        more = [*options, str(key)] if options == ("--key",) else [*options]
        said = json.loads(run("publish", firmware, "--to", catalog, *words, *more, "--json"))
        receipts.append({name: said[name] for name in said if name not in ("url", "not_checked")})
    run("key", "trust", catalog, public, "--product", "signed")
    return receipts


def main() -> int:
    """Writes the catalog of this version."""
    home = HERE / acpublish.__version__
    if home.exists():
        print(f"{home} is there, and what a version wrote never changes", file=sys.stderr)
        return 1
    catalog = home / "catalog"
    catalog.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as tmp:
        receipts = published(catalog, Path(tmp))
    (catalog / "copied.bin").write_bytes(images.esp8266_image(5120, seed=7, record=False))
    words = ("--publish", "*", "--catalog", catalog, "--state", home / "state")
    token = run("token", "create", *words).strip()
    text = json.dumps({"token": token, "images": receipts}, indent=2)
    (home / SCRIPT).write_text(packaged_script(), encoding="utf-8")
    (home / "published.json").write_text(f"{text}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
