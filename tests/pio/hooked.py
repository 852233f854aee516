"""Projects with acpublish's extra script, and what is found in the catalog afterwards."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.release.manifest import ReleaseImage
from tests.pio.conftest import MakeProject
from tests.support.pio import PioRun, Project

ROOT = Path(__file__).resolve().parents[2]
SHIM = (ROOT / "extra_scripts" / "acpublish_ota.py").read_text()

D1 = {"d1": "d1_mini"}
C3 = {"c3": "esp32-c3-devkitm-1"}
BOTH = {**D1, **C3}

SKETCH = """\
#include <Arduino.h>
#include <acpublish.h>

void setup()
{
    Serial.begin(115200);
    Serial.println(ACPUBLISH_PRODUCT);
    Serial.println(ACPUBLISH_VERSION);
    Serial.println(F(ACPUBLISH_UPDATE_PATH));
}
void loop() { Serial.println(F("first")); }
"""
ON_BUILD = "custom_ota_on_build = yes"


def hooked(
    make_project: MakeProject,
    catalog: Path | str,
    envs: Mapping[str, str | Mapping[str, str]],
    *options: str,
    version: str = "1.0.0",
    sources: Mapping[str, str] | None = None,
) -> Project:
    """Creates a project that publishes to a catalog; its version is in the file VERSION."""
    lines = [
        "extra_scripts = post:acpublish_ota.py",
        f"custom_ota_to = {catalog}",
        "custom_ota_version = file:VERSION",
        *options,
    ]
    given = {"src/main.cpp": SKETCH, "VERSION": version, "acpublish_ota.py": SHIM}
    return make_project(envs=envs, ini_extra="\n".join(lines), sources={**given, **(sources or {})})


def edit_sketch(project: Project, word: str) -> None:
    """Changes what the program prints, and so its bytes."""
    project.write("src/main.cpp", SKETCH.replace("first", word))


def published(catalog: Path, product: str = "lamp") -> dict[str, ReleaseImage]:
    """Returns what a catalog has of a product: ``<version> <board>`` -> image."""
    return {
        f"{release.version} {image.board}": image
        for release in DirectoryCatalog(catalog).releases(product)
        for image in release.images
    }


def visible(catalog: Path) -> list[str]:
    """Returns the visible files of a catalog."""
    return sorted(
        str(path.relative_to(catalog))
        for path in catalog.rglob("*")
        if path.is_file() and ".acpublish" not in path.parts
    )


def compiled(run: PioRun) -> list[str]:
    """Returns the lines on what a run compiled."""
    return [line for line in run.stdout.splitlines() if line.startswith("Compiling ")]


def errors(run: PioRun) -> list[str]:
    """Returns the errors that acpublish printed, after a check on their form."""
    assert "Traceback" not in run.stdout, run.stdout
    return [line for line in run.stdout.splitlines() if line.startswith("acpublish: error: ")]


def esptool_info(image: Path) -> str:
    """Returns what esptool, the independent judge, prints about an image."""
    done = subprocess.run(
        [sys.executable, "-m", "esptool", "image-info", str(image)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
