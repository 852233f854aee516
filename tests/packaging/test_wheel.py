"""The wheel: built, installed into an empty environment, and used from there."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support import images
from tests.support.pio import Project, make_core_dir, missing_part

ROOT = Path(__file__).resolve().parents[2]
SKETCH = """\
#include <Arduino.h>
#include <acpublish.h>
void setup() { Serial.begin(115200); Serial.println(ACPUBLISH_VERSION); }
void loop() {}
"""


def run(words: Sequence[str | Path], cwd: Path) -> str:
    done = subprocess.run(
        [*map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT]
    run(build, out)
    (made,) = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds the wheel and nothing else."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    # This environment's pip installs into that one, so nothing is downloaded.
    pip = [sys.executable, "-m", "pip", "--python", python, "install"]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]
    run([*pip, *quiet, wheel], home)
    return python


@pytest.fixture(scope="module")
def installed(bare: Path) -> Path:
    """The same environment, which also finds the dependencies of this one."""
    (site,) = bare.parents[1].glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return bare


def test_the_wheel_holds_all_that_users_need(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for name in ("py.typed", "include/acpublish.h", "extra_scripts/acpublish_ota.py"):
        assert f"acpublish/{name}" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    stray = [name for name in names if not name.startswith(("acpublish/", "acpublish-"))]
    assert stray == []
    sources = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "acpublish").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert sources <= names


def test_the_hook_is_importable_without_any_dependency(bare: Path, tmp_path: Path) -> None:
    program = "import acpublish, acpublish.pio, sys; print(acpublish.__version__, sys.prefix)"
    version, prefix = run([bare, "-c", program], tmp_path).split()
    assert prefix == str(bare.parents[1])
    assert version in (ROOT / "pyproject.toml").read_text()


def test_the_command_and_the_module_work(installed: Path, tmp_path: Path) -> None:
    where = "import acpublish; print(acpublish.__path__[0])"
    assert run([installed, "-c", where], tmp_path).startswith(str(installed.parents[1]))
    assert run([installed.with_name("acpublish"), "--version"], tmp_path).startswith("acpublish")
    firmware = tmp_path / "firmware.bin"
    firmware.write_bytes(images.esp8266_image())
    said = run([installed, "-m", "acpublish", "inspect", firmware], tmp_path)
    assert "esp8266" in said


def test_init_writes_the_shim_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "platformio.ini").write_text("[env:d1]\nboard = d1_mini\n")
    command = [str(installed), "-m", "acpublish", "init", "--yes", "--to", str(tmp_path)]
    run(command, tmp_path)
    shim = (ROOT / "extra_scripts" / "acpublish_ota.py").read_text()
    assert (tmp_path / "acpublish_ota.py").read_text() == shim


def test_the_shim_of_the_wheel_builds_and_publishes(installed: Path, tmp_path: Path) -> None:
    if reason := missing_part("esp8266"):
        pytest.skip(reason)
    catalog = tmp_path / "firmware"
    catalog.mkdir()
    shim = next(installed.parents[1].glob("lib/python*/site-packages/acpublish/extra_scripts/*.py"))
    options = [
        f"extra_scripts = post:{shim}",
        f"custom_ota_to = {catalog}",
        "custom_ota_version = 1.0.0",
    ]
    project = Project.make(
        tmp_path,
        "lamp",
        core=make_core_dir(tmp_path / "core", python=str(installed)),
        envs={"d1": "d1_mini"},
        ini_extra="\n".join(options),
        sources={"src/main.cpp": SKETCH},
        python=str(installed),
    )
    done = project.run("-t", "upload_ota")
    assert done.ok, done.stdout
    assert (catalog / "lamp" / "lamp-1.0.0_d1_mini.bin").is_file()
