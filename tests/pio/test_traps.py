"""The traps of PlatformIO, by number: each has a test ``test_trap_NN_…`` with a real run.

=== ============================================================ ===================================
No. PlatformIO or SCons                                          What has to hold; the tests' module
=== ============================================================ ===================================
 1  An action after the image is not run again when it failed:   A publish that failed or was killed
    the image is there, and the next build succeeds.             is tried again: test_hook_on_build
 2  Targets of a ``pre:`` script, or of a library's, are         Such a place is refused, and the
    dropped from the second build on, without a word.            way out named: test_hook_refusals,
                                                                 here
 3  A target of its own runs each time and builds first, but     It publishes the image as it is:
    with ``nobuild`` takes what is there.                        test_hook_upload
 4  With several jobs an action runs in a thread; its output     The run fails with one line, and
    is a pipe; its result is what the run comes to.              draws no bar: here
 5  Environments are processes of their own.                     One that fails stops no other:
                                                                 test_hook_environments
 6  Scripts run in the interpreter that runs PlatformIO.         Without acpublish there, one line
                                                                 says how: test_hook_refusals
 7  A script has no ``__file__``, and not the caller's           Paths are relative to the project:
    directory as its own.                                        here
 8  A macro that changes has everything compiled anew.           A version compiles nothing, another
                                                                 product only what includes the
                                                                 header: test_hook_versions
 9  Options of our own are texts; arguments of a run, and        All are heard, in their order:
    ``targets`` in the ini, come by other ways.                  test_hook_targets, test_hook_upload
10  From ``build_cache_dir`` an image comes without the          It is made, stamped and published:
    actions after it.                                            test_hook_refusals
11  SCons does not see that an image was changed in place.       A stamp is written once, and said
                                                                 in one line: here
12  Any edit of platformio.ini wipes the folder of the build.    The record is gone, and yet nothing
                                                                 is published twice: here
13  What a script adds to the sources is not compiled any more   A record is linked in all the same,
    after PlatformIO has read them.                              and survives: test_hook_upload
=== ============================================================ ===================================
"""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from acpublish.image.reader import read
from tests.pio.conftest import MakeProject
from tests.pio.hooked import (
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

COUNT = 13
#: Traps, by number, that are not about our behaviour, each with the reason.
NOT_OURS: dict[int, str] = {}
LIBRARY = '{"name": "lamp-ota", "version": "1.0.0", "build": {"extraScript": "acpublish_ota.py"}}'


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog"
    path.mkdir()
    return path


def test_each_trap_has_its_tests() -> None:
    found: dict[int, set[str]] = {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        for one in ast.parse(path.read_text(encoding="utf-8")).body:
            number = re.match(r"test_trap_(\d\d)_", getattr(one, "name", ""))
            if number:
                where = "here" if path == Path(__file__) else path.stem
                found.setdefault(int(number[1]), set()).add(where)
    told = re.split(r"^ ?(\d+)  ", __doc__ or "", flags=re.M)[1:]
    table = {
        int(number): set(re.findall(r"\btest_hook_\w+|\bhere\b(?=[.,]?$)", row, re.M))
        for number, row in zip(told[::2], told[1::2], strict=True)
    }

    assert sorted({*found, *NOT_OURS}) == list(range(1, COUNT + 1))
    assert {number: places for number, places in table.items() if number not in NOT_OURS} == found


@pytest.mark.pio
def test_trap_02_a_script_of_a_library_is_refused(make_project: MakeProject, catalog: Path) -> None:
    lines = ["lib_deps = lamp-ota", f"custom_ota_to = {catalog}", "custom_ota_version = 1.0.0"]
    library = {"library.json": LIBRARY, "acpublish_ota.py": SHIM, "lamp_ota.h": ""}
    sources = {f"lib/lamp-ota/{name}": text for name, text in library.items()}
    sketch = SKETCH.replace("#include <acp", "#include <lamp_ota.h>\n#include <acp")
    project = make_project(
        envs=D1, ini_extra="\n".join(lines), sources={**sources, "src/main.cpp": sketch}
    )

    runs = [project.run("-t", "upload_ota") for _ in range(2)]

    for run in runs:
        assert run.returncode == 1
        (line,) = errors(run)
        assert "is run by a library" in line
        assert "Write extra_scripts = post:acpublish_ota.py" in line
        assert compiled(run) == []
    assert visible(catalog) == []


@pytest.mark.pio
def test_trap_04_an_action_in_a_thread_fails_the_run(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(make_project, catalog, C3)
    catalog.rmdir()

    failed = project.run("-j", "4", "-t", "upload_ota")
    catalog.mkdir()
    done = project.run("-j", "4", "-t", "upload_ota")

    assert failed.returncode == 1
    assert len(errors(failed)) == 1
    assert done.ok, done.stdout
    assert not re.search(r"[\r\x1b]", failed.stdout + done.stdout)
    assert len(visible(catalog)) == 1


@pytest.mark.pio
def test_trap_07_paths_are_relative_to_the_project_wherever_pio_is_run(
    make_project: MakeProject, tmp_path: Path
) -> None:
    project = hooked(make_project, "released", D1, sources={"scripts/acpublish_ota.py": SHIM})
    (project.root / "released").mkdir()
    (project.root / "acpublish_ota.py").unlink()
    ini = (project.root / "platformio.ini").read_text()
    project.write("platformio.ini", ini.replace("post:", "post:scripts/"))

    done = subprocess.run(
        project.command("-t", "upload_ota"),
        env=clean_environment(project.core),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert visible(project.root / "released") == ["lamp/lamp-1.0.0_d1_mini.bin"]


@pytest.mark.pio
def test_trap_11_a_stamp_in_place_is_written_once(make_project: MakeProject, catalog: Path) -> None:
    project = hooked(make_project, catalog, D1)

    first = project.run()
    image = project.image("d1").read_bytes()
    second = project.run()

    assert first.ok, first.stdout
    assert first.stdout.splitlines().count("Stamping .pio/build/d1/firmware.bin") == 1
    assert read(image).stamp is not None
    assert second.ok, second.stdout
    assert compiled(second) == []
    assert not re.search(r"Linking|Building \.pio|Stamping", second.stdout)
    assert project.image("d1").read_bytes() == image


@pytest.mark.pio
def test_trap_12_an_edit_of_the_ini_publishes_nothing_twice(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(make_project, catalog, C3, ON_BUILD)
    first = project.run()
    record = project.build_dir("c3") / "acpublish.json"
    before = (record.read_text(), published(catalog))

    ini = project.root / "platformio.ini"
    ini.write_text(ini.read_text() + "\nmonitor_speed = 115200\n")
    second = project.run()

    assert first.ok, first.stdout
    assert second.ok, second.stdout
    assert len(compiled(second)) == len(compiled(first))
    assert "lamp 1.0.0 for esp32-c3-devkitm-1 (stable): already published" in second.stdout
    assert (record.read_text(), published(catalog)) == before
