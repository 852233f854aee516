"""PlatformIO 6.1.18 and 6.1.19, each in a separate environment: the steps of a user, once.

``make test-all`` runs all tests of this folder with each of them.
"""

from __future__ import annotations

import functools
import subprocess
import sysconfig
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tests.pio.conftest import MakeProject
from tests.pio.hooked import BOTH, ON_BUILD, ROOT, edit_sketch, errors, hooked, published
from tests.support.pio import Project, make_core_dir, missing_part

pytestmark = pytest.mark.pio

#: Where the Makefile puts the environments.
ENVIRONMENTS = ROOT / ".venv-pio"
VERSIONS = ("6.1.18", "6.1.19")


@pytest.fixture(scope="module", params=VERSIONS)
def older(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> MakeProject:
    version: str = request.param
    python = ENVIRONMENTS / version / "bin" / "python"
    if reason := missing_part():
        pytest.skip(reason)
    if not python.is_file():
        pytest.skip(f"PlatformIO {version} is not installed: make .venv-pio/{version}/.installed")
    said = subprocess.run(
        [python, "-c", "import platformio; print(platformio.__version__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == version
    core = make_core_dir(tmp_path_factory.mktemp("platformio") / version, python=str(python))
    parent = tmp_path_factory.mktemp("project")
    return functools.partial(Project.make, parent, "lamp", core=core, python=str(python))


def requirements(of: str, folder: Path) -> dict[str, SpecifierSet]:
    """Returns what a package in a folder needs, with all of its extras."""
    (package,) = metadata.distributions(name=of, path=[str(folder)])
    needs = map(Requirement, package.requires or ())
    return {need.name.lower().replace("_", "-"): need.specifier for need in needs}


def libraries() -> dict[str, Path]:
    """Returns where each installed version of PlatformIO is."""
    folders = [Path(sysconfig.get_path("purelib"))]
    folders += ENVIRONMENTS.glob("*/lib/python*/site-packages")
    return {
        package.version: folder
        for folder in folders
        for package in metadata.distributions(name="platformio", path=[str(folder)])
    }


def test_everything_of_acpublish_installs_beside_each_version() -> None:
    own = requirements("acpublish", Path(sysconfig.get_path("purelib")))
    assert {"starlette", "jinja2", "prometheus-client", "paho-mqtt", "cryptography"} <= set(own)
    for version, folder in libraries().items():
        pins = requirements("platformio", folder)
        shared = own.keys() & pins.keys()
        assert {"starlette", "uvicorn", "click", "requests"} <= shared
        for name in shared:
            # pip then finds this one at least, and tests/conformance runs the server with it.
            (lowest,) = (own_part.version for own_part in own[name] if own_part.operator == ">=")
            assert pins[name].contains(lowest), f"PlatformIO {version}: {name} {pins[name]}"


def test_an_older_version_builds_publishes_and_fails_as_the_newest_does(
    older: MakeProject, tmp_path: Path
) -> None:
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    project = hooked(older, catalog, BOTH, ON_BUILD)
    listed = project.run("--list-targets")
    assert "upload_ota" in listed.stdout
    assert "Publish the firmware" in listed.stdout
    built = project.run()
    assert built.ok, built.stdout
    assert set(published(catalog)) == {"1.0.0 d1_mini", "1.0.0 esp32-c3-devkitm-1"}
    project.write("VERSION", "1.1.0")
    edit_sketch(project, "second")
    asked = project.run("-e", "c3", "-t", "upload_ota")
    assert asked.ok, asked.stdout
    assert "1.1.0 esp32-c3-devkitm-1" in published(catalog)
    edit_sketch(project, "third")
    refused = project.run("-e", "c3", "-t", "upload_ota")
    assert not refused.ok
    (line,) = errors(refused)
    assert "1.1.0" in line
