"""What the hook adds to a build that publishes: pairs of real ``pio run``, with it and without.

Both projects have the same sources and get the same edit before each pair, so that both compile
one file and link. The one with the hook publishes each build to a directory.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median

from acpublish.catalog import DirectoryCatalog
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
_SKETCH = """\
#include <Arduino.h>

void setup() {{ Serial.begin(115200); }}
void loop() {{ Serial.println(F("build {number}")); }}
"""


def builds(scale: Scale, place: Path) -> Report:
    """Builds in pairs, the one that begins changing each time."""
    if reason := missing_part("esp8266"):
        raise Unavailable(reason)
    core = make_core_dir(place / "core")
    catalog = place / "catalog"
    catalog.mkdir()
    shim = (_ROOT / "extra_scripts" / "acpublish_ota.py").read_text()
    plain = Project.make(place, "plain", core=core, envs={_ENV: "d1_mini"})
    hooked = Project.make(
        place,
        "hooked",
        core=core,
        envs={_ENV: "d1_mini"},
        ini_extra=_OPTIONS.format(catalog=catalog),
        sources={"acpublish_ota.py": shim},
    )
    took: dict[str, list[float]] = {"plain": [], "hooked": []}
    for number in range(scale.builds + 1):
        pair = (plain, hooked) if number % 2 else (hooked, plain)
        for project in pair:
            seconds = _build(project, number)
            # The first pair builds from scratch.
            if number:
                took[project.root.name].append(seconds * 1000)
    published = len(DirectoryCatalog(catalog).releases(_PRODUCT))
    if published != scale.builds + 1:
        raise BenchError(f"{published} of {scale.builds + 1} builds were published")
    added = [with_it - without for with_it, without in zip(*_sides(took), strict=True)]
    ratio = median(took["hooked"]) / median(took["plain"])
    return Report(
        title=f"pio run after an edit, {scale.builds} pairs, ms",
        figures=[
            f"without the hook: {spread(took['plain'])}",
            f"with it, publishing to a directory: {spread(took['hooked'])}",
            f"added in a pair: {spread(added)}",
            f"ratio of the medians: {figure(ratio)}",
        ],
        goals=[
            Goal(
                what="added by the hook, median",
                value=median(added),
                unit="ms",
                limit=300,
                side="at most",
            )
        ],
    )


def _sides(took: dict[str, list[float]]) -> tuple[list[float], list[float]]:
    return took["hooked"], took["plain"]


def _build(project: Project, number: int) -> float:
    project.write("src/main.cpp", _SKETCH.format(number=number))
    run = project.run("-e", _ENV)
    if not run.ok:
        raise BenchError(f"a build failed:\n{run.stdout}")
    return run.seconds
