"""What the hook and the command line cost: importing, reading and stamping an image."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from bench.report import Goal, Report, figure
from bench.scale import Scale
from tests.support.images import esp32_image, esp8266_image

_ESP32_BYTES = 4 << 20
#: The flash that an ESP8266 maps for its code.
_ESP8266_BYTES = 1 << 20
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def passes(scale: Scale, folder: Path) -> Report:
    """Measures each against its smallest peer: a bare interpreter, one pass of the checksum."""
    bare_ms, import_ms = _imports(scale, folder)
    esp32, esp8266 = esp32_image("esp32c3", _ESP32_BYTES), esp8266_image(_ESP8266_BYTES)
    took = _medians_ms(
        {
            "sha256": lambda: hashlib.sha256(esp32).digest(),
            "read32": lambda: read(esp32),
            "stamp32": lambda: stamp(esp32, "lamp", "1.2.3"),
            "crc": lambda: zlib.crc32(esp8266.translate(_REVERSED)),
            "read8266": lambda: read(esp8266),
            "stamp8266": lambda: stamp(esp8266, "lamp", "1.2.3"),
        },
        scale.passes,
    )
    return Report(
        title="Importing the hook; images of an ESP32-C3 (4 MiB) and an ESP8266 (1 MiB), ms",
        figures=[
            f"import acpublish.pio: {figure(import_ms - bare_ms)} added to {figure(bare_ms)}, "
            f"ratio {figure(import_ms / bare_ms)}",
            f"ESP32-C3: one SHA-256 {figure(took['sha256'])}, stamp {figure(took['stamp32'])}",
            f"ESP8266: one CRC {figure(took['crc'])}, stamp {figure(took['stamp8266'])}, "
            f"read {figure(took['read8266'])}",
        ],
        goals=[
            Goal.at_most("ESP32-C3 read", took["read32"], 150, "ms"),
            Goal.at_most("ESP32-C3 stamp, ratio to a SHA-256", took["stamp32"] / took["sha256"], 3),
            Goal.at_most("ESP8266 stamp, ratio to a CRC", took["stamp8266"] / took["crc"], 3),
        ],
    )


def _medians_ms(steps: Mapping[str, Callable[[], object]], times: int) -> dict[str, float]:
    """Returns the median of each step; they take turns."""
    took: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(times):
        for name, step in steps.items():
            took[name].append(_ms(step))
    return {name: median(values) for name, values in took.items()}


def _imports(scale: Scale, folder: Path) -> tuple[float, float]:
    bare, importing = [], []
    for _ in range(scale.processes + 1):
        for script, times in (("pass", bare), ("import acpublish.pio", importing)):
            command = [sys.executable, "-c", script]
            times.append(
                _ms(lambda command=command: subprocess.run(command, cwd=folder, check=True))
            )
    # The first run of each may compile modules.
    return median(bare[1:]), median(importing[1:])


def _ms(step: Callable[[], object]) -> float:
    begin = time.perf_counter()
    step()
    return (time.perf_counter() - begin) * 1000
