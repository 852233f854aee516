"""What the hook and the command line do by themselves: importing, reading and stamping an image."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from acpublish.image import read, stamp
from bench.report import Report, figure
from bench.scale import Scale
from tests.support.images import esp32_image

_IMAGE_BYTES = 4 << 20


def passes(scale: Scale, place: Path) -> Report:
    """Measures each beside its smallest peer: an interpreter that does nothing, one SHA-256."""
    bare_ms, import_ms = _imports(scale, place)
    image = esp32_image("esp32c3", _IMAGE_BYTES)
    took: dict[str, list[float]] = {"hash": [], "read": [], "stamp": []}
    steps: dict[str, Callable[[], object]] = {
        "hash": lambda: hashlib.sha256(image).digest(),
        "read": lambda: read(image),
        "stamp": lambda: stamp(image, "lamp", "1.2.3"),
    }
    for _ in range(scale.passes):
        for name, step in steps.items():
            took[name].append(_ms(step))
    hash_ms, read_ms, stamp_ms = (median(values) for values in took.values())
    return Report(
        title="Importing the hook; an ESP32-C3 image of 4 MiB read and stamped, ms",
        figures=[
            f"import acpublish.pio: {figure(import_ms - bare_ms)} added to {figure(bare_ms)}, "
            f"ratio {figure(import_ms / bare_ms)}",
            f"one SHA-256: {figure(hash_ms)}",
            f"read: {figure(read_ms)}, ratio to the SHA-256 {figure(read_ms / hash_ms)}",
            f"stamp: {figure(stamp_ms)}, ratio to the SHA-256 {figure(stamp_ms / hash_ms)}",
        ],
    )


def _imports(scale: Scale, place: Path) -> tuple[float, float]:
    bare, importing = [], []
    for _ in range(scale.processes + 1):
        for script, times in (("pass", bare), ("import acpublish.pio", importing)):
            command = [sys.executable, "-c", script]
            times.append(
                _ms(lambda command=command: subprocess.run(command, cwd=place, check=True))
            )
    # The first of each may compile modules.
    return median(bare[1:]), median(importing[1:])


def _ms(step: Callable[[], object]) -> float:
    begin = time.perf_counter()
    step()
    return (time.perf_counter() - begin) * 1000
