from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from acpublish.pio.provenance import (
    build_flags,
    built_by,
    compiler,
    elf_digest,
    secret_macros,
)
from tests.unit.pio.projects import Platform


class Env(dict[str, Any]):
    """SCons' environment, as far as the provenance is read from it."""

    def PioPlatform(self) -> Any:
        return self.get("platform", Platform())

    def subst(self, text: str) -> str:
        return str(self[text.removeprefix("$")])


def library(name: str, version: str | None, *, dependent: bool = True) -> SimpleNamespace:
    return SimpleNamespace(name=name, version=version, dependent=dependent)


def test_framework_platform_core_and_linked_libraries() -> None:
    libraries = [
        library("AutoConnect", "1.4.2"),
        library("Local", None),
        library("Unused", "1.0.0", dependent=False),
    ]
    env = Env(PIOFRAMEWORK=["arduino", "espidf"], __PIO_LIB_BUILDERS=libraries)
    assert built_by(env) == {
        "framework": "arduino, espidf",
        "platform": "espressif8266 4.2.1",
        "core": "3.1.2",
        "libraries": "AutoConnect 1.4.2, Local ?",
    }


def test_what_a_run_does_not_know_is_left_out() -> None:
    platform = SimpleNamespace(name="espressif32", version="6.9.0", packages={})
    assert built_by(Env(platform=platform)) == {"framework": "", "platform": "espressif32 6.9.0"}


def test_many_libraries_are_shortened() -> None:
    env = Env(__PIO_LIB_BUILDERS=[library(f"Library{number}", "1.0.0") for number in range(100)])
    assert len(built_by(env)["libraries"]) == 1000
    assert built_by(env)["libraries"].endswith("…")


def test_the_compiler_reports_its_version(tmp_path: Path) -> None:
    program = tmp_path / "xtensa-gcc"
    program.write_text(f"#!{sys.executable}\nimport sys\nprint('10.3.0', *sys.argv[2:])\n")
    program.chmod(0o755)
    assert compiler(Env(CC=str(program), ENV={})) == {"compiler": "xtensa-gcc 10.3.0"}
    program.write_text(f"#!{sys.executable}\nraise SystemExit(1)\n")
    assert compiler(Env(CC=str(program), ENV={})) == {}
    assert compiler(Env(CC=str(tmp_path / "missing"), ENV={})) == {}
    assert compiler(Env()) == {}


def test_the_digest_of_a_program_and_of_none(tmp_path: Path) -> None:
    (tmp_path / "firmware.elf").write_bytes(b"elf")
    digest = hashlib.sha256(b"elf").hexdigest()
    assert elf_digest(tmp_path / "firmware.elf") == {"elf_sha256": digest}
    assert elf_digest(tmp_path / "missing.elf") == {}


def test_secrets_in_the_flags_are_masked() -> None:
    flags = [
        *("-Wall", "-DWIFI_PASS=hunter22", "-DNAME=swordfish"),
        "-DHOST=http://me:pa55word@example.com/",
    ]
    shown = build_flags(Env(BUILD_FLAGS=flags), {"-D NAME": "swordfish"})["build_flags"]
    for secret in ("hunter22", "swordfish", "pa55word"):
        assert secret not in shown
    assert "-Wall" in shown
    assert "example.com" in shown
    assert build_flags(Env(), {}) == {}
    assert len(build_flags(Env(BUILD_FLAGS=["-DA"] * 900), {})["build_flags"]) == 1000


def test_a_secret_that_contains_another_is_masked_as_a_whole() -> None:
    secrets = {"-D A": "swordfish", "-D B": "swordfish-two"}
    shown = build_flags(Env(BUILD_FLAGS=["-DNAME=swordfish-two"]), secrets)
    assert "two" not in shown["build_flags"]


@pytest.mark.parametrize(
    "defines",
    [
        [("WIFI_PASS", '\\"hunter 22\\"'), "DEBUG", ("ARDUINO", 10805)],
        ["WIFI_PASS='\"hunter 22\"'"],
        [{"WIFI_PASS": '"hunter 22"'}],
        {"WIFI_PASS": "hunter 22", "KEYBOARD": "qwertz"},
        [["WIFI_PASS", "hunter 22"], ("TOKEN", None), ("PSK", "")],
    ],
)
def test_what_scons_allows(defines: Any) -> None:
    assert secret_macros({"CPPDEFINES": defines}) == {"-D WIFI_PASS": "hunter 22"}


def test_environments_that_are_not_there() -> None:
    assert secret_macros({}, None) == {}
    assert secret_macros({}, {"CPPDEFINES": ["API_KEY=abc"]}) == {"-D API_KEY": "abc"}
