"""Fixtures for tests that run PlatformIO.

``ACPUBLISH_TEST_PIO`` names the interpreter that runs it, in an environment of its own with another
version: ``make test-all`` runs these tests once for each version that we hold to.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pytest

from tests.support.pio import Project, make_core_dir, missing_part


class MakeProject(Protocol):
    """Creates a project in the test's directory; see ``Project.make``."""

    def __call__(
        self,
        name: str = "lamp",
        *,
        envs: Mapping[str, str | Mapping[str, str]],
        ini_extra: str = "",
        sources: Mapping[str, str] | None = None,
    ) -> Project: ...


@pytest.fixture(scope="session")
def pio_python() -> str:
    """The interpreter that runs PlatformIO."""
    return os.environ.get("ACPUBLISH_TEST_PIO", sys.executable)


@pytest.fixture(scope="session")
def pio_core(tmp_path_factory: pytest.TempPathFactory, pio_python: str) -> Path:
    """One core directory per test session; under pytest-xdist, one per worker."""
    if reason := missing_part():
        pytest.skip(reason)
    return make_core_dir(tmp_path_factory.mktemp("platformio") / "core", python=pio_python)


@pytest.fixture
def make_project(pio_core: Path, pio_python: str, tmp_path: Path) -> MakeProject:
    """Makes projects below ``tmp_path``."""

    def make(
        name: str = "lamp",
        *,
        envs: Mapping[str, str | Mapping[str, str]],
        ini_extra: str = "",
        sources: Mapping[str, str] | None = None,
    ) -> Project:
        return Project.make(
            tmp_path,
            name,
            core=pio_core,
            envs=envs,
            ini_extra=ini_extra,
            sources=sources,
            python=pio_python,
        )

    return make
