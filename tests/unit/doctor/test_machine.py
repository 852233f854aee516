"""PlatformIO and its Python, as they are here, and as they may be elsewhere."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import acpublish
from acpublish.doctor.findings import Finding, State
from acpublish.doctor.machine import check_machine

Machine = Callable[..., list[Finding]]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the programs here are scripts of a shell")


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def pio(folder: Path, version: str, python: str | Path) -> Path:
    told = {"core_version": {"value": version}, "python_exe": {"value": str(python)}}
    return program(folder / "pio", f"echo {shlex.quote(json.dumps(told))}")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    def check(path: Path | str = "") -> list[Finding]:
        core = tmp_path / "core"
        return check_machine({"PATH": str(path), "PLATFORMIO_CORE_DIR": str(core), "LANG": "C"})

    return check


def states(found: list[Finding]) -> list[tuple[str, State]]:
    return [(one.name, one.state) for one in found]


def test_this_environment(machine: Machine) -> None:
    pytest.importorskip("platformio")
    found = machine(Path(sys.executable).parent)
    assert states(found) == [("platformio", State.OK), ("acpublish", State.OK)]
    assert acpublish.__version__ in found[1].what


def test_no_pio_is_not_checked(machine: Machine, tmp_path: Path) -> None:
    (found,) = machine(tmp_path)
    assert (found.name, found.state) == ("platformio", State.NOT_CHECKED)


@pytest.mark.parametrize(
    ("version", "state"),
    [
        ("6.1.17", State.WARNING),
        ("6.1.18", State.OK),
        ("6.2.0", State.OK),
        ("6.2.1b1", State.OK),
        ("6.3.0", State.WARNING),
        ("7.0.0a1", State.WARNING),
    ],
)
def test_versions_of_platformio(
    machine: Machine, tmp_path: Path, version: str, state: State
) -> None:
    pio(tmp_path / "bin", version, sys.executable)
    found = machine(tmp_path / "bin")[0]
    assert (found.name, found.state) == ("platformio", state)
    assert version in found.what
    assert ("platformio>=6.1.18,<6.3" in found.change) == (state is State.WARNING)


def test_a_python_without_acpublish(machine: Machine, tmp_path: Path) -> None:
    python = program(tmp_path / "python", f'exec {shlex.quote(sys.executable)} -S -I "$@"')
    pio(tmp_path / "bin", "6.2.0", python)
    found = machine(tmp_path / "bin")[1]
    assert (found.name, found.state) == ("acpublish", State.ERROR)
    assert found.change == f'Run "{python}" -m pip install acpublish.'


def test_a_python_without_pip_beside_uv(machine: Machine, tmp_path: Path) -> None:
    """So pioarduino makes the Python of its own environment."""
    python = program(tmp_path / "penv" / "python", "exit 1")
    uv = program(tmp_path / "penv" / "uv", "exit 1")
    pio(tmp_path / "bin", "6.2.0", python)
    found = machine(tmp_path / "bin")[1]
    assert found.change == f'Run "{uv}" pip install --python "{python}" acpublish.'


def test_a_python_with_another_acpublish(machine: Machine, tmp_path: Path) -> None:
    python = program(tmp_path / "python", "echo 9.9.9")
    pio(tmp_path / "bin", "6.2.0", python)
    found = machine(tmp_path / "bin")[1]
    assert (found.name, found.state) == ("acpublish", State.WARNING)
    assert "has acpublish 9.9.9" in found.what
    assert found.change.endswith(f"acpublish=={acpublish.__version__}.")


def test_a_python_that_is_gone(machine: Machine, tmp_path: Path) -> None:
    pio(tmp_path / "bin", "6.2.0", tmp_path / "gone" / "python")
    assert states(machine(tmp_path / "bin"))[1] == ("acpublish", State.ERROR)


@pytest.mark.parametrize("says", ["exit 1", "echo nonsense", "echo '[]'", "echo '{}'"])
def test_a_pio_that_does_not_run(machine: Machine, tmp_path: Path, says: str) -> None:
    program(tmp_path / "bin" / "pio", says)
    (found,) = machine(tmp_path / "bin")
    assert (found.name, found.state) == ("platformio", State.NOT_CHECKED)


def test_the_pio_of_an_editor_is_looked_at_too(machine: Machine, tmp_path: Path) -> None:
    """PlatformIO's extension for VS Code installs into its own folder, and leaves PATH alone."""
    python = program(tmp_path / "python", "exit 1")
    pio(tmp_path / "bin", "6.2.0", sys.executable)
    pio(tmp_path / "core" / "penv" / "bin", "6.1.19", python)
    found = machine(tmp_path / "bin")
    assert states(found) == [
        ("platformio", State.OK),
        ("acpublish", State.OK),
        ("platformio", State.OK),
        ("acpublish", State.ERROR),
    ]
    assert "6.1.19" in found[2].what


def test_one_pio_of_two_names_is_looked_at_once(machine: Machine, tmp_path: Path) -> None:
    there = pio(tmp_path / "core" / "penv" / "bin", "6.2.0", sys.executable)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "platformio").symlink_to(there)
    assert len(machine(tmp_path / "bin")) == 2
