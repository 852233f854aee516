"""PlatformIO projects as the hook reads them, without SCons or PlatformIO."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from acpublish.pio.project import Project
from acpublish.pio.run_state import Hook


class Config:
    """platformio.ini, as PlatformIO's ProjectConfig provides it."""

    def __init__(self, envs: Mapping[str, Mapping[str, Any]], default: list[str] | None) -> None:
        self._envs = envs
        self._default = default or []

    def get(self, section: str, option: str, default: Any = None) -> Any:
        return self._envs[section.removeprefix("env:")].get(option, default)

    def options(self, env: str) -> list[str]:
        return list(self._envs[env])

    def envs(self) -> list[str]:
        return list(self._envs)

    def default_envs(self) -> list[str]:
        return self._default


class Platform:
    """The development platform, with the only package that the hook looks up."""

    name, version = "espressif8266", "4.2.1"
    packages: ClassVar[dict[str, dict[str, str]]] = {"framework-arduinoespressif8266": {}}

    def get_package_version(self, name: str) -> str | None:
        assert name in self.packages
        return "3.30102.0"


class Env(dict[str, Any]):
    """SCons' environment, as far as the project is read from it."""

    def __init__(
        self,
        directory: Path,
        envs: Mapping[str, Mapping[str, Any]],
        default: list[str] | None = None,
    ) -> None:
        name = next(iter(envs))
        super().__init__(PIOENV=name, BOARD=envs[name]["board"], PIOFRAMEWORK=["arduino"])
        self._config = Config(envs, default)
        self._paths = {"$PROJECT_DIR": str(directory), "$BUILD_DIR": str(directory / "build")}

    def subst(self, text: str) -> str:
        return self._paths[text]

    def BoardConfig(self) -> dict[str, str]:
        return {"build.mcu": "esp8266"}

    def GetProjectConfig(self) -> Config:
        return self._config

    def PioPlatform(self) -> Any:
        return Platform()


def environment(**options: Any) -> dict[str, Any]:
    """Returns the options of an environment that publishes."""
    return {
        "board": "d1_mini",
        "extra_scripts": ["post:acpublish_ota.py"],
        "custom_ota_to": "releases",
        "custom_ota_version": "1.0.0",
        **options,
    }


def read_project(
    directory: Path, *envs: dict[str, Any], default: list[str] | None = None
) -> Project:
    """Reads a project whose environments are called a, b, c …; a is the one that is built."""
    project = Project.of(Env(directory, dict(zip("abc", envs, strict=False)), default))
    assert project is not None
    return project


def hook_of(project: Project, **state: Any) -> Hook:
    """Returns what the actions of a run share."""
    return Hook(project=project, source=project.version_source(), **state)
