"""What the hook adds to ``pio run``: pairs of real runs, with it and without.

Both projects have the same sources and get the same edit before each pair, so that both compile
one file and link an image of 1 MiB. The one with the hook publishes each build to a directory. Then
both run once more, with nothing to do.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from acpublish.catalog.directory import DirectoryCatalog
from bench.report import BenchError, Goal, Report, Unavailable, figure, spread
from bench.scale import Scale
from tests.support.pio import Project, make_core_dir, missing_part

_ROOT = Path(__file__).resolve().parents[1]
_ENV = "d1"
_PRODUCT = "lamp"
_OPTIONS = """\
extra_scripts = post:acpublish_ota.py
custom_ota_to = {catalog}
custom_ota_product = lamp
custom_ota_version = 1.0.0
custom_ota_on_build = yes
"""
#: Together with the program, this makes an image of a little more than 1 MiB.
_FLAGS = "build_flags = -DACP_BALLAST=1000000\n"
#: The process of a build has already imported SCons and PlatformIO.
_BUILD = "import SCons.Script, platformio.project.config"
#: Everything that a run with the hook imports if there is nothing to publish.
_HOOK = "import acpublish.pio, acpublish.pio.hook"
_TIMED = """\
import time
start = time.perf_counter()
{imports}
print((time.perf_counter() - start) * 1000)
"""
_SKETCH = """\
#include <Arduino.h>

void setup() {{ Serial.begin(115200); }}
void loop() {{ Serial.println(F("build {number}")); }}
"""


def builds(scale: Scale, folder: Path) -> Report:
    """Builds in pairs, with the other one first each time."""
    if reason := missing_part("esp8266"):
        raise Unavailable(reason)
    core = make_core_dir(folder / "core")
    catalog = folder / "catalog"
    catalog.mkdir()
    shim = (_ROOT / "extra_scripts" / "acpublish_ota.py").read_text()
    plain = Project.make(folder, "plain", core=core, envs={_ENV: "d1_mini"}, ini_extra=_FLAGS)
    hooked = Project.make(
        folder,
        "hooked",
        core=core,
        envs={_ENV: "d1_mini"},
        ini_extra=_FLAGS + _OPTIONS.format(catalog=catalog),
        sources={"acpublish_ota.py": shim},
    )
    edited, idle = _Pairs(), _Pairs()
    for number in range(scale.builds + 1):
        pair = (plain, hooked) if number % 2 else (hooked, plain)
        # The first pair builds from scratch, and is not counted.
        for took in (edited, idle) if number else (edited,):
            for project in pair:
                seconds = _build(project, number)
                if number:
                    (took.hooked if project is hooked else took.plain).append(seconds * 1000)
    published = len(DirectoryCatalog(catalog).releases(_PRODUCT))
    if published != scale.builds + 1:
        raise BenchError(f"{published} of {scale.builds + 1} builds were published")
    package = _imports("import acpublish.pio", scale.builds)
    hook = _imports(_HOOK, scale.builds, first=_BUILD)
    return Report(
        title=f"pio run of a 1 MiB image, {scale.builds} pairs, ms",
        figures=[
            *edited.figures("after an edit", "publishing to a directory"),
            *idle.figures("with nothing to do", "and nothing to publish"),
            f"importing acpublish.pio: {spread(package)}",
            f"importing the whole hook, in a build: {spread(hook)}",
        ],
        goals=[
            edited.goal("added to a build that publishes, median", 300),
            idle.goal("added to a run with nothing to do, median", 50),
            _within("importing acpublish.pio, median", package, 40),
            _within("importing all of the hook, median", hook, 40),
        ],
    )


class _Pairs:
    """Milliseconds of the same runs without and with the hook."""

    def __init__(self) -> None:
        self.plain: list[float] = []
        self.hooked: list[float] = []

    @property
    def added(self) -> list[float]:
        return [ours - plain for ours, plain in zip(self.hooked, self.plain, strict=True)]

    def figures(self, when: str, doing: str) -> Sequence[str]:
        ratio = median(self.hooked) / median(self.plain)
        return [
            f"{when}, without the hook: {spread(self.plain)}",
            f"{when}, with it, {doing}: {spread(self.hooked)}",
            f"{when}, added in a pair: {spread(self.added)}; ratio of the medians {figure(ratio)}",
        ]

    def goal(self, what: str, limit_ms: float) -> Goal:
        return _within(what, self.added, limit_ms)


def _within(what: str, took_ms: Sequence[float], limit_ms: float) -> Goal:
    return Goal.at_most(what, median(took_ms), limit_ms, "ms")


def _imports(imports: str, times: int, first: str = "") -> list[float]:
    command = [sys.executable, "-c", f"{first}\n{_TIMED.format(imports=imports)}"]
    outputs = [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for _ in range(times)
    ]
    return [float(text) for text in outputs]


def _build(project: Project, number: int) -> float:
    project.write("src/main.cpp", _SKETCH.format(number=number))
    run = project.run("-e", _ENV)
    if not run.ok:
        raise BenchError(f"a build failed:\n{run.stdout}")
    return run.seconds
