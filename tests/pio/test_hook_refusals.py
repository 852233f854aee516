"""What cannot work is refused in one line, before the build; other runs are left alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from acpublish.image.reader import read
from tests.pio.conftest import MakeProject
from tests.pio.hooked import (
    BOTH,
    C3,
    D1,
    ON_BUILD,
    SHIM,
    SKETCH,
    compiled,
    errors,
    hooked,
    published,
    visible,
)
from tests.support.pio import clean_environment

pytestmark = pytest.mark.pio

PLAIN = {"src/main.cpp": SKETCH, "acpublish_ota.py": SHIM}
SCRIPT = "extra_scripts = post:acpublish_ota.py"

# As if the package were not installed in the interpreter that runs PlatformIO.
NOT_INSTALLED = """\
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "acpublish":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""

# SCons' environment of a section with platform = native, as far as the hook may ask.
ENV_OF_NO_CHIP = """
class Env(dict):
    def __getattr__(self, name):
        raise SystemExit(f"asked for {name}")
env = Env(PIOENV="native")
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog"
    path.mkdir()
    return path


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PRODUCT", "../lamp", "Use for example 'lamp'"),
        ("TO", "http://me:secret@127.0.0.1:1/", "ACPUBLISH_TOKEN"),
        ("ON_BUILD", "perhaps", "yes or no"),
        ("SIGNING_KEY", "platformio.ini", "does not contain a private key"),
    ],
)
def test_a_bad_setting_is_refused_before_the_build(
    make_project: MakeProject, catalog: Path, variable: str, value: str, said: str
) -> None:
    project = hooked(make_project, catalog, D1, ON_BUILD)

    run = project.run(env={f"ACPUBLISH_{variable}": value})

    assert run.returncode == 1
    (line,) = errors(run)
    assert line.startswith(f"acpublish: error: ACPUBLISH_{variable}: ")
    assert said in line
    assert "secret" not in run.stdout
    assert compiled(run) == []


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TO", "not/there", "mkdir -p"),
        ("TO", "http://127.0.0.1:1", "accepts releases only with a token"),
        ("PARTITIONS", "platformio.ini", "of the partition table"),
    ],
)
def test_what_could_not_be_published_is_not_built(
    make_project: MakeProject, catalog: Path, variable: str, value: str, said: str
) -> None:
    project = hooked(make_project, catalog, D1)

    run = project.run("-t", "upload_ota", env={f"ACPUBLISH_{variable}": value})

    assert run.returncode == 1
    (line,) = errors(run)
    assert said in line
    assert compiled(run) == []


@pytest.mark.parametrize(
    ("missing", "how"),
    [
        ("to", "Set custom_ota_to in platformio.ini"),
        ("version", "to git, to file:PATH or to env:NAME"),
    ],
)
@pytest.mark.parametrize("asked", ["upload_ota", "on build"])
def test_what_is_missing_is_named_before_the_build(
    make_project: MakeProject, catalog: Path, missing: str, how: str, asked: str
) -> None:
    given = {"to": f"custom_ota_to = {catalog}", "version": "custom_ota_version = 1.0.0"}
    del given[missing]
    lines = [SCRIPT, *given.values(), f"custom_ota_on_build = {asked == 'on build'}"]
    project = make_project(envs=D1, ini_extra="\n".join(lines), sources=PLAIN)

    run = project.run(*(("-t", "upload_ota") if asked == "upload_ota" else ()))

    assert run.returncode == 1
    (line,) = errors(run)
    assert f"no {'destination' if missing == 'to' else missing} is given" in line
    assert how in line
    assert compiled(run) == []


def test_a_project_without_options_builds_and_its_sketch_still_reads_the_names(
    make_project: MakeProject,
) -> None:
    project = make_project("Hall Lamp", envs=BOTH, ini_extra=SCRIPT, sources=PLAIN)

    run = project.run()

    assert run.ok, run.stdout
    assert errors(run) == []
    for name, board in BOTH.items():
        image = project.image(name).read_bytes()
        assert f"/update/hall-lamp/{board}\0".encode() in image
        assert read(image).stamp is None
        assert read(image).stampable


def test_a_token_in_the_ini_is_not_used_and_not_shown(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(make_project, catalog, D1, "custom_ota_token = abcdefgh12345678")

    run = project.run("-t", "upload_ota")

    assert run.ok, run.stdout
    assert "acpublish: warning: custom_ota_token is not used" in run.stdout
    assert "ACPUBLISH_TOKEN" in run.stdout
    assert "abcdefgh12345678" not in run.stdout


def test_trap_06_a_missing_package_is_one_line_that_says_how_to_install_it(
    make_project: MakeProject, catalog: Path, tmp_path: Path
) -> None:
    blind = tmp_path / "blind"
    blind.mkdir()
    (blind / "sitecustomize.py").write_text(NOT_INSTALLED)
    project = hooked(make_project, catalog, D1)

    run = project.run(env={"PYTHONPATH": str(blind)})

    assert run.returncode == 1
    (line,) = errors(run)
    assert f'Run: "{project.python}" -m pip install acpublish' in line
    assert compiled(run) == []


def test_the_ide_finds_the_header_and_the_target_and_nothing_else_happens(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(make_project, catalog, D1, ON_BUILD, version="no version")

    done = subprocess.run(
        [project.python, "-m", "platformio", "project", "metadata", "--json-output"],
        env=clean_environment(project.core),
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    metadata = json.loads(done.stdout.strip().splitlines()[-1])["d1"]
    assert [one["name"] for one in metadata["targets"] if one["group"] == "Custom"] == [
        "upload_ota",
        "uploadfs_ota",
        "ota_check",
        "ota_status",
        "ota_promote",
    ]
    folders = [Path(path) for path in metadata["includes"]["build"]]
    assert any((folder / "acpublish.h").is_file() for folder in folders)
    assert not (project.build_dir("d1") / "acpublish").exists()
    assert visible(catalog) == []


def test_an_environment_for_the_computer_itself_is_left_alone(
    make_project: MakeProject, catalog: Path
) -> None:
    """A section [env] with the extra script may also be that of unit tests on the computer."""
    found = subprocess.run(
        [sys.executable, "-c", SHIM.replace('Import("env")', ENV_OF_NO_CHIP)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 0, found.stderr
    assert found.stdout == ""


def test_trap_10_an_image_is_made_and_stamped_anew_where_its_parts_come_out_of_a_cache(
    make_project: MakeProject, catalog: Path, tmp_path: Path
) -> None:
    cache = {"PLATFORMIO_BUILD_CACHE_DIR": str(tmp_path / "cache")}
    project = hooked(make_project, catalog, BOTH, ON_BUILD)

    first = project.run(env=cache)
    # As the target clean does.
    shutil.rmtree(project.build_dir("d1").parent)
    second = project.run(env=cache)

    assert first.ok, first.stdout
    assert second.ok, second.stdout
    assert "firmware.elf' from cache" in second.stdout
    assert "firmware.bin' from cache" not in second.stdout
    assert second.stdout.count("Stamping .pio/build/") == 2
    assert second.stdout.count("(stable): already published") == 2
    assert len(published(catalog)) == 2


def test_an_image_for_the_debugger_is_neither_stamped_nor_published(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(make_project, catalog, C3, ON_BUILD)

    run = project.run("-t", "__debug")

    assert run.ok, run.stdout
    assert read(project.image("c3").read_bytes()).stamp is None
    assert visible(catalog) == []


def test_an_unwritable_catalog_is_one_line(make_project: MakeProject, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("no directory")
    project = hooked(make_project, file, D1)

    run = project.run("-t", "upload_ota")

    assert run.returncode == 1
    (line,) = errors(run)
    assert str(file) in line


def test_a_server_that_is_not_there_is_one_line(make_project: MakeProject) -> None:
    project = hooked(make_project, "http://127.0.0.1:9", D1)

    run = project.run("-t", "upload_ota", env={"ACPUBLISH_TOKEN": "abcdefgh12345678"})

    assert run.returncode == 1
    (line,) = errors(run)
    assert "http://127.0.0.1:9" in line
    assert "abcdefgh12345678" not in run.stdout
    assert run.seconds < 60


@pytest.mark.parametrize(
    ("scripts", "said"),
    [
        ("pre:acpublish_ota.py", "Write extra_scripts = post:acpublish_ota.py"),
        ("post:acpublish_ota.py, post:again.py", "List acpublish's extra script only once"),
    ],
)
def test_trap_02_an_extra_script_in_the_wrong_place_is_refused(
    make_project: MakeProject, scripts: str, said: str
) -> None:
    sources = {**PLAIN, "again.py": SHIM}
    project = make_project(envs=D1, ini_extra=f"extra_scripts = {scripts}", sources=sources)

    run = project.run()

    assert run.returncode == 1
    (line,) = errors(run)
    assert said in line
    assert compiled(run) == []


def test_without_post_the_extra_script_runs_at_the_right_time_too(
    make_project: MakeProject,
) -> None:
    project = make_project(envs=D1, ini_extra="extra_scripts = acpublish_ota.py", sources=PLAIN)

    run = project.run()

    assert run.ok, run.stdout
    assert read(project.image("d1").read_bytes()).stampable
