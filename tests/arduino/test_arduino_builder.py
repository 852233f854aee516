"""Sketches built by Debian's arduino-builder, with the hook that ``init --arduino`` installs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.pio.hooked import published
from tests.support.arduino import Built, build, make_core, missing_part

SKETCH = """\
void setup() { Serial.begin(115200); }
void loop() { Serial.println(F("hello")); delay(1000); }
"""


class Desk:
    """An Arduino core with the hook, a sketch, and a catalog."""

    def __init__(self, tmp: Path) -> None:
        self.core = make_core(tmp / "hardware")
        self.catalog = tmp / "catalog"
        self.catalog.mkdir()
        self.sketch = tmp / "Lamp" / "Lamp.ino"
        self.sketch.parent.mkdir()
        self.sketch.write_text(SKETCH)
        self._folder = tmp / "build"

    def init(self, *more: str) -> None:
        command = [sys.executable, "-m", "acpublish", "init", "--arduino", str(self.core)]
        subprocess.run([*command, "--yes", *more], check=True)

    def build(self, **variables: str) -> Built:
        return build(self.core, self.sketch, self._folder, variables)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    if reason := missing_part():
        pytest.skip(reason)
    return Desk(tmp_path_factory.mktemp("arduino"))


def test_a_build_ends_in_the_catalog_and_a_failing_publish_fails_the_build(desk: Desk) -> None:
    plain = desk.build()
    assert plain.returncode == 0, plain.output
    desk.init()
    silent = desk.build()
    assert (silent.returncode, "acpublish" in silent.output) == (0, False), silent.output
    settings = {"ACPUBLISH_TO": str(desk.catalog), "ACPUBLISH_VERSION": "1.0.0"}

    run = desk.build(**settings)

    assert run.returncode == 0, run.output
    assert "lamp 1.0.0 for d1_mini (stable): published" in run.output
    held = published(desk.catalog)
    assert set(held) == {"1.0.0 d1_mini"}
    assert held["1.0.0 d1_mini"].chip == "esp8266"
    assert held["1.0.0 d1_mini"].declared.ota_bytes == 2 * 1024 * 1024
    assert (desk.catalog / "lamp/lamp-1.0.0_d1_mini.bin").read_bytes() == run.image.read_bytes()
    again = desk.build(**settings)
    assert (again.returncode, "already published" in again.output) == (0, True), again.output

    off = desk.build(**settings, ACPUBLISH_ON_BUILD="no")
    assert (off.returncode, "acpublish" in off.output) == (0, False), off.output

    failed = desk.build(**{**settings, "ACPUBLISH_TO": str(desk.catalog / "not there")})

    assert failed.returncode != 0
    (line,) = [one for one in failed.output.splitlines() if one.startswith("acpublish: error: ")]
    assert "not there" in line
    assert "Traceback" not in failed.output
    assert set(published(desk.catalog)) == {"1.0.0 d1_mini"}
    desk.sketch.write_text(SKETCH.replace("hello", "other"))
    changed = desk.build(**settings)
    assert changed.returncode == 0, changed.output
    assert set(published(desk.catalog)) == {"1.0.0 d1_mini", "1.0.1-dev.1 d1_mini"}
    desk.init("--undo")
    assert not (desk.core / "platform.local.txt").exists()
    assert "acpublish" not in desk.build(**settings).output


def test_git_tells_where_a_sketch_comes_from(desk: Desk) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        subprocess.run(["git", *who, *words], cwd=desk.sketch.parent, check=True)

    desk.init()
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    settings = {"ACPUBLISH_TO": str(desk.catalog), "ACPUBLISH_VERSION": "2.0.0"}
    assert desk.build(**settings).returncode == 0
    told = published(desk.catalog)["2.0.0 d1_mini"].provenance
    assert told["changed"] == "no"
    assert len(told["commit"]) == 7
    assert "acpublish" in told

    desk.sketch.write_text(SKETCH.replace("hello", "changed"))
    changed = desk.build(**settings)

    assert changed.returncode == 0, changed.output
    assert "the working tree has uncommitted changes" in changed.output
    desk.init("--undo")
